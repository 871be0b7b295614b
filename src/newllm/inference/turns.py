"""Who takes part in the next step: flows take turns, and within a flow those that have waited longest come first."""

from collections import Counter, deque

from newllm.inference.choice import Choice
from newllm.inference.reading import Reading

CHUNKS_IN_TURN = 16
"""So many chunks of one prompt are read before the next one of its flow has its turn: short ones wait but once."""


def fair(choices: list[Choice], most: int) -> list[Choice]:
    """Return the choices that decode next, and move them to the end of `choices`, where others are left out."""
    if len(choices) <= most:
        return choices
    before = Counter[str]()
    ranked = []
    for place, choice in enumerate(choices):
        ranked.append((before[choice.request.flow], place))
        before[choice.request.flow] += 1
    chosen = {place for _, place in sorted(ranked)[:most]}
    picked = [choices[place] for place in sorted(chosen)]
    choices[:] = [choice for place, choice in enumerate(choices) if place not in chosen] + picked
    return picked


class Prompts:
    """The prompts that wait to be read."""

    def __init__(self) -> None:
        self._flows: dict[str, deque[Reading]] = {}  # the first is the next
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, reading: Reading) -> None:
        """Let a prompt wait, behind those of its flow."""
        self._flows.setdefault(reading.request.flow, deque()).append(reading)
        self._count += 1

    def take(self, room: int) -> list[Reading]:
        """Return the prompts whose next texts are read now: as many as have room for their tokens, one at least.

        They wait no longer; `put_back` lets them wait again.
        """
        taken = list[Reading]()
        while self._flows:
            flow = next(iter(self._flows))
            waiting = self._flows[flow]
            size = len(waiting[0].text or ())
            if taken and size > room:
                break
            taken.append(waiting.popleft())
            self._count -= 1
            room -= size
            del self._flows[flow]
            if waiting:
                self._flows[flow] = waiting  # as the last
        return taken

    def put_back(self, reading: Reading) -> None:
        """Let a prompt wait for the turn of its next text: in front of its flow, until it has been long."""
        if reading.in_turn >= CHUNKS_IN_TURN:
            reading.in_turn = 0
            self.add(reading)
        else:
            self._flows.setdefault(reading.request.flow, deque()).appendleft(reading)
            self._count += 1
        if self._count > 1:
            reading.own_memory()

    def drop(self, number: int) -> None:
        """Let the prompt of a request wait no longer, if it does."""
        for flow, waiting in list(self._flows.items()):
            left = deque(reading for reading in waiting if reading.request.number != number)
            self._count -= len(waiting) - len(left)
            if left:
                self._flows[flow] = left
            else:
                del self._flows[flow]
