"""What a model's contexts do while it reads: each context after each token, and how much of it each token keeps.

Of contexts that are matrices it returns what each token wrote and read, from which `recall` says what a read found.

It looks by reading some tokens once more from the state before them, so that whoever really reads them need not be
hooked: a hook would take a fused cell or a compiled decoder off its path. A stack and a cell take the same path
here as in any forward pass over these tokens. torch's LSTM shows neither its contexts nor its gates, so its
formula is written out here; it agrees up to rounding.

Shapes: T positions, C channels, D width, H heads of a layer, N heads of all layers, V value width; one row.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from newllm.model.bodies import State
from newllm.model.bodies.block import Blocks
from newllm.model.bodies.cell import Cell
from newllm.model.bodies.lstm import LSTM
from newllm.model.bodies.matrix_mixer import MatrixMixer, ZeroMatrixMixer
from newllm.model.bodies.stack import ContextMixer, ZeroContextMixer
from newllm.model.language_model import LanguageModel
from newllm.recorder.hook import Hook
from newllm.recorder.recall import Writes
from newllm.recurrence.rules.rule import full_precision


@dataclasses.dataclass(frozen=True)
class Passage:
    """What happened to the contexts of every layer over some tokens.

    Attributes:
        contexts: `[T, C]` by layer, after each token.
        decays: `[T, C]` by layer: the share of the context before that each token kept.
        writes: what each token wrote into the matrices of all heads, and read; None without matrices.
    """

    contexts: list[Tensor]
    decays: list[Tensor]
    writes: Writes | None = None


class ContextView:
    """Looks at the contexts of one model, in evaluation mode.

    Args:
        model: it is never changed, and hooked only while `look` runs.

    Attributes:
        layers: a name for each context that is a vector; empty for attention, which keeps keys and values of single
            tokens, and where all contexts are matrices.
        channels: C; 0 without contexts.
        matrix_numbers: how many numbers the contexts are that are matrices, of all layers.
        heads: a name for each matrix, as N of `Writes` counts them.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model, body = model, model.body
        mixers = [block.mixer for block in body.blocks] if isinstance(body, Blocks) else []
        vectors = {block: mixer for block, mixer in enumerate(mixers) if isinstance(mixer, ContextMixer)}
        self._blocks, self._mixers = list(vectors), list(vectors.values())
        matrices = {block: mixer for block, mixer in enumerate(mixers) if isinstance(mixer, MatrixMixer)}
        self._matrices = list(matrices.values())
        self.matrix_numbers = sum(mixer.heads * mixer.width**2 for mixer in self._matrices)
        self.heads = tuple(
            f"block {block + 1}, head {head + 1}" for block, mixer in matrices.items() for head in range(mixer.heads)
        )
        if isinstance(body, Cell):
            self.layers, self.channels = ("context",), body.context_width
        elif isinstance(body, LSTM):
            self.layers = tuple(f"layer {layer + 1}" for layer in range(body.lstm.num_layers))
            self.channels = body.lstm.hidden_size
        else:
            self.layers = tuple(f"block {block + 1}" for block in self._blocks)
            self.channels = self._mixers[0].rule.channels if self._mixers else 0

    def contexts(self, state: State) -> list[Tensor]:
        """Return the context `[C]` of each layer in a model's state of one row."""
        if isinstance(self._model.body, LSTM):
            return list(state["context"][0])
        if self._mixers:
            return [state[f"{block}.context"][0] for block in self._blocks]
        return [state["context"][0]] if self.layers else []

    @torch.inference_mode()
    def look(self, ids: Sequence[int], before: State) -> Passage:
        """Read some tokens beside the real reading and return what they do to the contexts.

        Args:
            ids: one or more.
            before: the state of one row before them; it is not changed.
        """
        tokens_1T = torch.tensor([list(ids)], device=self._model.device)
        x_1TD, position_1T, _ = self._model.embed(tokens_1T, before)
        body = self._model.body
        if isinstance(body, LSTM):
            return _look_lstm(body.lstm, x_1TD[0], before)
        if isinstance(body, Cell):
            return _look_cell(body, x_1TD, before, position_1T)
        taps = [mixer.tap for mixer in self._mixers]
        with _calls_of([*taps, *self._linears(), *_parts(self._matrices)]) as calls:
            body(x_1TD, before, position_1T, None)
        decays = [_decays(mixer, calls) for mixer in self._mixers]
        writes = _writes(self._matrices, calls) if self._matrices else None
        return Passage([calls[tap].output[0] for tap in taps], decays, writes)

    def _linears(self) -> list[nn.Module]:
        return [linear for mixer in self._mixers for linear in (mixer.rule.delta, *mixer.rule.gates)]


