"""A head that is the embedding's matrix (Press and Wolf 2017, arXiv:1608.05859; Inan et al. 2017, arXiv:1611.01462).

Shapes: D width, V vocabulary.
"""

from torch import Tensor, nn


class TiedHead(nn.Linear):
    """Makes logits of features by the embedding's own matrix `[V, D]`, without a bias.

    It has no parameter: whatever is done with a model's parameters by name (counted, moved, sharded, decayed, saved,
    given memory after "meta") is done with the embedding's once, and the two cannot come apart.

    Args:
        embedding: of the same model; its matrix is trained by what goes in and by what comes out.
    """

    def __init__(self, embedding: nn.Embedding) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would make a matrix
        self.in_features, self.out_features = embedding.embedding_dim, embedding.num_embeddings
        self.register_parameter("bias", None)
        self._tied_to = (embedding,)  # in a tuple: as an attribute it would be a child, with a second name

    @property
    def embedding(self) -> nn.Embedding:
        """Whose matrix it is."""
        return self._tied_to[0]

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The embedding's matrix, as it is now."""
        return self.embedding.weight


def untied(head: nn.Linear) -> nn.Linear:
    """Return a head with a copy of this one's matrix, and no bias."""
    own = nn.Linear(head.in_features, head.out_features, bias=False, device="meta")  # draws nothing
    own.weight = nn.Parameter(head.weight.detach().clone())
    return own
