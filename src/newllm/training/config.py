"""All that decides a run, as plain data. RUN/config.toml holds it complete."""

import dataclasses
import math
from dataclasses import field

from newllm.data.config import DataConfig
from newllm.errors import UserError, unknown_name
from newllm.model.config import ATTENTION_BODIES, SCANNING_BODIES, ModelConfig

SCHEMA = 1
PRECISIONS = ("auto", "fp32", "bf16")
SCAN_BACKENDS = ("auto", "reference", "torch", "numba", "triton")
HANDOVERS = ("serial", "parallel")
OPTIMIZERS = ("adamw", "adam", "muon", "sgd")
SCHEDULES = ("cosine", "constant")
Plan = tuple[tuple[int, int, int], ...]  # see `schedule`
Ranks = tuple[tuple[int, int], ...]
PARALLEL_MODES = ("auto", "ddp", "fsdp", "hsdp")
GUARD_POLICIES = ("off", "ask", "guard", "rollback-and-skip")
IMPORTED = "imported"  # in place of a preset's name: a run that newllm import made, of weights alone

_RECOMPUTED = ("stack", "zero-stack", "attention")
_SHORTEST_PIECE = 3  # positions of a row that a rank must have: what the convolution of the next looks back on


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """How weights are changed.

    Args:
        name: "adamw" (decoupled decay), "adam", "muon" (of the matrices; AdamW of all else), or "sgd" (with beta1 as
            its momentum).
        learning_rate: the highest.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        epsilon: added to the second moment's root.
        weight_decay: of matrices; time scales, norms, biases and convolutions have none.
        ngram_decay: more weight decay, of the tables of n-grams alone (`newllm.model.ngram_embedding`).
        clip: largest Euclidean norm of the gradient; 0 clips nothing.
        warmup: steps of linear warm-up.
        schedule: "cosine" down to `final`, or "constant".
        final: learning rate at the end, as a share of the highest.
    """

    name: str = "adamw"
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    ngram_decay: float = 0.0
    clip: float = 1.0
    warmup: int = 50
    schedule: str = "cosine"
    final: float = 0.1


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long, and what is done on the way.

    Args:
        steps: updates of the weights.
        accumulate: batches whose gradients make one update.
        seconds: trained by the clock until so many are over; 0 for a run whose steps are decided, see `steps`. When
            they are over, it becomes 0, and `steps` and `plan` say what was decided.
        plan: what was decided of the number of steps and the learning rate, see `schedule`; empty for a run whose
            steps were known from the start.
        evaluations: of a run by the clock, at equal parts of its plan, in place of `evaluate_every`.
        evaluate_every: steps between evaluations; 0 becomes a tenth of the steps, at most 1000, or more where
            evaluations would cost more than a fifth of the training.
        evaluate_tokens: validation tokens of an evaluation; 0 takes all.
        snapshot_every: steps between snapshots; 0 becomes `evaluate_every`. The best is always kept.
        keep: how many of the last snapshots stay, beside the best, step 0 and those kept for a spike.
        ring_every: steps between the states held in memory until it is seen whether they came before a spike; 0
            becomes as few as cost well under 2 % of the training. A state held changes no bit.
        guard: what is done when the training loss leaves its trend: "off" nothing, "ask" stop, "guard" replay
            remedies and go back with the best, "rollback-and-skip" go back and skip the batches.
        recompute: keep of a block only what goes into it, and compute the rest again for its gradient: less memory,
            about a third more time, the same bits.
    """

    steps: int = 2000
    seconds: float = 0.0
    plan: Plan = ()
    evaluations: int = 0
    accumulate: int = 1
    evaluate_every: int = 0
    evaluate_tokens: int = 65_536
    snapshot_every: int = 0
    keep: int = 2
    ring_every: int = 0
    guard: str = "off"
    recompute: bool = False


@dataclasses.dataclass(frozen=True)
class NumericsConfig:
    """What decides bits on a machine. "auto" and 0 are decided once and written down.

    Args:
        device: "auto", "cpu", "cuda", "mps" or any torch device.
        threads: of torch; 0 takes torch's default.
        precision: "fp32", "bf16" (autocast), or "auto": what a short probe finds faster.
        scan_backend: "auto", "reference", "torch", "numba" (with it a cell's layers run compiled, `model.chain`), or
            "triton" on CUDA devices.
        ranks: rows of a step and a number of ranks: from that step on every batch is cut into so many parts, whose
            gradients are summed in the order of the parts, by as many processes or by one; none for a run of one.
        sequence: rows of a step and a number of pieces: from that step on each row is cut into so many pieces, that
            many parts one after another having the same rows (`sequence`); none where rows are whole.
        handover: of contexts from piece to piece. "serial": a piece waits for the one before it; "parallel": in layers
            of vectors all scan at once and combine what they come to, which is equal to rounding.
        unlike: rows of a step and a number of ranks that from that step on compute on another kind of processor than
            rank 0, so that nothing else comes to their bits; none where all are alike.
    """

    device: str = "auto"
    threads: int = 0
    precision: str = "auto"
    scan_backend: str = "auto"
    ranks: Ranks = ()
    sequence: Ranks = ()
    handover: str = "serial"
    unlike: Ranks = ()

    def ranks_at(self, step: int) -> int:
        """Return the number of ranks of the update that leads from `step` to `step + 1`."""
        return _at(self.ranks, step, 1)

    def sequence_at(self, step: int) -> int:
        """Return into how many pieces that update cuts a row."""
        return _at(self.sequence, step, 1)

    def unlike_at(self, step: int) -> int:
        """Return how many of them compute on another kind of processor than rank 0."""
        return _at(self.unlike, step, 0)


@dataclasses.dataclass(frozen=True)
class ParallelConfig:
    """How several processes train one model together. It decides nothing for one process alone.

    Args:
        mode: decides no bits. "ddp": each process holds the whole model; "fsdp": each holds a part of it (`sharding`);
            "hsdp": those of a machine hold a copy together, a part each (`replicas`); "auto": by how much of the memory
            the model takes (`parallel.chosen_parallel`), decided anew whenever the run goes on, as it may do so on
            other machines.
        shard: ranks that hold a copy together in "hsdp"; 0: the most that are on one machine.
        sequence: so many processes share each row, a piece of it each, and hand the contexts on (`sequence`);
            `numerics.sequence` says what came of it.
    """

    mode: str = "auto"
    shard: int = 0
    sequence: int = 1

    @property
    def is_sharded(self) -> bool:
        """Whether a process holds a part of the model only, once the mode is decided."""
        return self.mode in ("fsdp", "hsdp")


def _at(rows: Ranks, step: int, before: int) -> int:
    return next((number for since, number in reversed(rows) if since <= step), before)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A whole run.

    Args:
        preset: the preset that it began from.
        seed: of every stream of chance.
        model: the model's shape.
        data: texts, tokenizer, split, batches.
        optimizer: how weights are changed.
        training: how long.
        numerics: what decides bits.
        parallel: how several processes train together.
        environment: versions and processor that the run was started on, for the record.
    """

    schema: int = SCHEMA
    preset: str = "small"
    seed: int = 0
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    numerics: NumericsConfig = field(default_factory=NumericsConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    environment: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise UserError for what cannot be."""
        if self.schema != SCHEMA:
            raise UserError(f"the configuration has schema {self.schema}: this version reads schema {SCHEMA}")
        self.model.check()
        self.data.check()
        _check_names(self)
        _check_ranges(self)
        _check_positions(self)
        if self.data.resets and self.model.body == "lstm":
            raise UserError("body 'lstm' cannot reset inside a row: drop data.resets, or take body stack")
        _check_sequence(self)
        if self.training.recompute and self.model.body not in _RECOMPUTED:
            raise UserError(
                f"body '{self.model.body}' has no blocks to recompute: drop training.recompute, or take body stack"
            )


def left_automatic(config: RunConfig) -> str | None:
    """Return the name of a setting that is still to be decided, None where nothing is."""
    numerics, training = config.numerics, config.training
    decided = (
        ("data.texts", bool(config.data.texts)),
        ("model.vocabulary", config.model.vocabulary > 0),
        ("training.plan", bool(training.plan) or not training.seconds),
        ("training.evaluate_every", training.evaluate_every > 0 or training.evaluations > 0),
        ("training.snapshot_every", training.snapshot_every > 0 or training.evaluations > 0),
        ("numerics.device", numerics.device != "auto"),
        ("numerics.threads", numerics.threads > 0),
        ("numerics.precision", numerics.precision != "auto"),
        ("numerics.scan_backend", numerics.scan_backend != "auto"),
    )
    return next((name for name, is_decided in decided if not is_decided), None)


def scan_that_runs(config: RunConfig) -> str:
    """Return how the recurrence is computed: a scan's backend, "sequential" with a norm on write, "none" elsewhere."""
    if config.model.body not in SCANNING_BODIES:
        return "none"
    return "sequential" if config.model.norm == "write" else config.numerics.scan_backend


def _check_positions(config: RunConfig) -> None:
    """Raise UserError for a text that would run past the end of learned positions."""
    positions, window = config.model.positions, config.data.window
    if not positions:
        return
    if window > positions:
        raise UserError(
            f"data.window {window} is longer than the {positions} learned positions: --set model.positions={window}"
        )
    if config.data.carry:
        mend = "drop data.carry" if config.model.body == "founding-transformer" else "--set model.positions=0"
        raise UserError(f"data.carry goes on past the end of the {positions} learned positions: {mend}")


def _check_names(config: RunConfig) -> None:
    named = (
        ("optimizer", config.optimizer.name, OPTIMIZERS),
        ("schedule", config.optimizer.schedule, SCHEDULES),
        ("precision", config.numerics.precision, PRECISIONS),
        ("scan backend", config.numerics.scan_backend, SCAN_BACKENDS),
        ("handover", config.numerics.handover, HANDOVERS),
        ("parallel mode", config.parallel.mode, PARALLEL_MODES),
        ("guard policy", config.training.guard, GUARD_POLICIES),
    )
    for kind, given, known in named:
        if given not in known:
            raise unknown_name(kind, given, known)


def _check_ranges(config: RunConfig) -> None:
    optimizer, training = config.optimizer, config.training
    checks = (
        ("optimizer.learning_rate", optimizer.learning_rate, optimizer.learning_rate > 0, "above 0"),
        ("optimizer.beta1", optimizer.beta1, 0 <= optimizer.beta1 < 1, "at least 0 and below 1"),
        ("optimizer.beta2", optimizer.beta2, 0 <= optimizer.beta2 < 1, "at least 0 and below 1"),
        ("optimizer.epsilon", optimizer.epsilon, optimizer.epsilon >= 0, "at least 0"),
        ("optimizer.weight_decay", optimizer.weight_decay, optimizer.weight_decay >= 0, "at least 0"),
        ("optimizer.ngram_decay", optimizer.ngram_decay, 0 <= optimizer.ngram_decay < math.inf, "at least 0"),
        ("optimizer.clip", optimizer.clip, optimizer.clip >= 0, "at least 0 (0 clips nothing)"),
        ("optimizer.warmup", optimizer.warmup, optimizer.warmup >= 0, "at least 0"),
        ("optimizer.final", optimizer.final, 0 <= optimizer.final <= 1, "between 0 and 1"),
        ("training.steps", training.steps, training.steps >= 1, "at least 1"),
        ("training.seconds", training.seconds, 0 <= training.seconds < math.inf, "at least 0"),
        ("training.evaluations", training.evaluations, training.evaluations >= 0, "at least 0"),
        ("training.accumulate", training.accumulate, training.accumulate >= 1, "at least 1"),
        ("training.evaluate_every", training.evaluate_every, training.evaluate_every >= 0, "at least 0"),
        ("training.evaluate_tokens", training.evaluate_tokens, training.evaluate_tokens >= 0, "at least 0"),
        ("training.snapshot_every", training.snapshot_every, training.snapshot_every >= 0, "at least 0"),
        ("training.keep", training.keep, training.keep >= 1, "at least 1"),
        ("training.ring_every", training.ring_every, training.ring_every >= 0, "at least 0"),
        ("parallel.shard", config.parallel.shard, config.parallel.shard >= 0, "at least 0"),
        ("numerics.threads", config.numerics.threads, 0 <= config.numerics.threads <= 4096, "between 0 and 4096"),
        ("seed", config.seed, config.seed >= 0, "at least 0"),
    )
    for name, value, good, must in checks:
        if not good:
            raise UserError(f"{name} is {value}: it must be {must}")
    _check_plan(training)
    _check_ranks(config)
    if optimizer.ngram_decay and optimizer.name == "adam":
        raise UserError(
            f"optimizer.ngram_decay is {optimizer.ngram_decay}, and optimizer.name 'adam' divides decay by the size of "
            "the gradient, so that it does not shrink the tables at that rate: --set optimizer.name=adamw, or drop it"
        )
    if config.parallel.shard and config.parallel.mode in ("ddp", "fsdp"):
        raise UserError(
            f"parallel.shard {config.parallel.shard} is of parallel.mode hsdp, which is '{config.parallel.mode}': "
            "--set parallel.mode=hsdp, or drop parallel.shard"
        )


def _check_ranks(config: RunConfig) -> None:
    """Raise UserError for ranks that no run can have had, or for more of them than a batch has rows."""
    numerics = config.numerics
    for name, least in (("ranks", 1), ("sequence", 1), ("unlike", 0)):
        rows: Ranks = getattr(numerics, name)
        for number, (since, count) in enumerate(rows):
            if count < least or (number and rows[number - 1][0] >= since):
                raise UserError(f"numerics.{name} has {[since, count]}, which cannot be: drop it")
    for since, _ in (*numerics.ranks, *numerics.sequence):
        ranks, pieces = numerics.ranks_at(since), numerics.sequence_at(since)
        if ranks % pieces:
            raise UserError(
                f"numerics.sequence has {pieces} pieces of a row for {ranks} ranks, which cannot be: drop it"
            )
        most = ranks // pieces
        if config.data.batch < most:
            each = "" if pieces == 1 else f" of {pieces} ranks a row"
            raise UserError(
                f"data.batch {config.data.batch} has fewer rows than {most} ranks{each}: --set data.batch={most}, "
                "or fewer ranks"
            )


def _check_sequence(config: RunConfig) -> None:
    """Raise UserError for rows that cannot be shared by several ranks."""
    asked, window, body = config.parallel.sequence, config.data.window, config.model.body
    if asked < 1:
        raise UserError(f"parallel.sequence is {asked}: it must be at least 1")
    for pieces in {asked, *(pieces for _, pieces in config.numerics.sequence)} - {1}:
        if body in ATTENTION_BODIES:
            raise UserError(
                f"body '{body}' looks back at all positions, and has no context to hand to the next rank: "
                "drop parallel.sequence, or take body stack"
            )
        if config.data.format == "sentences":
            raise UserError(
                "parallel.sequence cuts rows of equal length, and those of data.format=sentences are not: drop it"
            )
        least = pieces * _SHORTEST_PIECE
        if window % pieces or window < least:
            whole = max(window + -window % pieces, least)
            raise UserError(
                f"data.window {window} cannot be cut into {pieces} equal pieces of at least {_SHORTEST_PIECE} "
                f"positions: --set data.window={whole}, or another parallel.sequence"
            )
        if config.numerics.handover == "parallel":
            _check_parallel(config)
    mode = config.parallel.mode
    if asked > 1 and mode not in ("auto", "ddp"):
        raise UserError(
            f"parallel.mode={mode} gathers weights of all ranks at once, and with parallel.sequence={asked} they wait "
            "for one another: --set parallel.mode=ddp"
        )


def _check_parallel(config: RunConfig) -> None:
    """Raise UserError for contexts that pieces cannot combine, and for what would exchange them twice."""
    reasons = (
        (config.model.body not in SCANNING_BODIES, f"body '{config.model.body}' has no scan"),
        (config.model.norm == "write", "model.norm 'write' makes the recurrence nonlinear"),
        (config.training.recompute, "training.recompute would exchange contexts in the backward pass again"),
        (config.numerics.scan_backend == "reference", "numerics.scan_backend 'reference' differentiates itself"),
    )
    for is_so, reason in reasons:
        if is_so:
            raise UserError(f"{reason}, and numerics.handover=parallel does not go with it: take serial")


def _check_plan(training: TrainingConfig) -> None:
    """Raise UserError for a plan that nobody can have followed."""
    plan = training.plan
    for number, row in enumerate(plan):
        good = plan[number - 1][0] <= row[0] if number else row[0] == 0
        if not good or not row[0] <= row[1] or row[2] < row[0]:
            raise UserError(f"training.plan has {list(row)}, which cannot be: drop it, or put back what newllm wrote")
    if plan and plan[-1][1] != training.steps:
        raise UserError(
            f"training.plan ends after {plan[-1][1]:,} steps, training.steps is {training.steps:,}: "
            "--steps N plans anew, or drop training.plan"
        )
