"""Layers whose name is a number, in the sentences of findings and of checks."""

from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.layer_names import name_layers, with_named_layers
from newllm.messages import catalogue, message
from newllm.trace import Finding

KINDS = {"2": "Conv2d", "head": "Linear", "5": "Linear"}
DEAD = message(
    "finding-dead-units.sentence", worst="2", share=1.0, layers=message("names-and-more", names="2, head, 7", more=0)
)


def test_a_number_is_said_with_the_kind_of_its_layer_or_quoted() -> None:
    said = str(name_layers(DEAD, KINDS))
    assert "the units of layer 2 (Conv2d) are zero" in said
    assert '(layers: 2 (Conv2d), head, "7")' in said
    assert 'the units of "2" are zero' in str(name_layers(DEAD, {}))
    assert "層2\N{FULLWIDTH LEFT PARENTHESIS}Conv2d\N{FULLWIDTH RIGHT PARENTHESIS}のユニット" in catalogue("ja").text(
        name_layers(DEAD, KINDS)
    )


def test_a_weight_and_a_signal_of_a_layer_are_said_with_its_kind() -> None:
    weight = message("check-answers.wrong", name="5.weight", column=1, columns=2, rows=3)
    assert "the input 5.weight (Linear) is" in str(name_layers(weight, KINDS))
    grown = message(
        "finding-activation-growth.sentence",
        worst="activation_rms/2",
        factor=12.0,
        last=40.0,
        signals="activation_rms/2",
    )
    assert str(name_layers(grown, KINDS)).startswith("activation RMS of layer 2 (Conv2d) has grown")


def test_names_that_are_words_and_numbers_that_were_measured_stay() -> None:
    for said in (
        message("finding-dead-units.sentence", worst="blocks.2", share=0.9, layers="blocks.2"),
        message("x", worst=2.0),
    ):
        assert name_layers(said, KINDS) is said


def test_a_finding_keeps_its_evidence_as_it_is() -> None:
    finding = Finding(kind="dead-units", severity="warning", sentence=DEAD, test=DEAD, evidence={"worst": "2"})
    (named,) = with_named_layers([finding], Facts(layers=(Layer("2", "Conv2d"),)))
    assert named.evidence == {"worst": "2"}
    assert named.test == named.sentence != DEAD
