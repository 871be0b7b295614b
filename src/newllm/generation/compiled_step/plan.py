"""A model as the stages that the kernel runs: which weights meet which input, and where everything lies.

The weights of the products are packed once, each thread's in the order in which it reads them, a cache line at a
time: see `products` for the order inside a panel of 16 outputs.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.generation.compiled_step import kernel
from newllm.generation.compiled_step.products import BF16, FP32, INT8, PAIR, WEIGHT_BYTES
from newllm.generation.weights import quantise
from newllm.kernels.memory import LINE, aligned
from newllm.model.bodies.block import Block
from newllm.model.language_model import LanguageModel

KINDS = {"fp32": FP32, "bf16": BF16, "int8": INT8}
_OFFSET = 128  # added to weights of 8 bits


@dataclasses.dataclass(frozen=True)
class Stage:
    """Linear layers that see the same rows.

    Args:
        kind: of the kernel's.
        linears: of equal shape; 16 outputs of each stand together.
        fields: what else the kernel reads of it.
    """

    kind: int
    linears: Sequence[tuple[Tensor, Tensor | None]]
    fields: dict[int, int]

    @property
    def groups(self) -> int:
        """How many times 16 outputs each of its layers has."""
        return -(-len(self.linears[0][0]) // 16)

    def share(self, thread: int, threads: int) -> tuple[int, int]:
        """Return a thread's first group and the one after its last."""
        return self.groups * thread // threads, self.groups * (thread + 1) // threads


class Plan:
    """The stages of a stack, its packed weights and its small ones.

    Args:
        model: a stack, as `decodable` wants it.
        weights: a precision.
        threads: among how many the outputs are shared.

    Attributes:
        table: `[threads, stages, fields]`, for the kernel. It holds addresses: keep the plan as long as it.
        layers: of the stack.
        width: of the stream, filled up to a multiple of 16.
        channels: of a context, likewise.
        hidden: of the SwiGLU, likewise.
        weight_bytes: of the packed weights, what a token reads.
    """

    def __init__(self, model: LanguageModel, weights: str, threads: int) -> None:
        config = model.config
        self.layers, self.kind = config.layers, KINDS[weights]
        self.width, self.channels, self.hidden = map(_filled, (config.width, config.context, config.hidden))
        self._small: list[Tensor] = []
        self.embedding = self._keep(model.embedding.weight)
        self.learned = 0 if model.positions is None else self._keep(model.positions.weight)
        body: Any = model.body
        stages = [stage for layer, block in enumerate(body.blocks) for stage in self._block(block, layer)]
        stages.append(self._head(model))
        self.table = np.zeros((threads, len(stages), kernel.STAGE_FIELDS), np.int64)
        self._packed = self._pack(stages, threads)
        self.weight_bytes = self._packed.nbytes

    def _keep(self, value: Tensor) -> int:
        """Return the address of a row of rows of floats, each filled up with zeros."""
        value = value.detach().float()
        value = F.pad(value, (0, -value.shape[-1] % 16)).contiguous()
        self._small.append(value)
        return value.data_ptr()

    def _norm(self, norm: Any) -> dict[int, int]:
        return {kernel.NORM: self._keep(norm.weight), kernel.COUNT: norm.weight.numel()}

    def _block(self, block: Block, layer: int) -> list[Stage]:
        mixer: Any = block.mixer
        room = LINE + 4 * (self.channels + 3 * self.width) * layer  # the position stands in front
        context, tail = {kernel.CONTEXT: room}, {kernel.TAIL: room + 4 * self.channels}
        readers = [mixer.rule.delta, *mixer.rule.gates, mixer.gate]
        up = block.mlp.up.weight.chunk(2)
        fields = self._norm(block.mixer_norm) | context | tail | self._convolution(mixer) | self._decay(mixer.rule)
        return [
            Stage(kernel.MIX, [(reader.weight, reader.bias) for reader in readers], fields),
            Stage(kernel.MIX_OUT, [(mixer.out.weight, None)], context | self._context_norm(mixer)),
            Stage(kernel.UP, [(part, None) for part in up], self._norm(block.mlp_norm)),
            Stage(kernel.DOWN, [(block.mlp.out.weight, None)], {}),
        ]

    def _head(self, model: LanguageModel) -> Stage:
        norm: Any = model.body.last_norm
        return Stage(kernel.HEAD, [(model.head.weight, model.head.bias)], self._norm(norm))

    def _convolution(self, mixer: Any) -> dict[int, int]:
        taps = mixer.convolution.weight.detach().clone()
        taps[0] += 1.0
        return {kernel.TAP_WEIGHTS: self._keep(taps)}

    def _decay(self, rule: Any) -> dict[int, int]:
        """Return what a rule without gates keeps of the context and admits of the delta; both are constants."""
        if rule.gates:
            return {}
        keep, admit = rule.combine(torch.ones(rule.channels), [], rule.constant())
        return {kernel.KEEP: self._keep(keep), kernel.ADMIT: self._keep(admit)}

    def _context_norm(self, mixer: Any) -> dict[int, int]:
        if not mixer.norm.reads:
            return {}
        norm = mixer.norm.norm
        rows = torch.stack([norm.weight, norm.bias, torch.ones_like(norm.bias)])
        return {kernel.NORM: self._keep(rows), kernel.COUNT: norm.weight.numel()}

    def _pack(self, stages: list[Stage], threads: int) -> np.ndarray:
        """Fill the table and return all pairs of panels, from the first thread's first to the last one's last."""
        contents = [_pairs(stage, self.kind, threads) for stage in stages]
        size = sum(part.size for parts in contents for part in parts)
        memory, at = aligned(size), 0
        for thread in range(threads):
            for index, (stage, parts) in enumerate(zip(stages, contents, strict=True)):
                memory[at : at + parts[thread].size] = parts[thread]
                self._describe(thread, index, stage, memory.ctypes.data + at)
                at += parts[thread].size
        return memory

    def _describe(self, thread: int, index: int, stage: Stage, address: int) -> None:
        outputs, inputs = stage.linears[0][0].shape
        first, last = stage.share(thread, len(self.table))
        fields = {
            kernel.KIND: stage.kind,
            kernel.PANELS: len(stage.linears),
            kernel.FIRST: first,
            kernel.LAST: last,
            kernel.WEIGHTS: address,
            kernel.INPUTS: _filled(inputs),
            kernel.OUTPUTS: _filled(outputs),
        } | stage.fields
        for field, value in fields.items():
            self.table[thread, index, field] = value


