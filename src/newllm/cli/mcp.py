"""Serve four commands to an agent or an editor by the Model Context Protocol: doctor, check, replay and report.

The agent starts it and talks to it over standard input and output (docs/agents.md shows how to enter it). Each tool
returns what the command prints with --json. It needs the extra: pip install 'newllm[mcp]'.

  newllm mcp
"""

import argparse

from newllm.errors import UserError
from newllm.extras import check_installed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no argument beside those of every command."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until standard input ends."""
    if arguments.json:
        raise UserError("--json: what newllm mcp prints is the protocol, and each tool returns JSON: leave it out")
    check_installed("mcp", "mcp", "2.1", "3")
    from newllm.cli.mcp_server import serve

    serve()
    return 0
