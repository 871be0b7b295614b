"""A worker without a model, for what a real one cannot be made to do on demand: it speaks frames, and has its moods.

Its text is what was read, again and again, a character a token. A prompt may ask for more: "die" ends the process,
"refuse" is an error, "hang" says nothing, "garbage" is no frame, "slow" takes a tenth of a second a token.
Where RUN is a file it cannot be loaded.

    python stub_worker.py ... -- RUN
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from newllm.frames import read_frame, write_frame

READY = {
    "op": "ready", "run": "stub", "snapshot_step": 1, "fingerprint": f"{os.getpid():016}" * 4, "vocabulary": 256,
    "parameters": 1, "state_bytes": 8, "weights": "fp32", "compiled": False, "positions": 0, "begin": None,
}  # fmt: skip


class Worker:
    """Answers requests, each in a thread of its own."""

    def __init__(self) -> None:
        self._out, self._lock = sys.stdout.buffer, threading.Lock()
        self._cancelled: set[int] = set()

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        with self._lock:
            write_frame(self._out, header, blob)

    def run(self) -> None:
        self.send(READY)
        while (frame := read_frame(sys.stdin.buffer)) is not None:
            header, blob = frame
            if header["op"] == "cancel":
                self._cancelled.add(header["id"])
                print(f"cancelled {header['id']}", file=sys.stderr, flush=True)
            else:
                threading.Thread(target=self.answer, args=(header, blob), daemon=True).start()

    def answer(self, asked: dict[str, Any], state: bytes) -> None:
        text = asked.get("text") or "".join(map(chr, asked.get("tokens", [])))
        if "die" in text:
            os.abort()
        if "garbage" in text:
            self._out.write(b"\xff" * 64)
            self._out.flush()
        if "refuse" in text:
            self.send({"op": "error", "id": asked["id"], "kind": "request", "error": "it is refused: ask for less"})
            return
        if state and not state.startswith(b"state:"):
            self.send({"op": "error", "id": asked["id"], "kind": "state", "error": "the state is of another model"})
            return
        for choice in range(asked["n"]):
            self.write(asked, state, text, choice)

    def write(self, asked: dict[str, Any], state: bytes, text: str, choice: int) -> None:
        read = (state.removeprefix(b"state:").decode() + text) or " "
        written = 0
        while written < asked["max_tokens"] and asked["id"] not in self._cancelled:
            if "hang" in text or "slow" in text:
                time.sleep(100 if "hang" in text else 0.1)
            piece = {"id": asked["id"], "choice": choice, "text": read[written % len(read)], "tokens": 1}
            self.send({"op": "events", "events": [piece]})
            written += 1
        done = {
            "op": "done", "id": asked["id"], "choice": choice, "finish": "length", "whole": True,
            "last": choice == asked["n"] - 1,
            "prompt_tokens": len(read), "cached_tokens": max(0, len(state) - 6), "completion_tokens": written,
        }  # fmt: skip
        self.send(done, b"state:" + read.encode() if asked["keep"] else b"")


if __name__ == "__main__":
    time.sleep(float(os.environ.get("STUB_SLEEP", "0")))
    if Path(sys.argv[-1]).is_file():
        write_frame(sys.stdout.buffer, {"op": "failed", "error": f"'{sys.argv[-1]}' is no run"})
        sys.exit(2)
    Worker().run()
    os._exit(0)
