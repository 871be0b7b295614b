"""Interventions on the model: what each changes, that it changes nothing else, and where it does not fit."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.recurrence import Rule
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.interventions.model.anatomy import dropouts
from newllm.replays.interventions.model.layers import fastest, z_loss
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.subject import Subject
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun

MODEL = [name for name, one in INTERVENTIONS.items() if one.kind == "model" and one.name != "hold-dropout"]
KEEPING = [name for name in MODEL if not INTERVENTIONS[name].from_start]
OURS_ONLY = [name for name in MODEL if name not in ("dropout-off", "freeze-embedding", "freeze-layer")]
VOCABULARY = 7


def why_not(name: str, subject: Subject) -> str:
    """Return why an intervention cannot be tried on a subject, "" where it can."""
    found = INTERVENTIONS[name].misfit(subject)
    return "" if found is None else str(found)


class Reader(nn.Module):
    """A model of tokens that is not ours: embedding, LSTM with dropout, output."""

    def __init__(self, *, tied: bool = False) -> None:
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(VOCABULARY, 8), 0.1
        self.lstm = nn.LSTM(8, 8, num_layers=2, dropout=0.2, batch_first=True)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(8, VOCABULARY)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        features, _ = self.lstm(nn.functional.dropout(self.embedding(tokens), self.dropout, self.training))
        return self.head(self.drop(features))


def token_loop(make: Callable[[], nn.Module] = Reader) -> Loop:
    def build(_: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = make()
        return model, torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)

    def batch(step: int) -> Tensor:
        return torch.randint(VOCABULARY, (4, 9), generator=torch.Generator().manual_seed(step))

    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    return Loop(build, batch, loss, steps=20)


def with_model(path: Path, **changes: Any) -> OwnRun:
    """Return a run as if its model had been another: step 0 only, its snapshots do not fit it."""
    subject = OwnRun(path)
    subject.config = dataclasses.replace(subject.config, model=dataclasses.replace(subject.config.model, **changes))
    return subject


def differ(one: Replica, other: Replica) -> bool:
    """Whether a weight differs, or is there in one model only."""
    mine, others = dict(one.model.named_parameters()), dict(other.model.named_parameters())
    return mine.keys() != others.keys() or any(not torch.equal(mine[name], others[name]) for name in mine)


@pytest.fixture
def subjects(tiny_cell: Path, tiny_run: Path, tiny_transformer: Path) -> dict[str, Subject]:
    """A cell, stacks of vectors, matrices and both, the founding Transformer, and a training that is not ours."""
    ours = {"cell": OwnRun(tiny_cell), "transformer": OwnRun(tiny_transformer)}
    for name, rule in (("stack", "additive"), ("matrices", "delta"), ("hybrid", "additive,kda")):
        ours[name] = with_model(tiny_run, rule=rule, dropout=0.1, layers=1 + rule.count(","))
    return {**ours, "loop": token_loop()}


@pytest.mark.parametrize("kind", ["cell", "stack", "matrices", "hybrid", "transformer", "loop"])
@pytest.mark.parametrize("name", MODEL)
def test_it_changes_training_and_no_chance(
    name: str, kind: str, subjects: dict[str, Subject], replica_with: Callable[..., Replica]
) -> None:
    subject, one = subjects[kind], INTERVENTIONS[name]
    if why := one.misfit(subject):
        assert len(str(why)) > 20
        return
    null, changed = replica_with(subject), replica_with(subject, name)
    own = dict(null.model.named_parameters())
    for path, parameter in changed.model.named_parameters():
        if path in own:  # each parameter is drawn from a stream of its own name
            assert torch.equal(parameter, own[path]), path
    assert (own.keys() == dict(changed.model.named_parameters()).keys()) or one.from_start
    if not one.from_start:
        assert changed.probe() == pytest.approx(null.probe(), rel=1e-6)  # it keeps the function
    for step in range(5):
        null.update(step)
        assert changed.update(step).finite
    assert null.seen == changed.seen
    assert differ(null, changed)


@pytest.mark.parametrize("kind", ["cell", "transformer"])
@pytest.mark.parametrize("name", KEEPING)
def test_what_keeps_the_function_starts_from_a_snapshot(
    name: str, kind: str, subjects: dict[str, Subject], replica_with: Callable[..., Replica]
) -> None:
    subject = subjects[kind]
    if INTERVENTIONS[name].misfit(subject):
        return
    null, changed = (replica_with(subject, one, start=4, onset=8, last_suspect=9) for one in ("", name))
    assert changed.probe() == pytest.approx(null.probe(), rel=1e-6)
    for step in range(4, 8):
        null.update(step)
        assert changed.update(step).finite
    assert differ(null, changed)


@pytest.mark.parametrize("name", ["norm-on-write", "gate", "residual-fnn"])
def test_a_snapshot_does_not_fit_another_model(
    name: str, tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    with pytest.raises(UserError, match="does not fit the model"):
        replica_with(OwnRun(tiny_cell), name, start=4)


def test_only_what_is_ours_has_a_context_or_logits_that_are_known(subjects: dict[str, Subject], loop: Loop) -> None:
    fits = {kind: {name for name in MODEL if not INTERVENTIONS[name].misfit(one)} for kind, one in subjects.items()}
    everywhere = {"dropout-off", "freeze-embedding", "freeze-layer"}
    assert fits["loop"] == everywhere
    assert fits["transformer"] == everywhere | {"qk-norm", "z-loss"}
    assert fits["stack"] == set(MODEL) - {"qk-norm", "residual-fnn"}
    assert fits["hybrid"] == fits["stack"]
    assert fits["stack"] - fits["matrices"] == {"norm-on-write", "norm-on-read", "gate", "ema"}
    assert (
        why_not("norm-on-read", subjects["matrices"])
        == "its context is matrices (rule 'delta'), and this is of vectors"
    )
    assert fits["cell"] == set(MODEL) - {"qk-norm"}
    assert "nn.Embedding" in why_not("freeze-embedding", loop)


def test_what_is_so_already_does_not_fit(tiny_cell: Path, tiny_run: Path) -> None:
    def why(name: str, path: Path = tiny_cell, **model: Any) -> str:
        return why_not(name, with_model(path, **model))

    assert why("context-cut-off", body="zero-cell") == "architecture 'zero-cell' reads no context"
    assert why("norm-on-write", norm="write") == "model.norm is 'write' already"
    assert why("norm-on-read", norm="read") == "model.norm is 'read' already"
    assert why("gate", rule="ema") == why("ema", rule="ema") == "its rule 'ema' forgets already"
    assert why("bounded-decay", rule="ema") == "its decay is 0.9 already"
    assert why("bounded-decay", tiny_run, rule="ema") == ""
    assert why("residual-fnn", fnn="residual") == "model.fnn is 'residual' already"
    assert why("residual-fnn", layers=1) == "with one layer there is no branch"
    assert why("dropout-off", dropout=0.0) == "no dropout above 0 was found in its model"
    assert why("qk-norm", tiny_run, body="attention") == "architecture 'attention' has QK-norm already"
    assert why_not("freeze-embedding", token_loop(lambda: Reader(tied=True))) != ""
    assert "one layer" in why_not("freeze-layer", token_loop(lambda: nn.Embedding(VOCABULARY, VOCABULARY)))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("norm-on-write", {"norm": "write"}),
        ("norm-on-read", {"norm": "read"}),
        ("gate", {"rule": "gated"}),
        ("ema", {"rule": "ema"}),
        ("residual-fnn", {"fnn": "residual"}),
        ("context-cut-off", {"body": "zero-cell"}),
        ("dropout-off", {"dropout": 0.0}),
    ],
)
def test_it_is_one_setting(
    name: str, model: dict[str, Any], tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    replica = replica_with(OwnRun(tiny_cell), name)
    assert isinstance(replica, OwnReplica)
    assert replica.config == with_model(tiny_cell, **model).config


def test_a_cut_context_is_read_nowhere(tiny_cell: Path, tiny_run: Path, replica_with: Callable[..., Replica]) -> None:
    for path in (tiny_cell, tiny_run):
        model = replica_with(OwnRun(path), "context-cut-off").model
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1)
            one, other = (model.eval()(torch.tensor([[first, 5, 6]]))[0][0, 1:] for first in (4, 7))
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_no_decay_is_above_the_bound(subjects: dict[str, Subject], replica_with: Callable[..., Replica]) -> None:
    for kind in ("cell", "stack"):
        replica = replica_with(subjects[kind], "bounded-decay")
        rules = [module for module in replica.model.modules() if isinstance(module, Rule)]
        assert rules
        for rule in rules:
            decay, _ = rule(torch.randn(3, rule.delta.in_features), torch.randn(3, 99))
            assert decay.eq(0.9).all()
    mixers = [
        one for one in replica_with(subjects["hybrid"], "bounded-decay").model.modules() if isinstance(one, MatrixMixer)
    ]
    assert mixers
    for mixer in mixers:
        torch.nn.init.constant_(mixer.rule.forget.bias, -9.0)  # type: ignore[union-attr, arg-type]
        steps = mixer.rule(
            torch.randn(1, 3, mixer.query_key_value.out_features), torch.zeros(1, 3, mixer.out.out_features)
        )
        torch.testing.assert_close(steps.log_decay.exp(), torch.full_like(steps.log_decay, 0.9))


def test_a_rule_that_forgets_takes_the_place_of_the_additive_one_alone(
    subjects: dict[str, Subject], replica_with: Callable[..., Replica]
) -> None:
    replica = replica_with(subjects["hybrid"], "ema")
    assert isinstance(replica, OwnReplica)
    assert replica.config.model.rule == "ema,kda"


def test_a_bounded_decay_keeps_the_context_small(tiny_cell: Path, replica_with: Callable[..., Replica]) -> None:
    norms = {name: replica_with(OwnRun(tiny_cell), name).update(0).context_norm for name in ("", "bounded-decay")}
    assert norms["bounded-decay"] is not None
    assert norms[""] is not None
    assert norms["bounded-decay"] < 0.9 * norms[""]


def test_a_growing_decay_is_injected_little_by_little(tiny_cell: Path, replica_with: Callable[..., Replica]) -> None:
    subject = OwnRun(tiny_cell)
    null, injected = (
        replica_with(subject, name, inject=bool(name), start=4, onset=8, last_suspect=9)
        for name in ("", "bounded-decay")
    )
    assert injected.probe() == null.probe()  # nothing has happened yet
    (rule,) = (module for module in injected.model.modules() if isinstance(module, Rule))
    decays = []
    for step in range(4, 10):
        injected.update(step)
        decay, _ = rule(torch.zeros(1, 16), torch.zeros(1, 32))
        decays.append(round(float(decay.max()), 4))
    assert decays == [1.0278, 1.0556, 1.0833, 1.1111, 1.1111, 1.1111]


def test_the_gradient_reaches_the_update_before_and_no_further(
    tiny_cell: Path, replica_with: Callable[..., Replica]
) -> None:
    """Of a loss on the fifth token, in training: through the fused pass, which must not ignore it."""
    reached = {}
    for name in ("", "cut-gradient-through-time"):
        model = replica_with(OwnRun(tiny_cell), name).model.double()
        with torch.no_grad():
            for path, parameter in model.named_parameters():
                parameter.add_(0.2 if "bias" not in path else 0.5)
        tokens = torch.tensor([[4, 5, 6, 7, 8]])
        model(tokens)[0][0, -1].square().sum().backward()
        (gradient,) = (p.grad for path, p in model.named_parameters() if path == "embedding.weight")
        assert gradient is not None
        reached[name] = [bool(gradient[token].any()) for token in tokens[0]]
    assert reached == {"": [True] * 5, "cut-gradient-through-time": [False, False, False, True, True]}


def test_frozen_embeddings_stay_and_the_rest_moves(
    subjects: dict[str, Subject], replica_with: Callable[..., Replica]
) -> None:
    for subject in subjects.values():
        replica = replica_with(subject, "freeze-embedding")
        before = {name: value.clone() for name, value in replica.model.named_parameters()}
        for step in range(3):
            replica.update(step)
        for name, value in replica.model.named_parameters():
            is_embedding = name.startswith(("embedding", "positions"))
            assert torch.equal(value, before[name]) is is_embedding or not before[name].any(), name


def test_the_layer_is_the_one_whose_gradient_grew_most() -> None:
    steady, growing = [1.0, 5.0, 1.0, 1.0, 1.2, 1.0], [0.1, 0.1, 0.1, 0.2, 0.9, 0.9]
    norms = [{"steady": one, "growing": other, "dead": 0.0} for one, other in zip(steady, growing, strict=True)]
    assert fastest(norms) == "growing"
    assert fastest(norms[:2]) == "steady"
    with pytest.raises(UserError, match="no layer had a gradient"):
        fastest([{"dead": 0.0}, {"dead": 1.0}])


def test_one_layer_is_frozen_half_way_to_the_onset(
    subjects: dict[str, Subject], replica_with: Callable[..., Replica]
) -> None:
    for kind in ("cell", "loop"):
        replica = replica_with(subjects[kind], "freeze-layer", onset=8, last_suspect=9)
        moved = []
        for step in range(6):
            before = [value.clone() for value in replica.model.parameters()]
            replica.update(step)
            after = zip(before, replica.model.parameters(), strict=True)
            moved.append([not torch.equal(one, other) for one, other in after])
        frozen = [not parameter.requires_grad for parameter in replica.model.parameters()]
        assert 1 <= sum(frozen) < len(frozen)
        assert all(one for one, is_frozen in zip(moved[2], frozen, strict=True) if is_frozen)
        for later in moved[3:]:  # four updates are half of the way: the last of them leaves it alone already
            assert not any(one for one, is_frozen in zip(later, frozen, strict=True) if is_frozen)
            assert any(later)


def test_queries_and_keys_have_size_one_and_values_are_left_alone(
    tiny_transformer: Path, replica_with: Callable[..., Replica]
) -> None:
    subject = OwnRun(tiny_transformer)
    null, changed = (replica_with(subject, name).model for name in ("", "qk-norm"))
    x = torch.randn(2, 5, 16)
    hooked = dict(changed.named_modules())
    for name, module in null.named_modules():
        if name.endswith("query_key_value"):
            *parts, value = hooked[name](x).chunk(3, dim=-1)
            *unnormed, same = module(x).chunk(3, dim=-1)
            for part, before in zip(parts, unnormed, strict=True):
                heads, size = (one.unflatten(-1, (4, -1)) for one in (part, before))
                torch.testing.assert_close(heads, nn.functional.rms_norm(size, (4,)))
                torch.testing.assert_close(heads.square().mean(-1), torch.ones(2, 5, 4), rtol=1e-2, atol=0.0)
            torch.testing.assert_close(value, same)
            with torch.no_grad():
                changed.get_parameter(f"{name}.weight")[:16].mul_(10)  # of the queries
    tokens = torch.tensor([[4, 5, 6, 7]])
    before = replica_with(subject, "qk-norm").model.eval()(tokens)[0]
    torch.testing.assert_close(changed.eval()(tokens)[0], before, rtol=1e-3, atol=1e-4)


def test_the_z_loss_is_palms_and_is_not_reported(tiny_cell: Path, replica_with: Callable[..., Replica]) -> None:
    logits = torch.tensor([[[0.0, 0.0], [3.0, 3.0], [9.0, 9.0]]])
    targets = torch.tensor([[0, 1, -1]])
    expected = 1e-4 * sum((shift + torch.log(torch.tensor(2.0))) ** 2 for shift in (0.0, 3.0))
    torch.testing.assert_close(z_loss(logits, targets), expected)
    null, changed = (replica_with(OwnRun(tiny_cell), name) for name in ("", "z-loss"))
    one, other = null.update(0), changed.update(0)
    assert one.loss == other.loss
    assert one.gradient_norm != other.gradient_norm


def test_dropout_is_off_everywhere(subjects: dict[str, Subject], replica_with: Callable[..., Replica]) -> None:
    for subject in subjects.values():
        null, changed = (replica_with(subject, name) for name in ("", "dropout-off"))
        assert dropouts(null.model)
        assert set(while_called(replica_with(subject, "dropout-off")).values()) <= {0.0}
        assert changed.update(0).loss == pytest.approx(losses(subject, replica_with), rel=1e-6)
        assert changed.update(1).loss != null.update(1).loss


def while_called(replica: Replica) -> dict[tuple[nn.Module, str], float]:
    """Return each probability of dropout as it is while its module is called."""
    found = {}
    for module, name in dropouts(replica.model):
        module.register_forward_pre_hook(lambda it, _, name=name: found.update({(it, name): getattr(it, name)}))
    replica.update(0)
    return found


def test_dropout_that_the_trainings_own_code_sets_is_off_too(replica_with: Callable[..., Replica]) -> None:
    def raise_dropout(model: nn.Module, *_: object) -> None:
        model.get_submodule("1").p = 0.6  # type: ignore[bad-assignment]

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 3))
        return model, torch.optim.SGD(model.parameters(), 0.1)

    loop = Loop(
        build,
        lambda step: (torch.ones(2, 4) * step, torch.tensor([0, 1])),
        lambda model, it: nn.functional.cross_entropy(model(it[0]), it[1]),
        steps=10,
        before_update=raise_dropout,
    )
    assert set(while_called(replica_with(loop)).values()) == {0.6}
    assert set(while_called(replica_with(loop, "dropout-off")).values()) == {0.0}


def losses(subject: Subject, replica_with: Callable[..., Replica]) -> float:
    """Return the loss of the first batch in evaluation mode, which knows no dropout."""
    replica = replica_with(subject)
    replica.model.eval()
    return replica.update(0).loss


def test_more_dropout_is_injected(subjects: dict[str, Subject], replica_with: Callable[..., Replica]) -> None:
    assert sorted(while_called(replica_with(subjects["loop"], "dropout-off", inject=True)).values()) == [0.2, 0.4, 0.6]
    replica = replica_with(subjects["cell"], "dropout-off", inject=True)
    assert isinstance(replica, OwnReplica)
    assert replica.config.model.dropout == 0.2
