"""What the replays of a run together show: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from newllm.files import plain_data
from newllm.messages import Message
from newllm.trace.rich import Rich

SCHEMA = 1
EffectClass = Literal["removes", "reduces", "delays", "no effect", "worsens", "stops learning", "undecided"]
EFFECT_CLASSES: tuple[EffectClass, ...] = (
    "removes",
    "reduces",
    "delays",
    "undecided",
    "no effect",
    "worsens",
    "stops learning",
)
HELPS: tuple[EffectClass, ...] = EFFECT_CLASSES[:3]
"""What speaks for an intervention, the strongest first."""
LEVEL = 0.05
"""Of p, after Holm: what is confirmed to remove the spike is sure below it."""
TOGETHER = " + "
"""Between the names of two interventions that are made together."""
KEYS = {"reproduction": "null"}
"""By attribute of a verdict, what verdict.json calls it, where that is something else."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What one intervention did, from one start, over its replays and the null replays of the same chance.

    Attributes:
        name: of the intervention; of two together, joined by " + ".
        kind: where it acts.
        change: what it does, a noun phrase in English; so are the two that follow (`newllm.words.verdicts`).
        hypothesis: what must be true if it removes the spike.
        price: what it costs if it is kept.
        start: step that the replays began from.
        stage: "screened" (nothing is claimed from it) or "confirmed".
        effect_class: what it does to the spike.
        n: pairs of replays.
        spiked: how many of them spiked.
        effect: share of the null's severity that is gone: 1 all, 0 none, below 0 it is worse; None without one.
        interval: its 95 % interval, None where there are too few pairs.
        p: of the one-sided exact sign-flip test; adjusted by Holm over what was confirmed. None where it was screened.
        severity, null_severity: mean peaks, in log-loss over the trend.
        later: onset by that of the null, counted from the start; None where either never spiked.
        cost: probe loss at the end of the null's steps, minus the null's, nats; above 0 it is behind.
        signals: the severity and the null's on every loss that was followed, by name.
        moved: what became of the signal that it aims at: signal, ratio (to the null's), moved, strength.
        seconds: of all its replays.
        values: the numbers in its words, by name of the intervention.
        dampening: share of a control spike, which it has nothing to do with, that it takes away; None where that was
            not measured.
    """

    name: str
    kind: str
    change: str
    hypothesis: str
    price: str
    start: int
    stage: Literal["screened", "confirmed"]
    effect_class: EffectClass
    n: int
    spiked: int
    effect: float | None
    interval: tuple[float, float] | None
    p: float | None
    severity: float
    null_severity: float
    later: float | None
    cost: float | None
    signals: dict[str, dict[str, float]] = field(default_factory=dict)
    moved: dict[str, Any] | None = None
    seconds: float = 0.0
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    dampening: float | None = None

    @property
    def is_remedy(self) -> bool:
        """Whether it removes the spike, confirmed and surely."""
        return self.stage == "confirmed" and self.effect_class == "removes" and self.p is not None and self.p < LEVEL

    @property
    def names(self) -> list[str]:
        """Its interventions, one or two."""
        return self.name.split(TOGETHER)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; the effect class is called "class" there, as in verdict.json."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain_data({("class" if name == "effect_class" else name): value for name, value in data.items()})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Tried":
        """Return what `as_dict` gave."""
        kept: dict[str, Any] = {("effect_class" if name == "class" else name): value for name, value in data.items()}
        kept["interval"] = None if kept["interval"] is None else tuple(kept["interval"])
        return cls(**kept)


@dataclass(frozen=True, kw_only=True)
class VerdictMessages:
    """What a verdict says, as data beside its English: the same sentences in the same order.

    Attributes:
        sentences: the three for a person.
        missing: what is missing for a cause.
        not_tried: why, by name.
    """

    sentences: tuple[Message, ...] = ()
    missing: tuple[Message, ...] = ()
    not_tried: Mapping[str, Message] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "sentences": [one.as_dict() for one in self.sentences],
            "missing": [one.as_dict() for one in self.missing],
            "not_tried": {name: one.as_dict() for name, one in self.not_tried.items()},
        }

    @classmethod
    def from_dict(cls, data: Any) -> "VerdictMessages":
        """Return what `as_dict` gave; nothing where another version wrote something else: its English holds."""
        try:
            return cls(
                sentences=tuple(Message.from_dict(one) for one in data["sentences"]),
                missing=tuple(Message.from_dict(one) for one in data["missing"]),
                not_tried={str(name): Message.from_dict(one) for name, one in data["not_tried"].items()},
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            return cls()


@dataclass(frozen=True, kw_only=True)
class Verdict(Rich):
    """What the replays of one spike together show.

    Attributes:
        run: what was replayed.
        spike: onset, peak, end (steps), signal, base, height (nats), healthy_limit (log-loss).
        reproduction: what the unmodified replay gave, "null" in verdict.json: identical (None where nothing could be
            compared), compared (steps), weights (whether weights were compared too), tolerance (None: to the bit),
            first_difference.
        nulls: null replays, three from each start (those of the confirmation are not among them): n, spiked, share,
            depends_on_seed, starts; and of these those with other chance than the
            run's own: other_chance {n, spiked}, absent in a verdict of an earlier newllm.
        interventions: what was tried, the best first.
        not_tried: names of what was not tried, with the reason in English.
        cause: name, intervention, and evidence of what a cause must show (`replays/session/cause.py`); None if none is
            named. The reverse test is called "planted" there.
        suspects: what speaks for which cause, the best first: name, intervention, class, stage, moved,
            planted_spikes.
        missing: what is missing for a cause, a sentence each, in English.
        sentences: three sentences for a person, in English.
        seconds: that all took.
        messages: what is said in English, as data; empty in a verdict that an earlier newllm wrote.
        changed_state: where something outside the training changed the run's state, so that no replay is the run:
            first and last (steps between which it was), parts (layers by what changed: weights, frozen, moments),
            recorded (by the recorder's ledger), resumed {from, to} (steps over which a replay from a later state is
            the run again), tensors (that differ most there), before_onset; None where nothing speaks for that.
        recorded: of anyone's loop that was held against a recording, how they compare
            (`replays/subjects/recorded.py`); None, and absent as plain data, without one.
    """

    run: str
    spike: dict[str, Any]
    reproduction: dict[str, Any]
    nulls: dict[str, Any]
    interventions: tuple[Tried, ...]
    not_tried: dict[str, str] = field(default_factory=dict)
    cause: dict[str, Any] | None
    suspects: tuple[dict[str, Any], ...]
    missing: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    seconds: float
    messages: VerdictMessages = field(default_factory=VerdictMessages)
    changed_state: dict[str, Any] | None = None
    recorded: dict[str, Any] | None = None

    @property
    def other_chance(self) -> dict[str, Any]:
        """Null replays with other chance, n and spiked; where an earlier newllm did not tell them apart, all."""
        told = self.nulls.get("other_chance")
        return told if isinstance(told, dict) and told.get("n") else self.nulls

    @property
    def identical(self) -> bool:
        """Whether the unmodified replay did not differ from the run; also where no recorded step could be compared."""
        return self.reproduction.get("identical") is not False

    def __str__(self) -> str:
        """Return its sentences, a line each."""
        return "\n".join(self.sentences)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data with its schema; numbers that are not finite are None in it."""
        data = {KEYS.get(name, name): getattr(self, name) for name in self.__dataclass_fields__}
        if self.recorded is None:
            del data["recorded"]
        data["interventions"] = [one.as_dict() for one in self.interventions]
        data["messages"] = self.messages.as_dict()
        return plain_data({"schema": SCHEMA, **data})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Verdict":
        """Return what `as_dict` gave."""
        keys = {name: KEYS.get(name, name) for name in cls.__dataclass_fields__}
        kept: dict[str, Any] = {name: data[key] for name, key in keys.items() if key in data}
        kept["interventions"] = tuple(Tried.from_dict(one) for one in kept["interventions"])
        kept |= {name: tuple(kept[name]) for name in ("suspects", "missing", "sentences")}
        kept["messages"] = VerdictMessages.from_dict(kept.get("messages"))
        return cls(**kept)
