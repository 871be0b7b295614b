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

from newllm.generation.compiled_step import fields
from newllm.generation.compiled_step.products import BF16, FP32, INT8, PAIR, WEIGHT_BYTES
from newllm.generation.compiled_step.state import TAIL, Layout, Part
from newllm.generation.weights import quantise
from newllm.kernels.memory import LINE, aligned
from newllm.model.bodies.block import Block
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.language_model import EMBEDDED, LanguageModel

KINDS = {"fp32": FP32, "bf16": BF16, "int8": INT8}
_OFFSET = 128  # added to weights of 8 bits
_STATE = {fields.CONTEXT: "context", fields.TAIL: "tail"}


@dataclasses.dataclass(frozen=True)
class Stage:
    """Linear layers that see the same rows.

    Args:
        kind: of the kernel's.
        linears: of equal shape; 16 outputs of each stand together. None for heads of a matrix context.
        fields: what else the kernel reads of it.
    """

    kind: int
    linears: Sequence[tuple[Tensor, Tensor | None]]
    fields: dict[int, int]

    @property
    def groups(self) -> int:
        """What threads share: how many times 16 outputs each of its layers has; heads where there is no layer."""
        return -(-len(self.linears[0][0]) // 16) if self.linears else self.fields[fields.HEADS]

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
        layout: of a state.
        width: of the stream, filled up to a multiple of 16.
        channels: of a context, likewise.
        hidden: of the SwiGLU, likewise.
        projected: of what a block with matrices projects, likewise; 0 where there is none.
        head_width: of a matrix.
        weight_bytes: of the packed weights, what a token reads.
    """

    def __init__(self, model: LanguageModel, weights: str, threads: int) -> None:
        config = model.config
        self.kind, self.projected, self.head_width = KINDS[weights], 0, config.matrix_width
        self.width, self.channels, self.hidden = map(_filled, (config.width, config.context, config.hidden))
        self._small: list[Tensor] = []
        self.embedding = self._keep(model.embedding.weight)
        self.learned = 0 if model.positions is None else self._keep(model.positions.weight)
        tables: Any = model.ngrams
        self.pairs = 0 if tables is None else self._keep(tables.pairs.weight)
        self.triples = 0 if tables is None or tables.triples is None else self._keep(tables.triples.weight)
        body: Any = model.body
        counts = [name for name in EMBEDDED if name in model.initial_state(1)]
        parts = [part for layer, block in enumerate(body.blocks) for part in self._parts(block, layer)]
        self.layout = Layout(counts, parts)
        stages = [stage for layer, block in enumerate(body.blocks) for stage in self._block(block, layer)]
        stages.append(self._head(model))
        self.table = np.zeros((threads, len(stages), fields.STAGE_FIELDS), np.int64)
        self._packed = self._pack(stages, threads)
        self.weight_bytes = self._packed.nbytes

    def _keep(self, value: Tensor) -> int:
        """Return the address of a row of rows of floats, each filled up with zeros."""
        value = value.detach().float()
        value = F.pad(value, (0, -value.shape[-1] % 16)).contiguous()
        self._small.append(value)
        return value.data_ptr()

    def _norm(self, norm: Any) -> dict[int, int]:
        return {fields.NORM: self._keep(norm.weight), fields.COUNT: norm.weight.numel()}

    def _parts(self, block: Block, layer: int) -> list[Part]:
        mixer: Any = block.mixer
        names = f"{layer}.context", f"{layer}.tail"
        if isinstance(mixer, MatrixMixer):
            outputs = mixer.query_key_value.out_features
            matrices = mixer.heads, mixer.width, mixer.width
            return [Part(names[0], matrices, mixer.width), Part(names[1], (TAIL, outputs), outputs)]
        channels, width = mixer.rule.channels, mixer.convolution.weight.shape[1]
        return [Part(names[0], (channels,), self.channels), Part(names[1], (TAIL, width), self.width)]

    def _block(self, block: Block, layer: int) -> list[Stage]:
        mixer: Any = block.mixer
        places = {field: self.layout.address(f"{layer}.{name}") for field, name in _STATE.items()}
        norm = self._norm(block.mixer_norm)
        mix = self._matrices if isinstance(mixer, MatrixMixer) else self._mix
        up = block.mlp.up.weight.chunk(2)
        return [
            *mix(mixer, norm, places | self._convolution(mixer)),
            Stage(fields.UP, [(part, None) for part in up], self._norm(block.mlp_norm)),
            Stage(fields.DOWN, [(block.mlp.out.weight, None)], {}),
        ]

    def _mix(self, mixer: Any, norm: dict[int, int], places: dict[int, int]) -> list[Stage]:
        readers = [mixer.rule.delta, *mixer.rule.gates, mixer.gate]
        linears = [(reader.weight, reader.bias) for reader in readers]
        read = {fields.CONTEXT: places[fields.CONTEXT]} | self._context_norm(mixer)
        return [
            Stage(fields.MIX, linears, norm | places | self._decay(mixer.rule)),
            Stage(fields.MIX_OUT, [(mixer.out.weight, None)], read),
        ]

    def _matrices(self, mixer: Any, norm: dict[int, int], places: dict[int, int]) -> list[Stage]:
        """Return one product for all that is made of the block's input, what each head does, and the output."""
        rule, at, offsets = mixer.rule, 0, dict[int, int]()
        readers = {
            fields.QUERIES: mixer.query_key_value, fields.WRITES: rule.write, fields.FORGETS: rule.forget,
            fields.GATES: mixer.gate,
        }  # fmt: skip
        weights, biases = list[Tensor](), list[Tensor]()
        for field, reader in readers.items():
            weight, bias = reader.weight.detach(), reader.bias
            bias = weight.new_zeros(len(weight)) if bias is None else bias.detach()
            rest = -len(weight) % 16
            weights.append(F.pad(weight, (0, 0, 0, rest)))
            biases.append(F.pad(bias, (0, rest)))
            offsets[field] = 4 * at
            at += len(weight) + rest
        self.projected = max(self.projected, at)
        heads = {
            fields.HEADS: mixer.heads,
            fields.KEYS: mixer.width,
            fields.EACH_KEY: int(rule.decays_each_key),
            fields.STRONGEST: int(rule.strongest),
            fields.NORM: self._keep(mixer.read_norm.weight),
        }
        return [
            Stage(fields.PROJECT, [(torch.cat(weights), torch.cat(biases))], norm),
            Stage(fields.MATRICES, [], offsets | heads | places),
            Stage(fields.MIX_OUT, [(mixer.out.weight, None)], {}),
        ]

    def _head(self, model: LanguageModel) -> Stage:
        norm: Any = model.body.last_norm
        return Stage(fields.HEAD, [(model.head.weight, model.head.bias)], self._norm(norm))

    def _convolution(self, mixer: Any) -> dict[int, int]:
        taps = mixer.convolution.weight.detach().clone()
        taps[0] += 1.0
        return {fields.TAP_WEIGHTS: self._keep(taps)}

    def _decay(self, rule: Any) -> dict[int, int]:
        """Return what a rule without gates keeps of the context and admits of the delta; both are constants."""
        if rule.gates:
            return {}
        keep, admit = rule.combine(torch.ones(rule.channels), [], rule.constant())
        return {fields.KEEP: self._keep(keep), fields.ADMIT: self._keep(admit)}

    def _context_norm(self, mixer: Any) -> dict[int, int]:
        if not mixer.norm.reads:
            return {}
        norm = mixer.norm.norm
        rows = torch.stack([norm.weight, norm.bias, torch.ones_like(norm.bias)])
        return {fields.NORM: self._keep(rows), fields.COUNT: norm.weight.numel()}

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
        outputs, inputs = stage.linears[0][0].shape if stage.linears else (0, 0)
        first, last = stage.share(thread, len(self.table))
        values = {
            fields.KIND: stage.kind,
            fields.PANELS: len(stage.linears),
            fields.FIRST: first,
            fields.LAST: last,
            fields.WEIGHTS: address,
            fields.INPUTS: _filled(inputs),
            fields.OUTPUTS: _filled(outputs),
        } | stage.fields
        for field, value in values.items():
            self.table[thread, index, field] = value


def _pairs(stage: Stage, kind: int, threads: int) -> list[np.ndarray]:
    """Return each thread's part of a stage, its panels two by two with their lines taking turns."""
    if not stage.linears:
        return [np.zeros(0, np.uint8)] * threads
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
