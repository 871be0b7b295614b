"""Serve models over HTTP, in the formats of OpenAI's API, until Ctrl-C or SIGTERM.

A model is called by its run directory's name. /v1/completions continues a text; /v1/responses goes on from any
response before, at the cost of the new tokens alone; /v1/chat/completions needs a chat template: --chat-template, or
RUN/chat_template.jinja. Responses are kept in memory; with --store they outlive the server.

It accepts connections from this machine only; another --host needs --keys. SIGTERM lets running requests finish first,
SIGHUP loads what --snapshot names then. Each request is one JSON line on standard error, without its texts.
It needs the extra: pip install 'newllm[serve]'.

  newllm serve runs/moby-dick
  newllm serve runs/moby-dick runs/plays --store sessions --port 9000
  newllm serve --new-key alice
  newllm serve runs/moby-dick --host 0.0.0.0 --keys keys.toml
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from newllm.cli.ending import until_ended
from newllm.cli.parser import language_of, run_named
from newllm.errors import UserError
from newllm.extras import check_present

if TYPE_CHECKING:
    from newllm.serve.server import Settings

SCHEMA = 1
_PORT = 8000
_DAY = 24 * 60 * 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("runs", nargs="*", type=run_named, metavar="RUN", help="run directories that newllm train made")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to bind to (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=_PORT, metavar="N", help=f"port (default {_PORT}; 0 takes any)")
    parser.add_argument("--snapshot", default="best", metavar="best|last|STEP", help="which weights (default best)")
    parser.add_argument(
        "--weights", default="fp32", metavar="fp32|bf16|int8", help="precision of the weights (default fp32)"
    )
    parser.add_argument(
        "--store", metavar="DIR|redis://HOST", help="where responses are kept (default: in memory, until the end)"
    )
    parser.add_argument(
        "--store-bytes", type=int, metavar="N",
        help="at most so many bytes of responses are kept (default 10 GiB, in memory 1 GiB; Redis has its maxmemory)",
    )  # fmt: skip
    parser.add_argument("--key-bytes", type=int, metavar="N", help="at most so many of them are those of one API key")
    parser.add_argument("--store-days", type=float, metavar="F", help="responses are kept so many days (default 30)")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="API keys, a TOML file; see --new-key")
    parser.add_argument("--new-key", metavar="NAME", help="print a new API key and its lines for --keys, and exit")
    parser.add_argument(
        "--chat-template", type=Path, metavar="FILE", help="a Jinja file (default RUN/chat_template.jinja)"
    )
    parser.add_argument(
        "--cors", action="append", default=[], metavar="ORIGIN", help="pages of this origin may ask; may be repeated"
    )
    parser.add_argument(
        "--streams", type=int, default=2048, metavar="N", help="texts written or waited for at once (default 2048)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end, or make a key."""
    if arguments.new_key is not None:
        return _new_key(arguments)
    if not arguments.runs:
        raise UserError("no RUN is named: give the run directories to serve, as newllm serve runs/my-text")
    check_present("prometheus_client", "serve")
    from newllm.serve.server import serve

    settings = _settings(arguments)
    words = language_of(arguments)

    def ready(address: str, models: list[str]) -> None:
        if arguments.json:
            print(json.dumps({"schema": SCHEMA, "url": address.rstrip("/"), "models": models}), flush=True)
        elif not arguments.quiet:
            print(words("serve-ready", address=address, models=", ".join(models)), flush=True)
            if arguments.store is None:
                print(words("serve-in_memory"), flush=True)

    with until_ended() as ending:
        serve(settings, ready)
    return ending.code or 0


def _settings(arguments: argparse.Namespace) -> "Settings":
    from newllm.serve.server import Settings
    from newllm.serve.store import Limits, is_redis

    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port {arguments.port}: a port is a number from 0 (any free one) to 65535")
    if arguments.streams < 1:
        raise UserError(f"--streams {arguments.streams}: it must be 1 or more")
    if arguments.store_bytes is not None and is_redis(arguments.store):
        raise UserError("--store-bytes: how much a Redis server keeps is its own maxmemory: set that, and drop this")
    where = "memory_bytes" if arguments.store is None else "bytes"
    limits = {
        where: arguments.store_bytes, "owner_bytes": arguments.key_bytes,
        "seconds": arguments.store_days and arguments.store_days * _DAY,
    }  # fmt: skip
    return Settings(
        runs=tuple(map(Path, arguments.runs)),
        host=arguments.host,
        port=arguments.port,
        worker=("--snapshot", arguments.snapshot, "--weights", arguments.weights),
        store=arguments.store,
        limits=Limits(**{name: value for name, value in limits.items() if value is not None}),
        streams=arguments.streams,
        keys=arguments.keys,
        template=arguments.chat_template,
        origins=tuple(arguments.cors),
    )


def _new_key(arguments: argparse.Namespace) -> int:
    from newllm.serve.keys import new_key

    if arguments.runs:
        raise UserError(f"--new-key makes a key and serves nothing: drop '{arguments.runs[0]}'")
    key, lines = new_key(arguments.new_key)
    if arguments.json:
        print(json.dumps({"schema": SCHEMA, "name": arguments.new_key, "key": key, "lines": lines}))
        return 0
    words = language_of(arguments)
    if arguments.quiet:
        print(key, lines, sep="\n")
    else:
        print(words("serve-new_key", name=arguments.new_key, key=key), words("serve-key_file"), lines, sep="\n")
    return 0
