"""recording.json: what was recorded and how, what could not be, and what the training said of itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from newllm.checksum import write_checked
from newllm.messages import Message, message
from newllm.recorder.config import optimizer_settings
from newllm.recorder.fresh_layers import norms_with_statistics, statistics_have_moved, untrained_share
from newllm.recorder.layout import Layout
from newllm.recorder.loss_function import loss_function
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.resumption import RECORDING, Resumption
from newllm.recorder.singular import singular_functions


class Description:
    """The content of recording.json, and its file.

    Args:
        layout: the model's.
        optimizers: its optimizers.
        out: directory of the recording.
        every: how many steps lie between sampled ones.
        vocabulary: how many tokens or classes the model chooses from, None while that is not known.
        kind: of training, None where nobody says.
        config: settings of the training as `config_of` returns them.

    Attributes:
        vocabulary, kind: see above; they may be found on the way.
        remarks: on what is not recorded.
        ended: whether recording is over.
        half: whether anything was seen to be computed in float16.
        untrained: share of the model's numbers that nobody has trained, of a fine-tuning.
        new_statistics: whether the model's batch norms begin with running statistics of 0 and 1; None without any.
        loss_function: that the loss comes of, by the name of its backward pass; None where it is not known.
        singular: functions that the loss was made with and whose derivative is infinite somewhere, see `singular.py`.
        framework: what the framework that trains says of itself, see `Recorder.framework`.
    """

    def __init__(
        self,
        layout: Layout,
        optimizers: Optimizers,
        out: Path,
        *,
        every: int,
        vocabulary: int | None,
        kind: str | None,
        config: Mapping[str, Any],
    ) -> None:
        self._config, self._of_optimizer = config, optimizer_settings(optimizers)
        self._layout, self._optimizers, self._path, self._every = layout, optimizers, out / RECORDING, every
        self.vocabulary, self.kind = vocabulary, kind
        self._notes: list[dict[str, Any]] = []
        self._resumed: list[dict[str, Any]] = []
        self.remarks: list[Message] = []
        self._earlier: list[Message] = []
        self.ended = False
        self.framework: dict[str, Any] = {}
        self.untrained: float | None = None
        self.new_statistics: bool | None = None
        self.loss_function: str | None = None
        self.singular: list[dict[str, Any]] = []
        self.half = any(parameter.dtype is torch.float16 for parameter in layout.parameters)

    def go_on(self, found: Resumption) -> None:
        """Take over what was said of the recording until now, and say where it is resumed."""
        from newllm.diagnosis.run_facts import facts_of, said_by  # most trainings are not resumed

        earlier = found.earlier
        facts = facts_of(earlier, {}, {}, {})
        self.vocabulary, self.kind = self.vocabulary or facts.vocabulary, self.kind or facts.kind
        self._notes = [{"step": one.step, "text": one.text} for one in facts.planned]
        self._earlier = [one.sentence for one in said_by(earlier)]
        self.remarks = [*self._earlier]
        before = earlier.get("resumed")
        resumed = {"step": found.step, "set_aside": found.set_aside}
        self._resumed = [*(before if isinstance(before, list) else ()), resumed]
        if found.recorded < found.step:  # a kill took what had not been flushed, or nothing was recorded before
            self.remark(message("remark-recorder-gap", first=found.recorded + 1, last=found.step))

    def see_loss(self, loss: object) -> None:
        """Look at how a loss was made, as far as it is a tensor with its graph."""
        self.loss_function = loss_function(loss)
        self.singular = singular_functions(loss, self._layout.layers)

    def see_start(self) -> None:
        """Look at what the training begins with."""
        model = self._layout.inner
        if norms_with_statistics(model):
            self.new_statistics = not statistics_have_moved(model)
        if self.kind == "fine-tune":
            self.untrained = untrained_share(model)

    def note(self, step: int, text: str) -> bool:
        """Add a note of what is planned; return whether it is a new one: a resumed training says its notes again."""
        noted = {"step": step, "text": " ".join(str(text).split())}
        if noted in self._notes:
            return False
        self._notes.append(noted)
        return True

    def remark(self, said: Message) -> bool:
        """Add what is not recorded; return whether it was not said before the training was resumed."""
        if said in self._earlier:
            return False
        self.remarks.append(said)
        return True

    def write(self) -> None:
        """Write the file.

        Raises:
            UserError: there is no room.
        """
        content = self._layout.describe(self._optimizers, self._every, self.vocabulary)
        content |= {"left_out": list(map(str, self.remarks)), "ended": self.ended, "half": self.half}
        content |= {"remarks": [one.as_dict() for one in self.remarks]}
        content |= ({"kind": self.kind} if self.kind else {}) | ({"notes": self._notes} if self._notes else {})
        content |= {"resumed": self._resumed} if self._resumed else {}
        content |= {"framework": self.framework} if self.framework else {}
        content |= {"untrained": self.untrained} if self.untrained is not None else {}
        content |= {"new_statistics": self.new_statistics} if self.new_statistics is not None else {}
        content |= {"loss_function": self.loss_function} if self.loss_function else {}
        content |= {"singular": self.singular} if self.singular else {}
        content |= {"config": self._config, "optimizer_settings": self._of_optimizer}
        write_checked(self._path, content, durable=False)