def _pairs(stage: Stage, kind: int, threads: int) -> list[np.ndarray]:
    """Return each thread's part of a stage, its panels two by two with their lines taking turns."""
    panels = np.stack([_pack_linear(weight.detach(), bias, kind) for weight, bias in stage.linears], 1)
    parts = []
    for thread in range(threads):
        first, last = stage.share(thread, threads)
        part = panels[first:last].reshape(-1, panels.shape[2] // LINE, LINE)
        part = np.pad(part, ((0, len(part) % PAIR), (0, 0), (0, 0)))  # an odd one is paired with nothing
        parts.append(part.reshape(-1, PAIR, *part.shape[1:]).swapaxes(1, 2).reshape(-1))
    return parts


def _pack_linear(weight: Tensor, bias: Tensor | None, kind: int) -> np.ndarray:
    """Return a layer's panels, `[panels, bytes]`."""
    outputs, inputs = weight.shape
    bias = weight.new_zeros(outputs) if bias is None else bias.detach()
    header = [bias]
    if kind == INT8:
        whole, scale = quantise(weight)
        weight, header = whole.to(torch.int16) + _OFFSET, [bias, scale]
    grid = F.pad(weight, (0, -inputs % 16, 0, -outputs % 16)).unflatten(0, (-1, 16))  # [panels, 16, in]
    together = 4 // WEIGHT_BYTES[kind]  # inputs that share a lane
    lanes = grid.unflatten(2, (-1, together)).transpose(1, 2).contiguous()  # [panels, in / together, 16, together]
    dtype = {FP32: torch.float32, BF16: torch.bfloat16, INT8: torch.uint8}[kind]
    body = lanes.to(dtype).flatten(1).view(torch.uint8)
    heads = [F.pad(part.float(), (0, -outputs % 16)).view(-1, 16).view(torch.uint8) for part in header]
    return torch.cat([*heads, body], 1).numpy()


def _filled(size: int) -> int:
    return -(-size // 16) * 16
