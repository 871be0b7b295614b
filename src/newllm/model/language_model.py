"""The language model: embedding, body, head.

Shapes: B rows, T positions, D width, V vocabulary.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.kernels.operators import is_captured
from newllm.model.bodies import State, build_body
from newllm.model.bodies.cell import Cell
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.bodies.stack import ContextMixer
from newllm.model.config import ModelConfig
from newllm.model.init import initialise, outlining
from newllm.model.ngram_embedding import NGramEmbedding, last_three
from newllm.model.tied_head import TiedHead

EMBEDDED = ("position", "previous")
"""What of a state the embedding goes on from; all else is the body's."""


class LanguageModel(nn.Module):
    """Predicts the next token from a state of fixed size.

    Args:
        config: the shape; `vocabulary` must be resolved.
        seed: of the initialisation; every parameter has its own stream, named by the parameter.

    Attributes:
        fused: whether fused kernels may run, the loss's too; else torch's own operations do.
    """

    fused = True

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        config.check()
        if config.vocabulary < 1:
            raise UserError("model.vocabulary is 0: a model without a tokenizer needs it, --set model.vocabulary=N")
        self.config, self._seed = config, seed
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.ngrams = (
            NGramEmbedding(config.ngram_rows, config.width, config.ngram_longest) if config.ngram_rows else None
        )
        self.positions = nn.Embedding(config.positions, config.width) if config.positions else None
        self.body = build_body(config)
        self.head = self._head()
        self.draw()

    def draw(self) -> None:
        """Draw all weights; of what is sharded this rank's rows, of an outline (`init.outlining`) no matrix."""
        initialise(self, self.config.initialisation, self._seed)

    def _head(self) -> nn.Linear:
        width = self.body.output_width
        if not self.config.tied_embeddings:
            return nn.Linear(width, self.config.vocabulary)
        if width != self.config.width:
            raise UserError(
                f"model.tied_embeddings: the head reads {width} channels, the embedding has {self.config.width}: "
                f"--set model.hidden={self.config.width}, or drop it"
            )
        return TiedHead(self.embedding)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.head.weight.device

    def use_scan(self, backend: str) -> None:
        """Run every scan on this backend (a resolved name), and what else is compiled only where it is numba."""
        for module in self.modules():
            if isinstance(module, ContextMixer | MatrixMixer | Cell):
                module.scan_backend = backend
            if hasattr(module, "fused"):
                module.fused = backend == "numba"  # type: ignore[assignment]

    def initial_state(self, rows: int) -> State:
        """Return the state before the first token of `rows` rows."""
        state = {"position": torch.zeros(rows, dtype=torch.long, device=self.device)}
        if self.ngrams is not None:
            state["previous"] = torch.zeros(rows, 2, dtype=torch.long, device=self.device)
        return {**state, **self.body.initial_state(rows, self.device)}

    def forward(
        self, tokens_BT: Tensor, state: State | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence.

        Args:
            tokens_BT: token ids, int64.
            state: the state before them; None starts anew.
            reset_BT: True where a new document starts inside a row, or None.

        Returns:
            Logits of each next token `[B, T, V]` and the state after the last token.

        Raises:
            UserError: there is no token, or the sequence goes past the end of learned positions.
        """
        if tokens_BT.dim() != 2 or 0 in tokens_BT.shape:
            raise UserError(f"tokens have shape {tuple(tokens_BT.shape)}: give [rows, positions], none of them 0")
        features, state = self.read(tokens_BT, state, reset_BT)
        return self.head(features), state

    def read(
        self,
        given: Tensor,
        state: State | None = None,
        reset_BT: Tensor | None = None,
        hidden: list[Tensor] | None = None,
    ) -> tuple[Tensor, State]:
        """Read a sequence without its head.

        Args:
            given: token ids `[B, T]`; or what stands for their embeddings `[B, T, D]`, without learned positions.
            state: as in `forward`.
            reset_BT: as in `forward`.
            hidden: a list that takes what the body reads, `[B, T, D]`, then the output of each of its layers, the last
                of which is the features; None where nobody wants them.

        Returns:
            What the head makes logits of, `[B, T, body.output_width]`, and the state after the last token.

        Raises:
            UserError: as `embed`.
        """
        state = self.initial_state(given.shape[0]) if state is None else state  # len() would be fixed in a graph
        x_BTD, position_BT, own = self.embed(given, state, reset_BT)
        if hidden is None:
            features, after = self.body(x_BTD, state, position_BT, reset_BT)
        else:
            hidden.append(x_BTD)
            features, after = self.body(x_BTD, state, position_BT, reset_BT, hidden)
            hidden.append(features)
        return features, {**own, **after}

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token a row: logits of the next one `[B, V]` and the next state."""
        x_B1D, position_B1, own = self.embed(tokens_B[:, None], state)
        features, after = self.body.step(x_B1D[:, 0], state, position_B1[:, 0])
        return self.head(features), {**own, **after}

    def embed(self, given: Tensor, state: State, reset_BT: Tensor | None = None) -> tuple[Tensor, Tensor, State]:
        """Return what the body reads: embeddings, with n-grams and learned positions where the model has them.

        Args:
            given: as in `read`.
            state: before them; all of it that is not the body's.
            reset_BT: as in `forward`.

        Returns:
            `[B, T, D]`; how many tokens of its document precede each token `[B, T]`; the state after the last token
            without what is the body's.

        Raises:
            UserError: the sequence goes past the end of learned positions, or n-grams are wanted of embeddings.
        """
        position_BT, last_BT3, after = self.follow(given, state, reset_BT)
        x_BTD = self.embedding(given) if given.dim() == 2 else given
        if self.ngrams is not None:
            if last_BT3 is None:
                raise UserError(
                    "this model looks at the last tokens (model.ngram_rows): give token ids, no embeddings, or train "
                    "a model with model.ngram_rows=0"
                )
            x_BTD = x_BTD + self.ngrams(last_BT3)
        return self._placed(x_BTD, position_BT), position_BT, after

    def follow(self, given: Tensor, state: State, reset_BT: Tensor | None) -> tuple[Tensor, Tensor | None, State]:
        """Return what the embedding has to know of the tokens before each one; no weight is read.

        Args:
            given: as in `read`.
            state: as in `embed`.
            reset_BT: as in `forward`.

        Returns:
            How many tokens of its document precede each token `[B, T]`; its `last_three` `[B, T, 3]`, where the model
            has n-grams; and the state after the last token without what is the body's.
        """
        position_BT = document_positions(state["position"], given.shape[1], reset_BT)
        after = {"position": position_BT[:, -1] + 1}
        if self.ngrams is None or given.dim() != 2:
            return position_BT, None, after
        last_BT3 = last_three(given, state["previous"], position_BT)
        return position_BT, last_BT3, {**after, "previous": last_BT3[:, -1, 1:]}

    def knows_tokens_of(self, state: Mapping[str, Tensor]) -> bool:
        """Whether the tokens that a state remembers are of the vocabulary; of a file nobody knows."""
        previous_B2 = state.get("previous")
        return previous_B2 is None or bool(((previous_B2 >= 0) & (previous_B2 <= self.config.vocabulary)).all())

    def _placed(self, x: Tensor, position: Tensor) -> Tensor:
        if self.positions is None:
            return x
        # No graph can ask for a number: there the embedding says that there is no such row.
        if not is_captured(position) and int(position.max()) >= self.config.positions:
            raise UserError(
                f"this model has only {self.config.positions} learned positions, and the text ends there: "
                "give it a shorter text, or a body without learned positions"
            )
        return x + self.positions(position)


def count_parameters(config: ModelConfig) -> int:
    """Return how many parameters a model has, without its matrices."""
    with outlining(), torch.random.fork_rng(devices=[]):
        return sum(parameter.numel() for parameter in LanguageModel(config).parameters())


def document_positions(before_B: Tensor, length: int, reset_BT: Tensor | None) -> Tensor:
    """Return how many tokens of its document precede each token, `[B, T]`.

    Args:
        before_B: the same count for the first token, were there no reset.
        length: T.
        reset_BT: True where a document starts, or None.
    """
    index_T = torch.arange(length, device=before_B.device)
    running_BT = before_B[:, None] + index_T
    if reset_BT is None:
        return running_BT
    last_BT = torch.where(reset_BT, index_T, -1).cummax(dim=1).values
    return torch.where(last_BT >= 0, index_T - last_BT, running_BT)


def fresh_rows(state: State, fresh_B: Tensor) -> State:
    """Return the state with some rows put back to the start. Everything starts at zero."""
    return {name: value.masked_fill(fresh_B.view(-1, *[1] * (value.dim() - 1)), 0) for name, value in state.items()}
