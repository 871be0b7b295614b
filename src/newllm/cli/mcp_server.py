"""The MCP server: each tool is a command of newllm, run with --json in a process of its own.

A process, not a call: a training that is checked again after it was edited is imported anew, and neither what it prints
nor how it ends reaches the protocol. Whoever cancels a call ends its process.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from newllm.cli.schema import schema_of
from newllm.errors import UserError, quoted
from newllm.ui.command import all_of, last_line_of, start_command
from newllm.version import VERSION


@dataclass(frozen=True)
class _Tool:
    """A command as a tool.

    Attributes:
        about: what it does, and what it writes or runs.
        takes: its parameters by name, as JSON Schemas; the first must be given, and names what the command is run on.
        options: of the command, from the other parameters.
    """

    about: str
    takes: dict[str, dict[str, Any]]
    options: Callable[[Mapping[str, Any]], list[str]] = lambda _: []


def _text(about: str) -> dict[str, Any]:
    return {"type": "string", "description": about}


_BUDGET = {"type": "number", "exclusiveMinimum": 0, "description": "Seconds for everything (default 300)."}
_TOOLS = {
    "doctor": _Tool(
        "Diagnose a training run, with evidence: a run of newllm, or the log of any training (CSV, JSON lines, console "
        "output, TensorBoard and others). Finds spikes, divergence, plateaus and more. A run of newllm gets "
        "findings.json.",
        {
            "path": _text("A run directory, a log file, or a directory of runs or logs."),
            "against": _text(
                "A sound run or log of the same program: tells what differs, and writes nothing. Without it a "
                "recording of newllm.record is held against the last one of its program in which nothing was found."
            ),
        },
        lambda given: [f"--against={given['against']}"] if "against" in given else [],
    ),
    "check": _Tool(
        "Look for mistakes in a PyTorch training before it runs: one batch, some seconds. The file is run as Python "
        "runs it.",
        {"target": _text("FILE.py:FUNCTION, where the function returns model, optimizer, loss(model, batch), batch.")},
    ),
    "replay": _Tool(
        "Replay a run of newllm train from before its loss spike with one thing changed at a time, to find what "
        "removes the spike. Writes to RUN/replays; the same call again goes on where the last one ended.",
        {"run": _text("A run directory of newllm train."), "budget_seconds": _BUDGET},
        lambda given: [f"--budget={given['budget_seconds']}"] if "budget_seconds" in given else [],
    ),
    "report": _Tool(
        "Write one HTML page that shows a run or a log: RUN/report.html, or LOG.report.html in the server's directory. "
        "Returns where it is.",
        {"run": _text("A run directory, a log file, or a study.")},
    ),
}


def serve() -> None:
    """Serve over standard input and output until the input ends."""
    asyncio.run(_serve())


async def _serve() -> None:
    server = Server("newllm", version=VERSION, on_list_tools=_list_tools, on_call_tool=_call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _list_tools(*_: object) -> types.ListToolsResult:
    listed = [
        types.Tool(
            name=name,
            description=tool.about,
            input_schema={
                "type": "object",
                "properties": tool.takes,
                "required": [next(iter(tool.takes))],
                "additionalProperties": False,
            },
            output_schema=schema_of(name),
        )
        for name, tool in _TOOLS.items()
    ]
    return types.ListToolsResult(tools=listed)


async def _call_tool(_: object, call: types.CallToolRequestParams) -> types.CallToolResult:
    try:
        found = await _run(_command(call.name, call.arguments or {}))
    except UserError as error:
        return types.CallToolResult(content=[types.TextContent(type="text", text=str(error))], is_error=True)
    # As text too, for clients that know no structured content.
    text = types.TextContent(type="text", text=json.dumps(found))
    return types.CallToolResult(content=[text], structured_content=found)


def _command(name: str, given: Mapping[str, Any]) -> list[str]:
    """Return the command line of a call.

    Raises:
        UserError: there is no such tool, or what is given is not what it takes.
    """
    tool = _TOOLS.get(name)
    if tool is None:
        raise UserError(f"there is no tool {quoted(name)}: call one of {', '.join(_TOOLS)}")
    first, *_ = known = list(tool.takes)
    if unknown := [key for key in given if key not in known]:
        raise UserError(f"{name} takes no {quoted(unknown[0])}: give {', '.join(known)}")
    if first not in given:
        raise UserError(f"{name} needs {first}: give a string")
    for key, value in given.items():
        kind = str if tool.takes[key]["type"] == "string" else int | float
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UserError(f"{name}: {key} is {quoted(value)}: give a {tool.takes[key]['type']}")
    return [name, "--json", *tool.options(given), "--", given[first]]  # whatever is named is no option


async def _run(command: list[str]) -> dict[str, Any]:
    """Run a command and return the object that it prints, whatever its exit code: 1 is a finding.

    Raises:
        UserError: it printed none; the line says why.
    """
    try:
        process = await start_command(command)
    except (OSError, ValueError) as error:  # no room for another process; a zero byte in a name
        raise UserError(f"newllm {command[0]} could not be started: {error}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        output, said = await asyncio.gather(all_of(process.stdout), last_line_of(process.stderr))
        code = await process.wait()
    finally:
        process.stdin.close()  # which ends the command where the call was cancelled
    try:
        return json.loads(output.rstrip().rpartition(b"\n")[2])  # a library may print before it
    except ValueError:
        raise UserError(said.removeprefix("newllm: ") or f"newllm {command[0]} ended with {code}") from None
