"""Where the cells of a grid ran, and which of them may be compared: those of one kind of processor."""

from collections.abc import Mapping
from typing import Any

from newllm.study.design import Record
from newllm.training.environment import DECIDES_BITS, kind_of

KIND = "kind"
"""Of a row: the number of its kind of processor, where a study has several."""


class Places:
    """Where cells ran.

    Args:
        found: their records, by arm and seed. One without a place is of this machine, as it is now.
    """

    def __init__(self, found: Mapping[tuple[str, int], Record]) -> None:
        self._found = found
        self._kinds = {cell: kind_of(record.get("place")) for cell, record in found.items()}
        self._numbers = {kind: number for number, kind in enumerate(dict.fromkeys(self._kinds.values()), start=1)}

    def kind(self, arm: str, seed: int) -> dict[str, int]:
        """Return what a row says of its kind: nothing where there is but one."""
        return {KIND: self._numbers[self._kinds[arm, seed]]} if len(self._numbers) > 1 else {}

    def are_alike(self, arm: str, control: str, seed: int) -> bool:
        """Whether the cells of two arms may be compared as a pair."""
        return self._kinds[arm, seed] == self._kinds[control, seed]

    def as_data(self) -> list[dict[str, Any]]:
        """Return the kinds of processor, with the machines and engines, and how many cells ran there."""
        return [self._described(kind) for kind in self._numbers]

    def _described(self, kind: tuple[str, ...]) -> dict[str, Any]:
        places = [self._found[cell].get("place") or {} for cell, its in self._kinds.items() if its == kind]
        named = {
            f"{name}s": sorted({str(place[name]) for place in places if name in place}) for name in ("host", "engine")
        }
        return {**dict(zip(DECIDES_BITS, kind, strict=True)), **named, "runs": len(places)}
