"""What a loss asks for, read off the gradient of the logits while somebody trains."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.trace import read_trace

CLASSES = 5


class Tokens(nn.Module):
    """Logits for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(20, 8), nn.Linear(8, 20)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.head(self.embedding(tokens_BT))


def train(
    out: Path,
    model: nn.Module,
    batches: list[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    passes: int = 1,
) -> dict[str, dict[int, float]]:
    """Train on each batch and return the signals by name and step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for inputs, targets in batches:
            optimizer.zero_grad()
            value = torch.zeros(())
            for _ in range(passes):
                value = loss(model(inputs), targets)
                value.backward()
            optimizer.step()
            recorder.step(value)
    assert not json.loads((out / "recording.json").read_text())["remarks"]
    signals: dict[str, dict[int, float]] = {}
    for line in (out / "trace.jsonl").read_text().splitlines():
        row = json.loads(line)
        for name, number in row.get("signals", row).items():
            signals.setdefault(name, {})[row["step"]] = number
    return signals


def classified(steps: int = 4) -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, CLASSES))
    return model, [(torch.randn(32, 6), torch.randint(0, CLASSES, (32,))) for _ in range(steps)]


@pytest.mark.parametrize(
    ("loss", "multiple"),
    [
        (F.cross_entropy, 1.0),
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), 32.0),
        (lambda z, y: F.nll_loss(z.log_softmax(-1), y), 1.0),
        (lambda z, y: F.cross_entropy(z, y) / 4, 0.25),
    ],
)
def test_a_cross_entropy_is_known_with_what_multiplies_it(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor], multiple: float
) -> None:
    model, batches = classified()
    found = train(tmp_path / "run", model, batches, loss)
    assert set(found["cross_entropy"].values()) == {1.0}
    assert found["loss_multiple"][3] == pytest.approx(multiple, rel=1e-3)
    assert found["loss_targets"][3] == 32.0
    counts = batches[2][1].bincount()
    assert found["target_classes"][3] == float((counts > 0).sum())
    assert found["target_most_share"][3] == pytest.approx(float(counts.max()) / 32)


def test_the_class_that_the_loss_leaves_out_is_named(tmp_path: Path) -> None:
    model, batches = classified()
    found = train(tmp_path / "left-out", model, batches, lambda z, y: F.cross_entropy(z, y, ignore_index=3))
    assert set(found["class_unasked"].values()) == {3.0}
    assert found["targets_used"][1] == pytest.approx(float((batches[0][1] != 3).double().mean()))
    unlabelled = [(x, torch.where(torch.arange(32) < 9, -100, y)) for x, y in batches]
    assert "class_unasked" not in train(tmp_path / "unlabelled", model, unlabelled, F.cross_entropy)
    rare = [(x, y % 4) for x, y in batches]  # a class that the data do not have, and no row without a gradient
    assert "class_unasked" not in train(tmp_path / "rare", model, rare, F.cross_entropy)
    text = [(torch.randint(1, 19, (4, 9)) * (torch.arange(9) < 6), torch.zeros(4, 9).long()) for _ in range(3)]
    padded = [(x, x.roll(-1, 1)) for x, _ in text]
    of_text = train(
        tmp_path / "text", Tokens(), padded, lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten(), ignore_index=0)
    )
    assert "class_unasked" not in of_text


def test_micro_batches_that_are_not_divided_add_up(tmp_path: Path) -> None:
    model, batches = classified()
    assert train(tmp_path / "run", model, batches, F.cross_entropy, passes=4)["loss_multiple"][2] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("softmax_twice", lambda z, y: F.cross_entropy(z.softmax(-1), y)),
        ("log_softmax_missing", F.nll_loss),
        ("log_missing", lambda z, y: F.nll_loss(z.softmax(-1), y)),
    ],
)
def test_a_mistake_in_the_form_of_the_loss_shows(
    tmp_path: Path, name: str, loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    model, batches = classified()
    found = train(tmp_path / "run", model, batches, loss)
    assert set(found[name].values()) == {1.0}
    assert set(found["cross_entropy"].values()) == {0.0}
    mistakes = {"softmax_twice", "log_softmax_missing", "log_missing"}
    assert mistakes & found.keys() == {name}


class OverRows(nn.Module):
    """Log-probabilities over an axis of the batch."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.head, self.axis = nn.Linear(6, CLASSES), axis

    def forward(self, inputs_NI: Tensor) -> Tensor:
        return self.head(inputs_NI).log_softmax(self.axis)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_softmax_over_the_rows_is_told_from_one_that_is_missing(tmp_path: Path, axis: int) -> None:
    torch.manual_seed(0)
    found = train(tmp_path / "run", OverRows(axis), classified()[1], F.nll_loss)
    assert ("softmax_over_batch" in found) is (axis == 0)
    assert "log_softmax_missing" not in found


def mixed(z: Tensor, y: Tensor, share: float = 0.7) -> Tensor:
    return share * F.cross_entropy(z, y) + (1 - share) * F.cross_entropy(z, (y + 1) % CLASSES)


ON_LOGITS = {"relu_on_logits", "sigmoid_on_logits", "tanh_on_logits", "dropout_on_logits"}


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("classes", [2, CLASSES])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_activation_between_the_output_and_the_loss_shows(
    tmp_path: Path, name: str, classes: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, classes)).to(dtype)
    batches = [(2 * torch.randn(64, 6, dtype=dtype), torch.randint(0, classes, (64,))) for _ in range(4)]
    found = train(tmp_path / "run", model, batches, lambda z, y: F.cross_entropy(getattr(torch, name)(z).float(), y))
    is_told = name == "relu" or classes > 2  # of two classes a sigmoid's slope says too little
    assert ON_LOGITS & found.keys() == ({f"{name}_on_logits"} if is_told else set())
    if is_told:
        assert len(found[f"{name}_on_logits"]) >= (4 if classes > 2 else 2)  # rows of which ReLU leaves one say nothing


