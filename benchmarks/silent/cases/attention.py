"""Attention: what a position may see, and how what it sees is weighed and merged."""

import torch
import torch.nn.functional as F
from torch import nn

from measures import influence, later_tokens_reach_back
from silent_case import Training, silent_case
from small_models import (
    Attention,
    LanguageModel,
    classification_loss,
    labelled_rows,
    next_token_loss,
    plain_step,
    texts,
)


def language_training(kind: type[Attention], seed: int, measure) -> Training:
    """A language model with this attention, trained as one does."""
    torch.manual_seed(seed)
    model, batches = LanguageModel(kind), texts(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step = plain_step(model, optimizer, next_token_loss, batches)
    return Training(model, optimizer, next_token_loss, batches, step, measure)


class Dropping(Attention):
    """Attention that hands its dropout to the kernel, in training only."""

    alive_in_evaluation = False

    def attend(self, q_BHTE, k_BHTE, v_BHTE, mask_BTT):  # noqa: ARG002 -- these models have no other mask
        """What each position reads."""
        rate = 0.2 if self.training or self.alive_in_evaluation else 0.0
        return F.scaled_dot_product_attention(q_BHTE, k_BHTE, v_BHTE, dropout_p=rate, is_causal=True)


class AlwaysDropping(Dropping):
    """The same, in evaluation too."""

    alive_in_evaluation = True


@silent_case(
    source_url="https://github.com/huggingface/transformers/pull/33844",
    what="A fast attention gets its dropout rate whether the model trains or not",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="In evaluation mode, two passes over one batch differ.",
    fault_in="parts",
    evidence="difference between two passes in evaluation mode, in standard deviations of the logits",
)
def dropout_in_evaluation(fixed: bool, seed: int = 0) -> Training:
    def twice(training: Training) -> float:
        training.model.eval()
        tokens_BT = training.batches(0)
        return influence(training.model, tokens_BT, tokens_BT)

    return language_training(Dropping if fixed else AlwaysDropping, seed, twice)


class MaskIfGiven(Attention):
    """Attention that adds the causal mask to a mask, if it is given one."""

    def attend(self, q_BHTE, k_BHTE, v_BHTE, mask_BTT):
        """What each position reads."""
        mask = None if mask_BTT is None else mask_BTT[:, None].tril()
        return F.scaled_dot_product_attention(q_BHTE, k_BHTE, v_BHTE, attn_mask=mask)


@silent_case(
    source_url="https://github.com/facebookresearch/xformers/issues/103",
    what="The causal mask is skipped if no other mask is given, and every token sees its target",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="Logits depend on tokens after them, which are their targets.",
    fault_in="parts",
    evidence="change of logits when later tokens change, in their standard deviations",
)
def no_causal_mask(fixed: bool, seed: int = 0) -> Training:
    return language_training(
        Attention if fixed else MaskIfGiven, seed, lambda t: later_tokens_reach_back(t.model, t.batches(0))
    )


class MergesWithoutSwap(Attention):
    """Attention that reshapes heads and positions without swapping them first."""

    def merge(self, y_BHTE: torch.Tensor) -> torch.Tensor:
        """Parts of several positions in each row."""
        return y_BHTE.reshape(y_BHTE.shape[0], y_BHTE.shape[2], -1)


@silent_case(
    source_url="https://github.com/jsbaan/transformer-from-scratch/pull/6",
    what="Heads are merged by a reshape without a permute, which mixes positions",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="Logits depend on tokens after them, which are their targets.",
    fault_in="parts",
    evidence="change of logits when later tokens change, in their standard deviations",
)
def heads_merged_without_permute(fixed: bool, seed: int = 0) -> Training:
    return language_training(
        Attention if fixed else MergesWithoutSwap, seed, lambda t: later_tokens_reach_back(t.model, t.batches(0))
    )


class Pooled(nn.Module):
    """Classifies a row of vectors by attention over its positions."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.layer, self.score, self.head = nn.Linear(4, 32), nn.Linear(32, 1), nn.Linear(32, 4)
        self.axis = axis

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """Logits of the classes."""
        x_BTD = self.layer(x_BF.unflatten(1, (4, 4)) + torch.arange(4.0)[:, None]).tanh()
        weights_BT1 = self.score(x_BTD).softmax(self.axis)
        return self.head((weights_BT1 * x_BTD).sum(1))


@silent_case(
    source_url="https://github.com/PetrochukM/PyTorch-NLP/issues/2",
    what="The softmax of attention goes over the rows of the batch in place of the positions",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The output of a row depends on the other rows of its batch.",
    fault_in="parts",
    evidence="change of a row's logits when other rows change, in their standard deviations",
)
def softmax_over_the_batch(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = Pooled(axis=1 if fixed else 0), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def rows_mix(training: Training) -> float:
        for number in range(24):
            training.step(number)
        x_BF = batches(0)[0]
        changed_BF = torch.cat([x_BF[:16], x_BF[16:] * 3])
        return influence(lambda x: model(x)[:16], x_BF, changed_BF)

    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, rows_mix)


@silent_case(
    source_url="https://github.com/huggingface/transformers/issues/25452",
    what="Several texts are packed into a row, and each sees those before it",
    first_wrong_step="before training",
    can_be_seen_before=False,
    why="To see earlier tokens of the row is what a causal model does; that they are another text, only data tells.",
    fault_in="parts",
    evidence="change of the second text's logits when the first changes, in their standard deviations",
)
def packed_texts_see_each_other(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, first, second = LanguageModel(), texts(seed, length=8), texts(seed + 1, length=8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    text_T = torch.arange(16) // 8
    mask_BTT = (text_T[:, None] == text_T).tril()[None]

    def batches(number: int) -> torch.Tensor:
        return torch.cat([first(number), second(number)], dim=1)

    def logits(model: nn.Module, tokens_BT: torch.Tensor) -> torch.Tensor:
        return model(tokens_BT, mask_BTT if fixed else None)

    def loss(model: nn.Module, tokens_BT: torch.Tensor) -> torch.Tensor:
        targets_BT = tokens_BT[:, 1:].clone()
        targets_BT[:, 7] = -100  # the first token of the second text
        return F.cross_entropy(logits(model, tokens_BT)[:, :-1].flatten(0, 1), targets_BT.flatten())

    def reach(_: Training) -> float:
        tokens_BT = batches(0)
        changed_BT = torch.cat([first(1), tokens_BT[:, 8:]], dim=1)
        return influence(lambda tokens: logits(model, tokens)[:, 8:], tokens_BT, changed_BT)

    return Training(model, optimizer, loss, batches, plain_step(model, optimizer, loss, batches), reach)
