"""What a program that starts replays reads of their progress."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from newllm.cli.main import main
from newllm.cli.progress_lines import ProgressLines
from newllm.errors import UserError
from newllm.messages import message, quoted
from newllm.trace import Tried
from newllm.ui.job_progress import Progress


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            assert end == ends[0]  # some tests close it


def written(pipe: tuple[int, int]) -> list[bytes]:
    os.set_blocking(pipe[0], False)
    return os.read(pipe[0], 1 << 16).splitlines()


def test_every_event_is_a_line_of_json_that_the_page_takes_in(pipe) -> None:
    tried = Tried(
        name="sgd", kind="optimizer", change="", hypothesis="", price="", start=31, n=3, stage="screened",
        effect_class="removes", spiked=1, effect=0.9, interval=None, p=None, severity=0.1, null_severity=1.0,
        later=None, cost=None,
    )  # fmt: skip
    lines = ProgressLines(pipe[1])
    lines.noticed(quoted('another "torch"\nof yesterday'))
    lines.noticed(message("notice-leaves", step=31))
    lines.planned("screen", 6)
    lines.replayed("screen", "sgd", 2, True, 0.51234)
    lines.tried(tried)
    got = written(pipe)
    assert [json.loads(line) for line in got] == [
        {
            "event": "noticed",
            "text": 'another "torch"\nof yesterday',
            "message": {"id": "quoted", "parameters": {"text": 'another "torch"\nof yesterday'}},
        },
        {
            "event": "noticed",
            "text": "the replay parts from the run at step 31: finding out what differs",
            "message": {"id": "notice-leaves", "parameters": {"step": 31}},
        },
        {"event": "planned", "stage": "screen", "replays": 6},
        {"event": "replayed", "stage": "screen", "name": "sgd", "replay": 2, "spiked": True, "seconds": 0.512},
        {"event": "tried", "stage": "screened", "name": "sgd", "outcome": "removes", "spiked": 1, "n": 3},
    ]
    page = Progress()
    for line in got:
        page.take(line)
    assert (page.stage, page.done, page.may) == ("screen", 1, 6)
    assert page.newest == {"name": "sgd", "replay": 2, "spiked": True}
    assert page.tried == [{"stage": "screened", "name": "sgd", "outcome": "removes", "spiked": 1, "n": 3}]


def test_replays_go_on_when_the_reader_has_gone(pipe) -> None:
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN  # as Python starts
    lines = ProgressLines(pipe[1])
    os.close(pipe[0])
    lines.planned("screen", 6)
    lines.planned("confirm", 6)


@pytest.mark.parametrize("descriptor", [-1, 999, 10**12])
def test_a_descriptor_that_is_not_open_is_one_line(descriptor, capsys, tmp_path) -> None:
    with pytest.raises(UserError, match=f"--progress-fd {descriptor} is not open for writing"):
        ProgressLines(descriptor)
    assert main(["replay", str(tmp_path), "--progress-fd", str(descriptor)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_one_that_is_only_read_is_one_line(pipe) -> None:
    with pytest.raises(UserError, match="is not open for writing"):
        ProgressLines(pipe[0])
