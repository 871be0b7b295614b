"""What a model's contexts do while it reads: each context after each token, and how much of it each token keeps.

It looks by reading some tokens once more from the state before them, so that whoever really reads them need not be
hooked: a hook would take a fused cell or a compiled decoder off its path. A stack and a cell take the same path
here as in any forward pass over these tokens. torch's LSTM shows neither its contexts nor its gates, so its
formula is written out here; it agrees up to rounding.

Shapes: T positions, C channels; one row.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from newllm.model.bodies import State
from newllm.model.bodies.block import Blocks
from newllm.model.bodies.cell import Cell
from newllm.model.bodies.lstm import LSTM
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.bodies.stack import ContextMixer, ZeroContextMixer
from newllm.model.language_model import LanguageModel
from newllm.recorder.hook import Hook
from newllm.recurrence.rules.rule import full_precision


@dataclasses.dataclass(frozen=True)
class Passage:
    """What happened to the contexts of every layer over some tokens.

    Attributes:
        contexts: `[T, C]` by layer, after each token.
        decays: `[T, C]` by layer: the share of the context before that each token kept.
    """

    contexts: list[Tensor]
    decays: list[Tensor]


class ContextView:
    """Looks at the contexts of one model, in evaluation mode.

    Args:
        model: it is never changed, and hooked only while `look` runs.

    Attributes:
        layers: a name for each context that is a vector; empty for attention, which keeps keys and values of single
            tokens, and where all contexts are matrices.
        channels: C; 0 without contexts.
        matrix_numbers: how many numbers the contexts are that are matrices, of all layers.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model, body = model, model.body
        mixers = [block.mixer for block in body.blocks] if isinstance(body, Blocks) else []
        vectors = {block: mixer for block, mixer in enumerate(mixers) if isinstance(mixer, ContextMixer)}
        self._blocks, self._mixers = list(vectors), list(vectors.values())
        matrices = (mixer for mixer in mixers if isinstance(mixer, MatrixMixer))
        self.matrix_numbers = sum(mixer.heads * mixer.width**2 for mixer in matrices)
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
        position_1T = before["position"][:, None] + torch.arange(len(ids), device=self._model.device)
        x_1TD, body = self._model.embed(tokens_1T, position_1T), self._model.body
        if isinstance(body, LSTM):
            return _look_lstm(body.lstm, x_1TD[0], before)
        if isinstance(body, Cell):
            return _look_cell(body, x_1TD, before, position_1T)
        with _outputs_of([mixer.tap for mixer in self._mixers]) as contexts, _outputs_of(self._linears()) as outputs:
            body(x_1TD, before, position_1T, None)
        decays = [_decays(mixer, outputs) for mixer in self._mixers]
        return Passage([contexts[mixer.tap][0] for mixer in self._mixers], decays)

    def _linears(self) -> list[nn.Module]:
        return [linear for mixer in self._mixers for linear in (mixer.rule.delta, *mixer.rule.gates)]


def _decays(mixer: ContextMixer, outputs: dict[nn.Module, Tensor]) -> Tensor:
    """Return the decays `[T, C]` that a mixer's rule makes of what its linear layers gave."""
    delta_1TC = full_precision(outputs[mixer.rule.delta])
    gates = [full_precision(outputs[gate]) for gate in mixer.rule.gates]
    decay_1TC, _ = mixer.rule.combine(delta_1TC, gates, mixer.rule.constant())
    # The control takes the rule's input alone, whatever its decay.
    return torch.zeros_like(decay_1TC[0]) if isinstance(mixer, ZeroContextMixer) else decay_1TC[0]


def _look_cell(body: Cell, x_1TD: Tensor, before: State, position_1T: Tensor) -> Passage:
    """Run the cell unhooked but for its tap; its rule is asked again once every context is known."""
    with _outputs_of([body.tap]) as kept:
        body(x_1TD, before, position_1T, None)
    contexts_1TC = kept[body.tap]
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
def _outputs_of(modules: Sequence[nn.Module]) -> Iterator[dict[nn.Module, Tensor]]:
    """Keep what modules return while the block runs."""
    kept: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, inputs: object, output: Tensor) -> None:  # noqa: ARG001 (a hook's form)
        kept[module] = output

    handles = [module.register_forward_hook(Hook(keep)) for module in modules]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