@pytest.mark.parametrize("layer", [nn.Sigmoid(), nn.Tanh(), nn.Dropout(0.3)])
def test_an_activation_behind_the_last_layer_shows(tmp_path: Path, layer: nn.Module) -> None:
    model, batches = classified()
    found = train(tmp_path / "run", nn.Sequential(*model.children(), layer), batches, F.cross_entropy)
    assert ON_LOGITS & found.keys() == {f"{type(layer).__name__.lower()}_on_logits"}


def squared(z: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(z.sigmoid(), F.one_hot(y, CLASSES).float())


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        mixed,
        squared,
        lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1),
        lambda z, y: F.binary_cross_entropy_with_logits(z, F.one_hot(y, CLASSES).float()),
        lambda z, y: F.binary_cross_entropy(z.relu().sigmoid(), F.one_hot(y, CLASSES).float()),
        lambda z, y: F.multi_margin_loss(z, y),
        lambda z, y: F.cross_entropy(10 * F.normalize(z, dim=1), y),
        lambda z, y: -(z.log_softmax(-1).exp() * torch.randn(len(y))[:, None]).gather(1, y[:, None]).mean(),
        lambda z, y: F.nll_loss(F.logsigmoid(z), y),
    ],
)
def test_other_losses_have_no_activation_on_their_logits(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    model, batches = classified()
    assert not ON_LOGITS & train(tmp_path / "run", model, batches, loss).keys()


def test_logits_of_zero_are_no_dropout_where_a_whole_class_or_row_has_them(tmp_path: Path) -> None:
    model, batches = classified()
    column = torch.ones(CLASSES).index_fill(0, torch.tensor(1), 0)
    for name, mask in (("class", column), ("rows", torch.arange(32)[:, None] % 2)):
        few = [(x[:32], y[:32]) for x, y in batches]
        loss = lambda z, y: F.cross_entropy(z, y)  # noqa: E731

        class Masked(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layers = model

            def forward(self, x: Tensor) -> Tensor:
                return self.layers(x) * mask  # noqa: B023

        assert not ON_LOGITS & train(tmp_path / name, Masked(), few, loss).keys()


@pytest.mark.parametrize(
    ("loss", "shares"),
    [
        (lambda z, y: F.cross_entropy(z, y, label_smoothing=0.2), [0.84, 0.04, 0.04, 0.04, 0.04]),
        (mixed, [0.7, 0.3]),
    ],
)
def test_the_entropy_of_targets_that_are_no_single_class_is_known(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor], shares: list[float]
) -> None:
    model, batches = classified()
    found = train(tmp_path / "run", model, batches, loss)["target_entropy"]
    assert list(found.values()) == pytest.approx([-sum(p * math.log(p) for p in shares)] * 4, abs=1e-3)


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        lambda z, y: F.cross_entropy(z, y, label_smoothing=0.2, reduction="sum"),
        lambda z, y: 1e-4 * F.mse_loss(z.softmax(-1), F.one_hot(y, CLASSES).float()),
        lambda z, y: F.kl_div(z.log_softmax(-1), (z.detach() + y[:, None]).sin().softmax(-1), reduction="batchmean"),
    ],
)
def test_of_other_targets_no_entropy_is_taken(tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    model, batches = classified()
    assert "target_entropy" not in train(tmp_path / "run", model, batches, loss)


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: F.mse_loss(z, F.one_hot(y, CLASSES).float()),
        lambda z, y: F.binary_cross_entropy_with_logits(z, F.one_hot(y, CLASSES).float()),
        lambda z, y: F.multi_margin_loss(z, y),
        lambda z, _: z.square().mean(),
        lambda z, _: F.cross_entropy(z, torch.full_like(z, 1 / CLASSES)),
    ],
)
def test_of_another_loss_nothing_is_said(tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    model, batches = classified()
    assert "cross_entropy" not in train(tmp_path / "run", model, batches, loss)


def test_rows_that_come_again_with_another_target_are_counted(tmp_path: Path) -> None:
    model, batches = classified(1)
    inputs, targets = batches[0]
    changed = torch.where(torch.arange(32) < 8, (targets + 1) % CLASSES, targets)
    again = [(inputs, targets), (inputs, targets), (inputs, changed), (torch.randn(32, 6), targets)]
    found = train(tmp_path / "run", model, again, F.cross_entropy)
    assert found["targets_again"] == {2: 32.0, 3: 32.0}
    assert found["targets_changed"] == {2: 0.0, 3: 0.25}


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_target_is_held_against_the_tokens(tmp_path: Path, shift: int) -> None:
    torch.manual_seed(0)
    text = torch.randint(0, 20, (4, 34))
    batches = [(text[:, :32], text[:, shift : 32 + shift])] * 2

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(z.flatten(0, 1), y.flatten())

    found = train(tmp_path / "run", Tokens(), batches, loss)
    for at, name in enumerate(("target_is_input", "target_is_next", "target_is_second")):
        assert (found[name][1] == 1.0) == (at == shift)


def test_places_that_are_left_out_are_no_targets(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokens = torch.randint(0, 20, (4, 32))
    targets = torch.where(torch.arange(32) < 24, -100, tokens.roll(-1, 1))

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(z.flatten(0, 1), y.flatten())

    found = train(tmp_path / "run", Tokens(), [(tokens, targets)], loss)
    assert found["targets_used"] == {1: 0.25}
    assert found["loss_targets"][1] == 32.0
    assert found["loss_multiple"][1] == pytest.approx(1.0, rel=1e-3)


def test_of_many_logits_some_are_looked_at_and_the_rest_is_counted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    found = train(tmp_path / "run", model, [(torch.randn(2000, 4), torch.arange(2000) % 3)], F.cross_entropy)
    assert 300 < found["targets"][1] <= 512
    assert found["loss_targets"][1] == 2000.0
    assert found["loss_multiple"][1] == pytest.approx(1.0, rel=1e-3)


class Writer(nn.Module):
    """Reads a source, and writes with what it has written so far."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.written, self.head = nn.Embedding(20, 8), nn.Embedding(20, 8), nn.Linear(8, 20)

    def forward(self, source_BT: Tensor, written_BT: Tensor) -> Tensor:
        return self.head(self.source(source_BT) + self.written(written_BT))


@pytest.mark.parametrize(("seen", "signal"), [(0, "target_is_input"), (1, "target_is_next")])
def test_what_a_decoder_has_written_is_held_against_its_targets_too(tmp_path: Path, seen: int, signal: str) -> None:
    torch.manual_seed(0)
    model, batches = Writer(), []
    for _ in range(3):
        text = torch.randint(0, 20, (8, 11))
        batches.append((torch.stack((torch.randint(0, 20, (8, 10)), text[:, 1 - seen : 11 - seen])), text[:, 1:]))
    found = train(tmp_path / "run", Pair(model), batches, lambda z, y: F.cross_entropy(z.transpose(1, 2), y))
    assert found[signal][2] == 1.0
    assert {one for one in ("target_is_input", "target_is_next") if found[one][2] > 0.5} == {signal}


class Pair(nn.Module):
    """Gives both parts of a stacked input to a model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.register_forward_pre_hook(lambda _, given: (given[0].unbind(0),))

    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return self.model(*both)


def tagged(*, at_front: bool = False, lengths: range = range(3, 12)) -> list[tuple[Tensor, Tensor]]:
    """Texts of different lengths, filled up with token 0 to twelve, and a tag for each place: 0 for padding."""
    torch.manual_seed(0)
    batches = []
    for _ in range(4):
        tokens = torch.randint(1, 20, (16, 12))
        for row in tokens:
            length = lengths[int(torch.randint(len(lengths), ()))]
            row[slice(0, 12 - length) if at_front else slice(length, 12)] = 0
        batches.append((tokens, torch.where(tokens > 0, tokens % 5 + 1, 0)))
    return batches


def tags(logits_BTV: Tensor, targets_BT: Tensor, left_out: int = -100) -> Tensor:
    return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), ignore_index=left_out)


