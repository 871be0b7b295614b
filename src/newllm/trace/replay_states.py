"""Where a run keeps the states that its replays begin from: RUN/replays/step-N/states, which can be made again."""

from pathlib import Path

LIMIT = 4 * 10**9  # bytes of one run


def states_of(run: Path) -> list[Path]:
    """Return the directories of states of all replayed spikes of a run."""
    return sorted((run / "replays").glob("step-*/states"))
