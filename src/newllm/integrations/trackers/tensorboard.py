"""TensorBoard: event files in RUN/tensorboard, by TensorBoard's own package alone.

A training that goes back, or goes on, writes the mark with which TensorBoard forgets the later steps. Values are 32-bit
floats there, NaN and the infinities among them. It has no alerts: a text and a number (1 note, 2 warning, 3 fault).
"""

import json
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.integrations.trackers.sink import Sink, Start

_STRING = 7  # of a tensor's type


class TensorboardSink(Sink):
    """Writes event files."""

    package = "tensorboard"
    lowest = "2.18"
    below = "3"

    def start(self, start: Start) -> str:
        """Open an event file of this session."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = start.run / "tensorboard"
        before = folder.is_dir() and any(folder.iterdir())
        self._writer = EventFileWriter(str(folder))
        if before:
            self.back(start.step if start.step else -1)
        self.text(0, "config", f"```json\n{json.dumps(start.config, indent=1, default=str)}\n```")
        return f"tensorboard --logdir {folder}"

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        self._write(step, [{"tag": name, "simple_value": value} for name, value in values.items()])

    def text(self, step: int, name: str, text: str) -> None:
        """Write a text, which TensorBoard shows as Markdown."""
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.plugins.text.metadata import create_summary_metadata

        tensor = TensorProto(dtype=_STRING, string_val=[text.encode()])
        metadata = create_summary_metadata(display_name=None, description="")
        self._write(step, [{"tag": name, "metadata": metadata, "tensor": tensor}])

    def file(self, path: Path) -> None:
        """Write a picture; of other files TensorBoard knows nothing."""
        if path.suffix == ".png":
            content = path.read_bytes()
            width, height = struct.unpack(">II", content[16:24])
            image = {"encoded_image_string": content, "width": width, "height": height, "colorspace": 4}
            self._write(0, [{"tag": path.stem, "image": image}])

    def back(self, step: int) -> None:
        """Write the mark that a session began anew behind this step."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._write(step + 1, session_log=SessionLog(status=SessionLog.START))

    def flush(self) -> None:
        """Hand what is there to the file."""
        self._writer.flush()

    def finish(self, status: str) -> None:
        """Write how it ended and close the file."""
        self.text(0, "status", status)
        self._writer.close()

    def _write(self, step: int, values: Any = None, **more: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = {} if values is None else {"summary": Summary(value=[Summary.Value(**value) for value in values])}
        self._writer.add_event(Event(wall_time=time.time(), step=step, **summary, **more))