@pytest.mark.parametrize("at_front", [False, True])
def test_padding_that_a_loss_counts_is_counted(tmp_path: Path, at_front: bool) -> None:
    batches = tagged(at_front=at_front)
    counted = train(tmp_path / "counted", Tokens(), batches, tags)["targets_padding"]
    for (tokens, _), share in zip(batches, counted.values(), strict=True):
        assert share == pytest.approx(float((tokens == 0).float().mean()), abs=1e-6)
    left_out = train(tmp_path / "out", Tokens(), batches, lambda z, y: tags(z, y, left_out=0))
    assert set(left_out["targets_padding"].values()) == {0.0}


@pytest.mark.parametrize(
    "changed",
    [
        lambda tokens: tokens.clamp(min=1),  # texts of one length
        lambda tokens: torch.where(torch.arange(12) < 8, tokens.clamp(min=1), 0),  # filled up alike: blanks of a task
        lambda tokens: torch.where(torch.arange(12) == 1, 0, tokens),  # a token that stands in the texts, too
    ],
)
def test_tokens_that_only_look_like_padding_are_not_counted(tmp_path: Path, changed: Callable) -> None:
    batches = [(changed(tokens), targets) for tokens, targets in tagged()]
    assert "targets_padding" not in train(tmp_path / "run", Tokens(), batches, tags)


