"""What interventions share that hold a setting, changed by the training's own code, at what it was at their start.

They are tried only where the original did change it (`Intervention.evidence`). They inject what it was changed to.
"""

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Change, Intervention, Kind
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.settings import hold, settings_of
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject


def _hold(kind: str) -> Change:
    def attach(replica: Replica) -> None:
        hold(replica.model, replica.optimizer, kind, settings_of(replica.model, replica.optimizer)[kind])

    return lambda setup: setup.at_start.append(attach)


def _change(kind: str) -> Change:
    def inject(setup: Setup) -> None:
        def attach(replica: Replica) -> None:
            hold(replica.model, replica.optimizer, kind, setup.suspect_settings)

        setup.at_step.setdefault(max(setup.start, setup.onset - 1), []).append(attach)

    return inject


def held(name: str, kind: Kind, setting: str, cause: str) -> Intervention:
    """Return an intervention that holds a kind of settings (`replica.settings`), and speaks for a cause."""
    return Intervention(
        name=name,
        kind=kind,
        causes=(cause,),
        aims_at="state",
        direction=0,
        apply=_hold(setting),
        misfit=only_its_optimizer,
        inject=_change(setting),
        restores=True,
        evidence=setting,
    )


def only_its_optimizer(subject: Subject) -> Message | None:
    """Return that nothing else than the optimizer changes a run of ours; None for anyone's training."""
    return message("misfit-only_its_optimizer") if subject.is_ours else None
