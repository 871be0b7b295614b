"""Which workers make room for another, and how the end of one is told; none is started here."""

import asyncio
import signal
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.ui import players as module
from newllm.ui.players import MOST_ALIVE, Player, Players


def held(*states: str) -> dict[str, bool]:
    """Make room among workers that are so, the one that was asked longest ago first; return who is still held."""

    async def run() -> dict[str, bool]:
        players = Players()
        for place, state in enumerate(states):
            player = Player(Path(f"{place}-{state}"), "best")
            if state == "busy":
                player._answers["a"] = asyncio.Queue()
            player.is_ended = state == "ended"
            players._players[Path(f"{place}-{state}"), "best"] = player
        await players._make_room()
        return {str(run): player.is_busy for (run, _), player in players._players.items()}

    return asyncio.run(run())


def test_who_was_not_asked_for_longest_makes_room_and_nobody_who_is_at_work() -> None:
    assert MOST_ALIVE == 2
    assert held() == {}
    assert held("idle") == {"0-idle": False}
    assert held("idle", "idle") == {"1-idle": False}
    assert held("busy", "idle") == {"0-busy": True}
    assert held("idle", "busy") == {"1-busy": True}
    assert held("ended", "busy") == {"1-busy": True}
    assert held("ended", "busy", "idle") == {"1-busy": True}
    with pytest.raises(UserError, match="2 other models are at work: wait for one, or stop it"):
        held("busy", "busy")


def test_no_worker_is_started_when_the_server_ends() -> None:
    async def run() -> None:
        players = Players()
        await players.close()
        with pytest.raises(UserError, match="the server ends"):
            await players.player(Path("run"), "best")

    asyncio.run(run())


def test_the_end_of_a_process_is_told_with_its_last_words() -> None:
    async def run() -> list[str]:
        player = Player(Path("run"), "best")
        player._said.extend(["first", "x" * 400, ""])
        said = [player._why(code) for code in (0, 3, -9)]
        player._said.clear()
        return [*said, player._why(3)]

    put_away, exited, killed, silent = asyncio.run(run())
    assert put_away == "the model was put away, nobody had asked it for a while: ask again to load it anew"
    assert exited == f"the model's process ended (exit code 3: {'x' * 298}): ask again to start another"
    assert killed.startswith("the model's process ended (signal SIGKILL: xxx")
    assert silent == "the model's process ended (exit code 3): ask again to start another"


def test_a_worker_is_told_how_long_to_wait_and_whose_it_is() -> None:
    async def run() -> list[str]:
        return Player(Path("-run"), "best", 5.0)._command

    assert asyncio.run(run())[-7:] == ["newllm.playground", "--snapshot", "best", "--idle", "5.0", "--", "-run"]
    assert module.IDLE == 600.0


class Deaf:
    """A process that ends when it is killed, and not before."""

    stdin = None

    def __init__(self) -> None:
        self.told: list[int] = []

    async def wait(self) -> int:
        if signal.SIGKILL not in self.told:
            await asyncio.Event().wait()
        return -9


def test_a_worker_that_goes_on_is_told_to_end_and_then_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.0)
    monkeypatch.setattr(module, "end_process", lambda process, number: process.told.append(number))

    async def run() -> list[int]:
        player, process = Player(Path("run"), "best"), Deaf()
        player._process = process  # pyrefly: ignore
        await player.close()
        return process.told

    assert asyncio.run(run()) == [signal.SIGTERM, signal.SIGKILL]