def test_right_answers_and_wrong_ones_that_follow_a_rule_are_counted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    inputs, model = torch.eye(CLASSES).repeat(8, 1) * 5, nn.Linear(CLASSES, CLASSES)
    nn.init.eye_(model.weight)
    ids = inputs.argmax(-1)
    half = torch.arange(len(ids)) < len(ids) // 2
    renamed = torch.where(half, (ids + 1) % CLASSES, ids)
    noise = torch.where(half, torch.randint(0, CLASSES, ids.shape), ids)
    found = train(tmp_path / "run", model, [(inputs, ids), (inputs, renamed), (inputs, noise)], F.cross_entropy)
    assert found["targets_right"][1] == 1.0
    assert found["targets_right"][2] == 0.5
    assert found["targets_told"][2] == 1.0
    assert found["targets_told"][3] < 0.5
    assert 1 not in found["targets_told"]


@pytest.mark.parametrize("masked", [0, 3])
def test_texts_of_which_the_loss_counts_no_place_are_counted(masked: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(12, 8), nn.Linear(8, 12))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    tokens = torch.randint(12, (4, 10))
    targets = torch.where(torch.rand(4, 10) < 0.5, tokens.roll(-1, 1), -100)
    targets[:, -2], targets[:masked] = tokens[:, -1], -100
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        recorder.step(loss)
    assert read_trace(tmp_path / "run" / "trace.jsonl").series("rows_unasked").value.tolist() == [masked / 4]


class TwoHeads(nn.Module):
    """Says whether a picture is one, and of which class."""

    def __init__(self, twice: bool) -> None:
        super().__init__()
        self.classes, self.valid, self.twice = nn.Linear(6, 5), nn.Linear(6, 1), twice

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        classes = self.classes(x)
        return self.valid(x), classes.softmax(1) if self.twice else classes