class _Call(NamedTuple):
    """What a module was given first, and what it returned."""

    given: Any
    output: Any


def _decays(mixer: ContextMixer, calls: dict[nn.Module, _Call]) -> Tensor:
    """Return the decays `[T, C]` that a mixer's rule makes of what its linear layers gave."""
    delta_1TC = full_precision(calls[mixer.rule.delta].output)
    gates = [full_precision(calls[gate].output) for gate in mixer.rule.gates]
    decay_1TC, _ = mixer.rule.combine(delta_1TC, gates, mixer.rule.constant())
    # The control takes the rule's input alone, whatever its decay.
    return torch.zeros_like(decay_1TC[0]) if isinstance(mixer, ZeroContextMixer) else decay_1TC[0]


def _parts(mixers: list[MatrixMixer]) -> list[nn.Module]:
    return [part for mixer in mixers for part in (mixer.rule, mixer.read_norm, mixer.out)]


def _writes(mixers: list[MatrixMixer], calls: dict[nn.Module, _Call]) -> Writes:
    """Return what each token did with the matrices of all mixers, whose heads are all of one shape."""
    layers = []
    for mixer in mixers:
        steps, read_THV = calls[mixer.rule].output, calls[mixer.read_norm].given[0]
        mixed_THV = calls[mixer.out].given[0].unflatten(-1, (mixer.heads, -1))
        out_DHV = mixer.out.weight.unflatten(-1, (mixer.heads, -1))
        added_TH = torch.einsum("thv,dhv->thd", mixed_THV, out_DHV.to(mixed_THV)).norm(dim=-1)
        # The control writes into matrices of zeros.
        decay = torch.zeros_like(steps.log_decay[0]) if isinstance(mixer, ZeroMatrixMixer) else steps.log_decay[0].exp()
        given = steps.query[0], steps.key[0], steps.lookup[0], decay, steps.value[0], read_THV, added_TH
        layers.append([tensor.float().cpu().numpy() for tensor in given])
    # Rules with one decay a head and with one a key may stand in one model.
    widest = max(layer[3].shape[-1] for layer in layers)
    for layer in layers:
        layer[3] = np.broadcast_to(layer[3], (*layer[3].shape[:-1], widest))
    return Writes(*(np.concatenate(parts, axis=1) for parts in zip(*layers, strict=True)))


def _look_cell(body: Cell, x_1TD: Tensor, before: State, position_1T: Tensor) -> Passage:
    """Run the cell unhooked but for its tap; its rule is asked again once every context is known."""
    with _calls_of([body.tap]) as calls:
        body(x_1TD, before, position_1T, None)
    contexts_1TC = calls[body.tap].output
    before_1TC = torch.cat([before["context"][:, None], contexts_1TC[:, :-1]], dim=1)
    source_1TS = torch.cat([x_1TD, body.read(before_1TC)], dim=-1)
    decay_1TC, _ = body.rule(body.fnn(source_1TS), source_1TS)
    return Passage([contexts_1TC[0]], [decay_1TC[0]])


def _look_lstm(lstm: nn.LSTM, x_TD: Tensor, before: State) -> Passage:
    """Run torch's formula layer by layer: gates in the order input, forget, cell, output."""
    contexts, decays = [], []
    for layer in range(lstm.num_layers):
        within = getattr(lstm, f"weight_hh_l{layer}")
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        given_TG = x_TD @ getattr(lstm, f"weight_ih_l{layer}").T + bias
        hidden_C, context_C = before["hidden"][0, layer], before["context"][0, layer]
        hiddens, kept, forgets = [], [], []
        for given_G in given_TG:
            admit_C, forget_C, cell_C, show_C = (given_G + within @ hidden_C).chunk(4)
            forget_C = forget_C.sigmoid()
            context_C = forget_C * context_C + admit_C.sigmoid() * cell_C.tanh()
            hidden_C = show_C.sigmoid() * context_C.tanh()
            hiddens.append(hidden_C)
            kept.append(context_C)
            forgets.append(forget_C)
        x_TD = torch.stack(hiddens)
        contexts.append(torch.stack(kept))
        decays.append(torch.stack(forgets))
    return Passage(contexts, decays)


@contextlib.contextmanager
def _calls_of(modules: Sequence[nn.Module]) -> Iterator[dict[nn.Module, _Call]]:
    """Keep what modules are given first, and what they return, while the block runs."""
    kept: dict[nn.Module, _Call] = {}

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        kept[module] = _Call(inputs[0], output)

    handles = [module.register_forward_hook(Hook(keep)) for module in modules]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
