"""What the last two tokens, and the last three where they are wanted, add to a token's embedding.

Each such n-gram has a row of a table, found by a hash, so that the tables are as large as one likes, whatever the
vocabulary; n-grams that share a row share what is learnt (Svenstrup et al. 2017, arXiv:1709.03933; of bytes: Pagnoni et
al. 2024, arXiv:2412.09871, section 3.2.1). The tables begin at zero: before its first update the model is the one
without them. To read a row takes no product, so they cost memory and hardly any time.

Shapes: B rows, T positions, D width.
"""

import torch
from torch import Tensor, nn

PRIME, FACTOR = 2**31 - 1, 1_103_515_245
"""Of the hash: below 2^31, so that no product of two is more than 62 bits, whatever computes it."""


class NGramTable(nn.Embedding):
    """A table whose rows begin at zero."""


class NGramEmbedding(nn.Module):
    """A table of pairs of tokens, and one of triples.

    Args:
        rows: of each table.
        width: D.
        longest: tokens of the longest n-gram: 2 for pairs alone, or 3.

    Attributes:
        triples: None where there are pairs alone.
    """

    def __init__(self, rows: int, width: int, longest: int = 3) -> None:
        super().__init__()
        self.pairs = NGramTable(rows, width)
        self.triples = NGramTable(rows, width) if longest == 3 else None

    def forward(self, last_BT3: Tensor) -> Tensor:
        """Return the row `[B, T, D]` of each token, whose `last_three` are given; of two tables the sum of both."""
        two, one, zero = last_BT3.unbind(2)
        rows = self.pairs.num_embeddings
        pair_BTD = self.pairs(fold(one, zero) % rows)
        return pair_BTD if self.triples is None else pair_BTD + self.triples(fold(fold(two, one), zero) % rows)


def last_three(tokens_BT: Tensor, previous_B2: Tensor, position_BT: Tensor) -> Tensor:
    """Return each token and the two before it, itself last, `[B, T, 3]`: 1 + their ids, 0 where there is none.

    Args:
        tokens_BT: token ids.
        previous_B2: the same of the two tokens before the first one.
        position_BT: how many tokens of its document precede each token: beyond them there is none.
    """
    ids = torch.cat([previous_B2, tokens_BT + 1], dim=1)
    two, one = ids[:, :-2].masked_fill(position_BT < 2, 0), ids[:, 1:-1].masked_fill(position_BT < 1, 0)
    return torch.stack([two, one, ids[:, 2:]], dim=2)


def fold(hashed: Tensor, ids: Tensor) -> Tensor:
    """Return the hash, from 0 to PRIME - 1, of what one stands for and one more token; ids from 1, 0 for none."""
    mixed = (hashed * FACTOR + ids) % PRIME
    return mixed * mixed % PRIME  # a square: without it n-grams that share a token would crowd some rows
