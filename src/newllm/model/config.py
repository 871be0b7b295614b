"""What a model is, as plain data."""

import dataclasses

from newllm.errors import UserError, unknown_name

BODY_NAMES = ("cell", "zero-cell", "stack", "zero-stack", "attention", "founding-transformer", "lstm")
CONTEXT_BODIES = ("cell", "zero-cell", "stack", "zero-stack")  # those that rule and norm mean something to
ATTENTION_BODIES = ("attention", "founding-transformer")  # those that look back at positions, and have no context
SCANNING_BODIES = ("stack", "zero-stack")  # those that are one scan over the sequence
RULE_NAMES = ("additive", "ema", "gated", "lstm", "dual")  # of a context that is a vector
MATRIX_RULE_NAMES = ("delta", "signed-delta", "kda")  # of matrices: stacks only
NORM_NAMES = ("none", "read", "write")
FNN_NAMES = ("plain", "residual")
INITIALISATIONS = ("normal", "scaled", "scaled-embedding", "he")
NGRAM_LENGTHS = (2, 3)  # tokens of the longest n-gram
ADDED_LATER = {"tied_embeddings": False, "ngram_rows": 0, "ngram_longest": 3}
"""Settings that runs and contexts are older than, with what all models were before: there nothing is told apart."""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model's shape. Widths are counts of channels.

    Args:
        body: what stands between embedding and head; see `newllm.model.bodies`.
        rule: update rule of the context (cell and stack); of a stack also one for each block, separated by commas and
            repeated over the blocks: "gated,gated,delta,gated".
        norm: where the context is normalised (cell and stack); of vectors, as matrices have a norm of their own.
        learn_decay: train the constant decay of rules ema and dual.
        vocabulary: rows of the embedding and of the output; 0 takes the tokenizer's.
        fnn: of the cell: "plain" as in the document, or "residual" (pre-norm branches, a last norm).
        width: of the embedding and the residual stream.
        layers: blocks of the body; layers of the cell's FNN.
        hidden: width inside the FNN, the SwiGLU or the LSTM.
        context: width of the context vector, or of what is read of the matrices (cell and stack).
        heads: of attention.
        head_width: rows and columns of a matrix (rules "delta", ...); a block has as many as `context` holds, or
            one as wide as `context` where that is narrower.
        positions: rows of the learned position embedding; 0 for none.
        ngram_rows: rows of each of the hashed tables, of the last two and of the last three tokens, which add to a
            token's embedding; 0 for none. See `newllm.model.ngram_embedding`.
        ngram_longest: tokens of the longest n-gram that has a table: 3 for pairs and triples, 2 for pairs alone.
        window: positions that attention looks back over, and the longest time scale at initialisation.
        dropout: probability.
        initialisation: "normal" is the founding document's N(0, 0.02); "scaled" is N(0, 1/fan-in) with
            residual outputs scaled by depth; "scaled-embedding" is the same with embeddings N(0, 1/width), which
            are N(0, 0.02) else; "he" is N(0, 2/fan-in), for layers that a ReLU follows.
        tied_embeddings: the head is the embedding's matrix, without a bias; see `newllm.model.tied_head`.
    """

    body: str = "stack"
    rule: str = "gated"
    norm: str = "none"
    learn_decay: bool = False
    fnn: str = "plain"
    vocabulary: int = 0
    width: int = 256
    layers: int = 4
    hidden: int = 704
    context: int = 256
    heads: int = 4
    head_width: int = 64
    positions: int = 0
    ngram_rows: int = 0
    ngram_longest: int = 3
    window: int = 256
    dropout: float = 0.0
    initialisation: str = "scaled"
    tied_embeddings: bool = False

    def check(self) -> None:
        """Raise UserError for a name that does not exist or a number that cannot be."""
        named = (
            ("body", BODY_NAMES),
            ("norm", NORM_NAMES),
            ("fnn", FNN_NAMES),
            ("initialisation", INITIALISATIONS),
        )
        for field, known in named:
            value = getattr(self, field)
            if value not in known:
                raise unknown_name(field, str(value), known)
        for field in ("width", "layers", "hidden", "context", "heads", "head_width", "window"):
            if getattr(self, field) < 1:
                raise UserError(f"model.{field} is {getattr(self, field)}: it must be at least 1")
        for field in ("vocabulary", "positions", "ngram_rows"):
            if getattr(self, field) < 0:
                meaning = "the tokenizer's" if field == "vocabulary" else "none"
                raise UserError(f"model.{field} is {getattr(self, field)}: it must not be negative, 0 means {meaning}")
        if not 0.0 <= self.dropout < 1.0:
            raise UserError(f"model.dropout is {self.dropout}: it must be at least 0 and below 1")
        self._check_ngrams()
        self._check_rules()
        self._check_heads()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rule of each block of a stack; of any other body, one alone."""
        names = tuple(self.rule.split(","))
        return names * (self.layers // len(names)) if self.body in SCANNING_BODIES else names

    @property
    def matrix_width(self) -> int:
        """Rows and columns of a matrix."""
        return min(self.head_width, self.context)

    def _check_ngrams(self) -> None:
        longest = self.ngram_longest
        if longest not in NGRAM_LENGTHS:
            raise UserError(f"model.ngram_longest is {longest}: it must be 2 (pairs of tokens) or 3 (triples too)")
        if longest != ADDED_LATER["ngram_longest"] and not self.ngram_rows:
            raise UserError(
                f"model.ngram_longest is {longest} and the model has no tables of n-grams: --set model.ngram_rows=N, "
                "or drop it"
            )

    def _check_rules(self) -> None:
        names = self.rule.split(",")
        for name in names:
            if name not in RULE_NAMES + MATRIX_RULE_NAMES:
                unknown = unknown_name("rule", name, RULE_NAMES + MATRIX_RULE_NAMES)
                if len(names) > 1 or self.body not in SCANNING_BODIES:
                    raise unknown
                raise UserError(f"{unknown}; a pattern of blocks has commas, as in gated,gated,delta,gated")
        if self.body not in SCANNING_BODIES:
            if len(names) > 1 or names[0] in MATRIX_RULE_NAMES:
                raise UserError(
                    f"body '{self.body}' has no blocks for rule '{self.rule}': take one rule of "
                    f"{', '.join(RULE_NAMES)}, or body stack"
                )
            return
        if self.layers % len(names):
            raise UserError(
                f"model.rule '{self.rule}' names {len(names)} blocks and model.layers is {self.layers}: "
                "take a multiple, the rules are repeated"
            )
        if set(names) & set(MATRIX_RULE_NAMES):
            self._check_matrices(has_vectors=bool(set(names) & set(RULE_NAMES)))

    def _check_matrices(self, *, has_vectors: bool) -> None:
        if not has_vectors and (self.norm != "none" or self.learn_decay):
            setting = "model.learn_decay" if self.learn_decay else f"model.norm '{self.norm}'"
            raise UserError(f"{setting} is of contexts that are vectors, and rule '{self.rule}' has none: drop it")
        if self.context % self.matrix_width:
            raise UserError(
                f"model.context {self.context} does not divide into matrices of width {self.head_width}: "
                "change model.context or model.head_width"
            )

    def _check_heads(self) -> None:
        if self.body not in ATTENTION_BODIES:
            return
        if self.width % (2 * self.heads):
            raise UserError(f"model.width {self.width} does not divide into {self.heads} heads of even width")
        if self.body == "founding-transformer" and not self.positions:
            raise UserError("body 'founding-transformer' needs learned positions: --set model.positions=N")
