"""Other servers at as many parameters, one core each, in turns with ours: 64 requests at once, one alone, the load.

    python benchmarks/serving/peer_servers.py --install DIR     # a virtual environment, and llama.cpp's server is built
    python benchmarks/serving/serving.py --only peers --peers DIR

- transformers: `generate` with a static batch of 64 and of 1, no server; `transformers serve` with continuous batching
  and without
- llama.cpp: its server with 64 slots, built for this machine from the source that llama-cpp-python brings (whose own
  server answers one request after another), matrices in float32 and bfloat16; and as xllamacpp's wheel has it, for AVX2

All have one GPT-2 of as many parameters as ours (`peer_models.py`), its weights random: which numbers they are does not
matter for the speed. Ours is preset small. 64 + 64 tokens a request, greedy, one thread. Only the one whose turn it is
may run: the others are stopped meanwhile.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "shared"))
sys.path.append(str(Path(__file__).parent))

from lines import LineProcess, pinned
from peer_turns import OURS, Peer, compared, why
from prompts import Prompts
from served import Served, running, served, wait_for
from streams import ROWS, SERVER_CORE, Extent, clients

_HERE = Path(__file__).parent
GPT2 = {"layers": 4, "width": 256, "heads": 4}
PACKAGES = ("torch==2.13.0", "transformers[serving]==5.24.0", "gguf==0.19.0", "xllamacpp==2026.10.11549")
LLAMA_CPP = "llama-cpp-python==0.3.36"
_BUILD = (
    "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
)  # fmt: skip
CANNOT = {
    "transformers generate": "no server, no sessions: a batch begins and ends together",
    "transformers serve": "its Responses API lists previous_response_id and store among the fields that it does "
    "not use: each turn sends and reads the whole conversation",
    "llama.cpp": "refuses previous_response_id: each turn sends the whole conversation; what "
    " a slot or the prompt cache in memory still holds is not read again, and slots may be saved to files by hand",
}
"""As of the versions above, from their sources."""
_OWN = {"PYTHONPATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
"""The environment of peers: nothing of ours, one thread, no network."""


def install(place: Path) -> None:
    """Put the peers into a folder."""
    venv.create(place / "transformers", with_pip=True)
    pip = [str(place / "transformers" / "bin" / "pip")]
    subprocess.run([*pip, "install", "--quiet", *PACKAGES], check=True)
    source = place / "llama-source"
    subprocess.run(
        [*pip, "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d", str(source), LLAMA_CPP], check=True
    )
    (archive,) = source.glob("*.tar.gz")
    subprocess.run(["tar", "xzf", str(archive), "-C", str(source)], check=True)
    (code,) = source.glob("*/vendor/llama.cpp")
    build = str(place / "llama-build")
    subprocess.run(["cmake", "-S", str(code), "-B", build, *_BUILD], check=True)
    subprocess.run(["cmake", "--build", build, "--target", "llama-server", "-j", str(os.cpu_count())], check=True)


def against_peers(run: Path, place: Path | None, extent: Extent) -> dict[str, Any]:
    """Return what ours and each peer reach, in turns."""
    if place is None:
        return {"failed": "no --peers"}
    python = place / "transformers" / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        asking = stack.enter_context(clients())
        ours = stack.enter_context(served(run, SERVER_CORE))
        parameters = ours.get("/v1/models")["data"][0]["parameters"]
        shape = [str(GPT2[name]) for name in ("layers", "width", "heads")]
        made = subprocess.run(
            [str(python), str(_HERE / "peer_models.py"), folder, str(parameters), *shape],
            check=True, capture_output=True, text=True, env={**os.environ, **_OWN},
        )  # fmt: skip
        peers, failed = {OURS: _server(ours, asking)}, dict[str, str]()
        for name, start in _starts(place, Path(folder), asking).items():
            try:
                peers[name] = start(stack)
                with peers[name].awake():
                    peers[name].speed(2)
            except (OSError, RuntimeError, ValueError) as error:
                peers.pop(name, None)
                failed[name] = why(error)
        for peer in peers.values():
            peer.signal(signal.SIGSTOP)
        try:
            found = compared(peers, failed, asking, extent)
        finally:
            for peer in peers.values():
                peer.signal(signal.SIGCONT)
    about = {"ours": parameters, "gpt2": json.loads(made.stdout.splitlines()[-1]), "shape": GPT2}
    return {"parameters": about, "versions": [*PACKAGES, LLAMA_CPP], "cannot": CANNOT, "failed": failed, **found}


def _starts(place: Path, models: Path, asking: LineProcess) -> dict[str, Callable[[contextlib.ExitStack], Peer]]:
    """Return how each peer is started."""
    python, script = (
        str(place / "transformers" / "bin" / "python"),
        str(place / "transformers" / "bin" / "transformers"),
    )
    folder, binary = str(models / "gpt2"), str(place / "llama-build" / "bin" / "llama-server")

    def generate(stack: contextlib.ExitStack) -> Peer:
        process = LineProcess([python, str(_HERE / "peer_generate.py"), folder], SERVER_CORE, **_OWN)
        stack.enter_context(process)
        return Peer(lambda rows: process.ask(rows)["tokens_a_second"], [process.pid])

    def serve(*options: str) -> Callable[[contextlib.ExitStack], Peer]:
        command = [script, "serve", folder, "--device", "cpu", "--dtype", "float32", "--log-level", "error", *options]
        return lambda stack: _started(stack, asking, command, folder, '"text":"', "/health")

    def llama(kind: str) -> Callable[[contextlib.ExitStack], Peer]:
        model = str(models / f"gpt2-{kind}.gguf")
        command = [
            binary, "-m", model, "-c", str(256 * ROWS), "-np", str(ROWS), "-t", "1", "-tb", "1", "-fa", "on",
            "--no-ui", "--no-slots",
        ]  # fmt: skip
        return lambda stack: llama_started(stack, command)

    def llama_started(stack: contextlib.ExitStack, command: list[str]) -> Peer:
        extra = (("ignore_eos", True), ("cache_prompt", False))
        return _started(stack, asking, command, "gpt2", '"finish_reason":null', "/health", extra)

    wheel = [python, str(_HERE / "peer_llama.py"), str(models / "gpt2-f32.gguf")]

    return {
        "transformers generate": generate,
        "transformers serve, continuous batching": serve("--continuous-batching"),
        "transformers serve": serve(),
        "llama.cpp server, f32": llama("f32"),
        "llama.cpp server, bf16": llama("bf16"),
        "llama.cpp server of the wheel, f32": lambda stack: llama_started(stack, wheel),
    }


def _started(
    stack: contextlib.ExitStack, asking: LineProcess, command: list[str], model: str, mark: str, health: str,
    extra: tuple[tuple[str, Any], ...] = (),
) -> Peer:  # fmt: skip
    if not Path(command[0]).is_file():
        raise FileNotFoundError(f"not installed: {command[0]}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = [*pinned(SERVER_CORE), *command, "--port", str(port), "--host", "127.0.0.1"]
    process = stack.enter_context(running(told, **_OWN))
    server = Served(port, process.pid, model, mark=mark, extra=extra)
    wait_for(server, health, process)
    return _server(server, asking)


def _server(server: Served, asking: LineProcess) -> Peer:
    prompts = Prompts(6)

    def speed(rows: int) -> float:
        found = asking.ask(server.task(prompts.streams(server, rows, 64, 64), patience=150.0))["kinds"]["stream"]
        if found["finished"] < rows:
            raise RuntimeError(f"{rows - found['finished']} of {rows} failed: {found['errors']}")
        return found["tokens"] / found["span"]

    return Peer(speed, server.processes, server)


def main() -> None:
    """Install."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", type=Path, metavar="DIR", required=True)
    install(parser.parse_args().install.resolve())


if __name__ == "__main__":
    main()
