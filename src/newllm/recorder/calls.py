"""What is seen where a training calls its model as a whole: inputs, logits, targets, and the mode of evaluations."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.activations import first_tensor
from newllm.recorder.asked import TargetWatch
from newllm.recorder.batches import BatchWatch
from newllm.recorder.choices import Choices
from newllm.recorder.copies import CopyWatch
from newllm.recorder.description import Description
from newllm.recorder.ends import EndWatch
from newllm.recorder.hook import Hook
from newllm.recorder.influence import InfluenceWatch
from newllm.recorder.input_axes import InputAxes
from newllm.recorder.isolation import Part
from newllm.recorder.layout import Layout
from newllm.recorder.lost_writes import LostWrites
from newllm.recorder.lyapunov_watch import LyapunovWatch
from newllm.recorder.mirrored import MirroredTargets
from newllm.recorder.model_settings import ModelSettings
from newllm.recorder.one_number import OneNumberWatch
from newllm.recorder.outputs import (
    embedding_size,
    find_logits,
    find_logits_by_class,
    main_output,
    other_heads,
    put_logits,
    put_spread,
)
from newllm.recorder.passes import Passes
from newllm.recorder.pending import Row
from newllm.recorder.policy_entropy import PolicyEntropy
from newllm.recorder.sampled import SampledForward
from newllm.recorder.squared_error import SquaredErrorWatch
from newllm.recorder.time_axis import TimeAxisWatch

_MOST_SMALL_CALLS = 32  # between two updates: a policy acts once for each step of its world
_SMALL = 4  # rows


class CallWatch:
    """Hooks the model as it is called.

    Args:
        layout: the model's.
        forward: is told when a sampled training pass begins and ends.
        lyapunov: is given the inputs of such a pass.
        part: what keeps the errors of each part from the training.
        end: closes what belongs to a part, whatever it raises.
        about: knows the vocabulary, or is given what an embedding shows of it.
        found: called when that has happened.
        passes: is told of outputs that another network goes on to learn from.
        is_resumed: whether the training goes on from a checkpoint.

    Attributes:
        has_been_called: whether a pass with gradients was seen.
        is_updating: whether passes without gradients belong to an update.
        trained_while_evaluated: whether another one ran in training mode.
    """

    def __init__(
        self,
        layout: Layout,
        forward: SampledForward,
        lyapunov: LyapunovWatch,
        part: Part,
        end: Callable[[str, Callable[[], None]], None],
        about: Description,
        found: Callable[[], None],
        passes: Passes,
        *,
        is_resumed: bool = False,
    ) -> None:
        self._layout, self._forward, self._lyapunov, self._part, self._end = layout, forward, lyapunov, part, end
        self._about, self._found, self._is_resumed = about, found, is_resumed
        self._passes = passes
        self._handles: list[RemovableHandle] = []
        self._batches = BatchWatch(part("batches"), is_resumed=is_resumed)
        self._axes = InputAxes(part("batches"), is_resumed=is_resumed)
        self._targets = TargetWatch(part("targets"), is_resumed=is_resumed)
        self._ends = EndWatch(layout.inner, part("targets"))
        self._numbers = OneNumberWatch(part("targets"))
        self._errors = SquaredErrorWatch(part("targets"))
        self._mirrored = MirroredTargets(part("targets"))
        self._entropy = PolicyEntropy(part("targets"))
        self._choices = Choices()
        self._settings = ModelSettings(layout.inner)
        self._copies = CopyWatch(layout.inner)
        self._lost_writes = LostWrites()
        self._has_been_evaluated = False
        self._influence = InfluenceWatch(layout, part("influence"))
        self._time_axis = TimeAxisWatch(layout, part("influence"))
        self._row, self._sampled = Row(), False
        self._small_calls, self._is_passed_over = 0, False
        self.has_been_called = self.is_updating = self.trained_while_evaluated = False

    def open(self) -> None:
        """Hook the model."""
        self._hook(self._layout.root)

    def _hook(self, model: nn.Module) -> None:
        self._handles.append(model.register_forward_pre_hook(Hook(self._called), with_kwargs=True))
        self._handles.append(model.register_forward_hook(Hook(self._returned), always_call=True))
        self._hooked = model

    def _unhook(self) -> None:
        while self._handles:
            self._handles.pop().remove()

    def look_within(self) -> bool:
        """Hook the only part of what is hooked instead, and return whether there is one.

        A LightningModule is not called itself, as a rule: its `training_step` calls the network that it holds.
        """
        parts = [part for part in self._hooked.children() if next(part.parameters(), None) is not None]
        own = next(self._hooked.parameters(recurse=False), None)
        if own is not None or len(parts) != 1 or isinstance(parts[0], nn.ModuleList | nn.ModuleDict):
            return False
        self._unhook()
        self._hook(parts[0])
        return True

    def close(self) -> None:
        """Take the hooks away."""
        self._unhook()
        self._close_influence()
        of_targets = self._targets, self._ends, self._numbers, self._errors, self._mirrored, self._entropy
        for one in (*of_targets, self._forward.latent):
            self._end("targets", one.forget)

    def _close_influence(self) -> None:
        self._end("influence", self._influence.close)
        self._end("influence", self._time_axis.close)

    def begin(self, row: Row, *, sampled: bool, looks_again: bool) -> None:
        """Begin a step whose signals go into the row; a sampled one may be one to look at its influences again."""
        self._row, self._sampled, self._small_calls = row, sampled, 0
        is_first = sampled and not self._is_resumed  # what first updates showed stands in the recording already
        if is_first or (sampled and looks_again):
            self._part("influence")(self._influence.open)(is_again=looks_again)
        if is_first:
            self._part("influence")(self._time_axis.open)()

    def put(self, loss: float | torch.Tensor | None, *, is_scaled: bool, is_maximized: bool) -> None:
        """Record what the update was given and asked.

        Args:
            loss: of the update, for errors.
            is_scaled: as for `TargetWatch.put`.
            is_maximized: whether the optimizer makes what is called the loss large.
        """
        self._close_influence()
        if is_scaled and not self._about.half:  # a loss is scaled for float16 alone
            self._about.half = True
            self._found()
        self._part("settings")(self._settings.put)(self._row, sampled=self._sampled)
        self._part("batches")(self._axes.put)(self._batches.latest[0], self._row)
        self._part("batches")(self._batches.put)(self._row, sampled=self._sampled)
        self._part("targets")(self._targets.put)(self._row, is_scaled=is_scaled)
        self._part("targets")(self._ends.put)(self._row)
        self._part("targets")(self._numbers.put)(self._row, is_scaled=is_scaled)
        self._part("targets")(self._errors.put)(self._row, loss, is_scaled=is_scaled)
        self._part("targets")(self._mirrored.put)(self._row)
        self._part("targets")(self._entropy.put)(self._row, is_plain=not (is_scaled or is_maximized))
        self._part("targets")(self._forward.latent.put)(self._row, is_scaled=is_scaled)

    def put_evaluation(self, row: Row) -> None:
        """Record what an evaluation was given."""
        self._small_calls = 0
        if not self._has_been_evaluated:
            self._part("copies")(self._copies.put_evaluation)(row)
        self._has_been_evaluated = False
        self._part("batches")(self._batches.put_evaluation)(row)
        self._part("outputs")(self._choices.put_evaluation)(row)

    def _called(self, model: nn.Module, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        if not torch.compiler.is_compiling():
            self._part("calls")(self._see_call)(model, inputs, options)

    def _see_call(self, model: nn.Module, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        if not self.is_updating:
            self._small_calls += _is_small(inputs)
        self._is_passed_over = self._small_calls > _MOST_SMALL_CALLS and _is_small(inputs)
        if self._is_passed_over:
            return
        if not torch.is_grad_enabled() or not model.training:
            self._has_been_evaluated = True
        if not torch.is_grad_enabled():
            if not self.is_updating and not self.trained_while_evaluated:
                self.trained_while_evaluated = self._layout.runs_in_training_mode()
            if not self.is_updating:
                self._part("batches")(self._batches.evaluated)(inputs, options)
            return
        self.has_been_called = True
        self._part("batches")(self._given)(inputs, options, is_update=model.training)
        self._part("passes")(self._passes.called)(inputs, options)
        self._part("settings")(self._settings.called)(inputs, options)
        if self._sampled:
            self._part("targets")(self._ends.called)(options)
            self._part("layers")(self._forward.enter)()
            self._part("lyapunov")(self._lyapunov.keep)(inputs)

    def _given(self, inputs: tuple[Any, ...], options: Mapping[str, Any], *, is_update: bool) -> None:
        what = self._batches.called(inputs, options)
        if is_update:
            self._batches.count(what)

    def _returned_in_evaluation_mode(self, output: Any) -> None:
        """An update in this mode, or an evaluation without `no_grad`: whether a gradient comes will tell."""
        result, what, row = first_tensor(output), self._batches.latest, self._row
        if result is None or not result.requires_grad:
            return

        def updates(_: torch.Tensor) -> None:
            handle.remove()  # of several backward passes the first counts
            self._batches.count(what)
            row.put("update_in_evaluation_mode", 1.0)

        handle = result.register_hook(self._part("batches")(updates))

    def _returned(self, model: nn.Module, inputs: object, output: Any) -> None:  # noqa: ARG002 (a hook's form)
        if not torch.compiler.is_compiling():
            self._part("calls")(self._see_output)(model, output)
            if self._sampled and torch.is_grad_enabled():  # whatever failed, the functions of the loss are not watched
                self._end("layers", self._forward.leave)

    def _see_output(self, model: nn.Module, output: Any) -> None:
        first = first_tensor(output)
        is_empty = first is not None and not first.numel()  # the last batch of a loop may be
        if self._is_passed_over or is_empty:
            return
        if not torch.is_grad_enabled():
            if not self.is_updating:
                self._part("outputs")(self._choices.evaluated)(output)
            return
        if first is not None:
            self._part("passes")(self._passes.returned)(first, self._part("passes"))
        if self._sampled:  # before anything else listens to the gradient of what was returned
            self._forward.leave()
            look = self._part("influence")(self._influence.returned)
            look(output, self._batches.latest[0], self._row, is_hooked=self._forward.has_seen_a_hook)
            self._part("influence")(self._time_axis.returned)(output, self._batches.latest[0], self._row)
        if not model.training:
            self._part("batches")(self._returned_in_evaluation_mode)(output)
        if not self._sampled:
            return
        self._part("outputs")(self._see_half)(output)
        self._part("outputs")(self._put_outputs)(output)
        self._part("outputs")(self._choices.trained)(output)
        self._part("targets")(self._forward.latent.returned)(output, self._batches.latest[0], self._row)
        self._part("targets")(self._entropy.returned)(output)
        if first is not None:
            self._part("writes")(self._lost_writes.returned)(first, self._row)
            self._part("targets")(self._numbers.returned)(first)
            self._part("targets")(self._errors.returned)(first, self._batches.latest[0])
            self._part("targets")(self._mirrored.returned)(first, self._batches.latest[0])

    def _see_half(self, output: Any) -> None:
        result = main_output(output)
        device = "cpu" if result is None else result.device.type
        is_cast = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) is torch.float16
        if not self._about.half and (is_cast or (result is not None and result.dtype is torch.float16)):
            self._about.half = True
            self._found()

    def _put_outputs(self, output: Any) -> None:
        logits, result = find_logits(self._layout.inner, output, self._about.vocabulary), main_output(output)
        if result is not None and result.dim() and not result.is_nested:
            put_spread(result if logits is None else logits.flatten(0, -2), self._row)
        by_class = None
        if logits is None:
            by_class = find_logits_by_class(self._layout.inner, output, self._batches.latest[0])
        for other in other_heads(self._layout.inner, output, by_class if logits is None else logits):
            self._part("targets")(self._targets.returned_aside)(other)
        if by_class is not None:
            self._part("targets")(self._targets.returned)(by_class, *self._batches.latest, axis=1)
        if logits is None:
            return
        put_logits(logits, self._row)
        self._part("targets")(self._targets.returned)(logits, *self._batches.latest)
        self._part("targets")(self._ends.returned)(logits, self._batches.latest[0])
        size = embedding_size(self._layout.inner, logits.shape[-1])
        if self._about.vocabulary is None and size is not None:
            self._about.vocabulary = size
            self._found()


def _is_small(inputs: tuple[Any, ...]) -> bool:
    """Whether a call is given a row or a few; a tensor of one axis is a row."""
    first = inputs[0] if inputs else None
    return isinstance(first, torch.Tensor) and (first.dim() < 2 or len(first) <= _SMALL)
