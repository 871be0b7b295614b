"""`newllm` whose workers are stubs, and whose clients have little time: STUB_SECONDS, where that is set."""

import os
import sys
from pathlib import Path

from newllm.cli.main import main
from newllm.serve import connections, model, sse, worker
from newllm.serve.openai import body

STUB = Path(__file__).with_name("stub_worker.py")


class _Options(worker.WorkerOptions):
    @property
    def command(self) -> list[str]:
        return [sys.executable, str(STUB), *self.arguments, "--", str(self.run)]


if __name__ == "__main__":
    from newllm.serve import server

    server.WorkerOptions = _Options  # type: ignore[misc]
    model._FIRST_PAUSE = 0.01
    if "STUB_SECONDS" in os.environ:
        seconds = float(os.environ["STUB_SECONDS"])
        waiting = connections.Connection
        body.BODY_SECONDS = waiting.header_seconds = waiting.reading_seconds = seconds
        sse._PATIENCE = sse._ALIVE = 0.1
    if "STUB_DRAIN" in os.environ:
        server.DRAIN_SECONDS = float(os.environ["STUB_DRAIN"])
    sys.exit(main())
