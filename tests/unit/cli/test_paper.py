"""What the doctor prints where the reader's encoding is narrow."""

import argparse
import io
import sys
from pathlib import Path

import pytest

from newllm.api import Diagnosis
from newllm.cli.doctor import _show
from newllm.cli.doctor_watch import _Lines
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue, quoted
from newllm.trace import Finding, Trace

EN = catalogue("en")
FINDING = Finding(kind="dead-units", severity="fault", sentence=quoted("layer 'слой' is dead"))
DIAGNOSIS = Diagnosis(Path("run"), Trace(), Facts(), [FINDING])


SAID = b"layer '\\u0441\\u043b\\u043e\\u0439' is dead"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_name_that_the_encoding_does_not_have_is_escaped(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    _show(DIAGNOSIS, argparse.Namespace(json=False, quiet=quiet), EN)
    stream.seek(0)
    assert SAID in stream.buffer.read()


def test_nor_does_it_end_a_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    _Lines(EN, quiet=False)(DIAGNOSIS, "")
    stream.seek(0)
    assert SAID in stream.buffer.read()