def _forms(out: Path, model: nn.Module, loss: Callable[[], Tensor], **about: Any) -> list[str]:
    """Return which mistakes of a loss's form are told of a training of eight updates."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, out, every=1, **about) as recorder:
        for _ in range(8):
            found = loss()
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
            recorder.step(found)
    return [one.evidence["form"] for one in newllm.doctor(out, against=()).findings if one.kind == "loss-form"]


@pytest.mark.parametrize("twice", [True, False])
def test_a_softmax_too_many_behind_a_second_head(tmp_path: Path, twice: bool) -> None:
    torch.manual_seed(0)
    model = TwoHeads(twice)

    def loss() -> Tensor:
        valid, classes = model(torch.randn(32, 6))
        is_valid = F.binary_cross_entropy_with_logits(valid, torch.ones(32, 1))
        return is_valid + F.cross_entropy(classes, torch.randint(0, 5, (32,)))

    assert _forms(tmp_path, model, loss, kind="adversarial") == (["softmax-twice"] if twice else [])


class Pointer(nn.Module):
    """Points at one of the places of a row, as a pointer network does: no layer is as wide as there are places."""

    def __init__(self, twice: bool) -> None:
        super().__init__()
        self.keys, self.query, self.twice = nn.Linear(2, 16), nn.Linear(2, 16), twice

    def forward(self, x_NTD: Tensor) -> tuple[Tensor, Tensor]:
        scores_NTT = self.query(x_NTD) @ self.keys(x_NTD).mT
        scores_NTT = scores_NTT.softmax(-1) if self.twice else scores_NTT
        return scores_NTT, scores_NTT.argmax(-1)


@pytest.mark.parametrize("twice", [True, False])
def test_a_softmax_too_many_behind_what_points_at_places(tmp_path: Path, twice: bool) -> None:
    torch.manual_seed(0)
    model = Pointer(twice)

    def loss() -> Tensor:
        scores, _ = model(torch.randn(32, 5, 2))
        return F.cross_entropy(scores.flatten(0, 1), torch.randint(0, 5, (160,)))

    assert _forms(tmp_path, model, loss) == (["softmax-twice"] if twice else [])


def test_a_row_that_the_model_is_sure_of_may_count_or_not(tmp_path: Path) -> None:
    """A softmax that is one up to rounding pulls at nothing: that says nothing of what is left out."""
    model, batches = classified(2)
    with torch.no_grad():
        next(one for one in model.modules() if isinstance(one, nn.Linear) and one.out_features == CLASSES).weight.mul_(
            400
        )
    batches = [(x, model(x).argmax(-1).where(torch.arange(32) < 24, y)) for x, y in batches]
    found = train(tmp_path / "run", model, batches, F.cross_entropy)
    assert found["targets_used"][1] == 1.0
    assert found["loss_targets"][1] == 32.0
    left_out = [(x, y.where(torch.arange(32) < 24, -100)) for x, y in classified(2)[1]]
    found = train(tmp_path / "other", classified()[0], left_out, F.cross_entropy)
    assert found["targets_used"][1] == 0.75


@pytest.mark.parametrize(("shift", "signal"), [(0, "target_is_input"), (1, "target_is_next")])
def test_logits_in_one_row_after_the_other_are_held_against_the_tokens(tmp_path: Path, shift: int, signal: str) -> None:
    torch.manual_seed(0)
    tokens = [torch.randint(0, 20, (4, 13)) for _ in range(2)]
    model = nn.Sequential(Tokens(), nn.Flatten(0, 1))
    batches = [(one[:, :12], one[:, shift : 12 + shift].reshape(-1)) for one in tokens]
    found = train(tmp_path / "run", model, batches, F.cross_entropy)
    assert found[signal][1] == 1.0


@pytest.mark.parametrize(("ignored", "named"), [(0, {0.0}), (-100, set())])
def test_a_class_that_is_left_out_inside_of_texts_is_named(tmp_path: Path, ignored: int, named: set[float]) -> None:
    """Tags of words: what pads them, and is left out, is a tag too."""
    draw = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(6):
        lengths = torch.randint(4, 10, (8, 1), generator=draw)
        words = torch.randint(6, 19, (8, 9), generator=draw) * (torch.arange(9) < lengths)
        tags = torch.where(words < 13, 0, words - 12)
        batches.append((words, torch.where(torch.arange(9) < lengths, tags, ignored)))
    found = train(
        tmp_path / "run",
        Tags(),
        batches,
        lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten(), ignore_index=ignored),
    )
    assert set(found.get("class_unasked", {}).values()) == named


class Tags(nn.Module):
    """Seven tags of words."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Embedding(19, 16), nn.Linear(16, 7))

    def forward(self, words: Tensor) -> Tensor:
        return self.layers(words)
