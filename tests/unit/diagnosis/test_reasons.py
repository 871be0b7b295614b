"""All that may speak for a cause: seen in some run, said in both languages with every number it has, and counted."""

import re
from pathlib import Path

import pytest
from tests.unit.diagnosis.cases import known
from tests.unit.diagnosis.test_at_first import CAUSES as AT_FIRST
from tests.unit.diagnosis.test_evidence_limits import LIMITS
from tests.unit.diagnosis.test_evidence_shapes import SHAPES
from tests.unit.diagnosis.test_given_and_asked import GIVEN

from newllm.diagnosis.causes import seen
from newllm.diagnosis.causes.evidence import EVIDENCE, counts
from newllm.diagnosis.causes.known import CAUSES
from newllm.diagnosis.causes.look import Itself
from newllm.messages import Message, catalogue
from newllm.messages.catalogue import FOLDER
from newllm.words.labels import cause_label

EN, JA = catalogue("en"), catalogue("ja")
FINDINGS = [
    known(kind=one.look.kind, causes=(one.look.first,)) for one in EVIDENCE if isinstance(one.look, Itself)
]  # of which each is its own evidence
FOUND: dict[str, Message] = {
    cause.reason.id: cause.reason
    for case in [*(known(**what) for _, what, _ in [*LIMITS, *SHAPES, *GIVEN]), *FINDINGS]
    for _, cause in seen(case)
    if cause.reason is not None
} | {cause.reason.id: cause.reason for cause in AT_FIRST if cause.reason is not None}


def test_each_reason_is_given_by_some_case() -> None:
    assert (
        set(FOUND) == {name for name in EN.names if name.startswith("because-")} == {one.sentence for one in EVIDENCE}
    )


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_reason_says_all_its_parameters_in_both_languages(name: str) -> None:
    for words, lang in ((EN, "en"), (JA, "ja")):
        said = words.text(FOUND[name])
        assert said
        assert "{" not in said
        assert not said.endswith((".", "。"))  # it follows the name of a cause
        assert any("\u3040" <= letter <= "\u9fff" for letter in said) is (lang == "ja")
        assert set(FOUND[name].parameters) == _variables(FOLDER / lang / "causes.ftl", name)


def _variables(file: Path, name: str) -> set[str]:
    entry = re.search(rf"^{name} = .*\n(?:[ \*\[\}}].*\n)*", file.read_text("utf-8"), re.MULTILINE)
    assert entry is not None
    return set(re.findall(r"\$(\w+)", entry[0])) | ({"axis"} if "axis-unit" in entry[0] else set())


def test_each_cause_has_a_name_in_both_languages() -> None:
    for cause in CAUSES:
        assert f"term-{cause}" in EN or cause == "beta2", cause
        assert cause_label(JA, cause) != cause


def test_each_row_has_one_name_and_speaks_for_a_cause_that_is_known() -> None:
    assert len({one.id for one in EVIDENCE}) == len(EVIDENCE)
    assert {one.cause for one in EVIDENCE} <= set(CAUSES)
    firsts = [bool(one.argument) for one in EVIDENCE]
    assert firsts == sorted(firsts, reverse=True)  # what names a cause comes before what leaves it open


def test_each_row_is_counted_and_the_runs_bear_it_out() -> None:
    rows = counts()["rows"]
    assert list(rows) == [one.id for one in EVIDENCE]
    for one in EVIDENCE:
        right, wrong = (sum(rows[one.id][word].values()) for word in ("right", "wrong"))
        assert wrong <= right, f"{one.id} was wrong in {wrong} kinds of run and right in {right}: take it out"
