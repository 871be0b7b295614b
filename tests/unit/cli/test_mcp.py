"""`newllm mcp`: what it says without its extra, and a session with it as an agent has one."""

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from newllm.cli.schema import schema_of
from newllm.ui.command import start_command

SPIKE = Path(__file__).parents[3] / "examples" / "spike.csv"
TOOLS = {"doctor": ["path", "against"], "check": ["target"], "replay": ["run", "budget_seconds"], "report": ["run"]}
PARTS = """
import torch
from torch import nn

print("loading")


def parts():
    model = nn.Linear(10, 3)
    batch = torch.randn(16, 10), torch.randint(0, 3, (16,))
    loss = lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1])
    return model, torch.optim.Adam(model.parameters(), 1e-2), loss, batch
"""
needs_mcp = pytest.mark.skipif(
    importlib.util.find_spec("mcp") is None, reason="mcp is not installed (pip install 'newllm[mcp]'); .ci/slow runs it"
)


@pytest.mark.parametrize("version", [None, "1.30.0", "2.0.1", "3.0.0"])
def test_without_the_extra_or_with_another_version_one_line_says_what_to_install(version, refused, monkeypatch) -> None:
    def known(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", known)
    why = f"mcp {version} is installed, newllm takes 2.1 to below 3"
    said = why if version else "this needs the package mcp, which is not installed"
    assert refused("mcp") == f"newllm: {said}: pip install 'newllm[mcp]'"


def test_it_prints_no_json_of_its_own(refused) -> None:
    assert "leave it out" in refused("mcp", "--json")


def session(calls: list[tuple[str, Mapping[str, Any]]], directory: Path) -> tuple[list[Any], list[Any]]:
    """Return the tools that a client of the SDK is shown over stdio, and what it gets for its calls."""
    from mcp import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "newllm", "mcp"], env=dict(os.environ), cwd=directory
    )

    async def talk() -> tuple[list[Any], list[Any]]:
        with (directory / "stderr.txt").open("w") as log:  # it needs a file, which pytest's stderr is none of
            async with stdio_client(server, log) as (read, write), ClientSession(read, write) as client:
                await client.initialize()
                tools = (await client.list_tools()).tools
                return tools, [await client.call_tool(name, dict(given)) for name, given in calls]

    return asyncio.run(asyncio.wait_for(talk(), 120))


@needs_mcp
def test_a_client_lists_four_tools_and_gets_what_the_commands_print(call, tmp_path: Path) -> None:
    tools, (diagnosed, reported) = session(
        [("doctor", {"path": str(SPIKE)}), ("report", {"run": str(SPIKE)})], tmp_path
    )
    assert {tool.name: list(tool.input_schema["properties"]) for tool in tools} == TOOLS
    for tool in tools:
        assert tool.description
        assert tool.input_schema["required"] == TOOLS[tool.name][:1]
        assert tool.output_schema == schema_of(tool.name)
    printed = json.loads(call("doctor", SPIKE, "--json").out)
    assert not diagnosed.is_error
    assert diagnosed.structured_content == json.loads(diagnosed.content[0].text) == printed
    Draft202012Validator(schema_of("report")).validate(reported.structured_content)
    assert (tmp_path / reported.structured_content["page"]).stat().st_size == reported.structured_content["bytes"]


@needs_mcp
def test_a_mistake_is_one_line_and_the_session_goes_on(tmp_path: Path) -> None:
    absent = "no such file or directory): give a log or a run directory"
    lines = {
        f"cannot read 'no.csv' ({absent}": ("doctor", {"path": "no.csv"}),
        f"cannot read '--vocab=2' ({absent}": ("doctor", {"path": "--vocab=2"}),
        "'train.py' names no function: write it as train.py:parts": ("check", {"target": "train.py"}),
        "doctor needs path: give a string": ("doctor", {}),
        "doctor takes no 'vocab': give path, against": ("doctor", {"path": str(SPIKE), "vocab": 2}),
        "replay: budget_seconds is 'long': give a number": ("replay", {"run": "runs/a", "budget_seconds": "long"}),
        "there is no tool 'docter': call one of doctor, check, replay, report": ("docter", {}),
    }
    _, results = session([*lines.values(), ("doctor", {"path": str(SPIKE)})], tmp_path)
    assert [result.content[0].text for result in results[:-1]] == list(lines)
    assert [result.is_error for result in results] == [True] * len(lines) + [False]


@needs_mcp
def test_nothing_but_the_protocol_is_printed(tmp_path: Path) -> None:
    """What a training prints that is checked, for example."""
    (tmp_path / "train.py").write_text(PARTS)
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages = [
        {"id": 1, "method": "initialize", "params": about},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "check", "arguments": {"target": "train.py:parts"}}},
    ]
    command = [sys.executable, "-m", "newllm", "mcp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for message in messages:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        server.stdin.close()
        rest = server.stdout.read()
    assert (rest, server.returncode) == ("", 0)
    assert [answer["id"] for answer in answers] == [1, 2]
    Draft202012Validator(schema_of("check")).validate(answers[1]["result"]["structuredContent"])


@needs_mcp
def test_a_call_that_is_cancelled_ends_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from newllm.cli import mcp_server

    started = []

    async def start(command: list[str]) -> asyncio.subprocess.Process:
        started.append(await start_command(command))
        return started[0]

    async def cancel() -> None:
        page = asyncio.create_task(mcp_server._run(["ui", str(tmp_path), "--port", "0"]))  # never ends by itself
        while not started:
            await asyncio.sleep(0.05)
        page.cancel()
        with pytest.raises(asyncio.CancelledError):
            await page
        await asyncio.wait_for(started[0].wait(), 60)

    monkeypatch.setattr(mcp_server, "start_command", start)
    asyncio.run(cancel())
