"""A text of the targets among the inputs of a model that predicts the next token: does it read what it should find?"""

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, wrong
from newllm.checks.probes.dependence import answers, read_ahead
from newllm.checks.rounding import MOVED, must_not_round
from newllm.checks.targets import FIT, input_shares, targets, tokens_given
from newllm.messages import message


def second_text(bench: Bench) -> Outcome | None:
    """Look for the targets in every text that the model is given beside the one whose next tokens they are.

    It is an answer where output t moves with the target of t there, and reads the text in its order: so nothing but the
    copy of it is left to learn. One that is read as a whole may be a source that is copied.

    Returns:
        None where it is no model that predicts the next token, or there is no other text.

    Raises:
        CannotCheck: it may be meant.
    """
    try:
        shares = input_shares(bench, targets(bench))
    except CannotCheck:
        return None
    others = [path for path, of_input in shares.items() if of_input[1] < FIT]
    if not others or len(others) == len(shares):
        return None
    reasons = []
    for path in others:
        if shares[path][0] < 1 or (own := read_ahead(bench, path, 0)).before <= MOVED:
            continue
        if read_ahead(bench, path, 1).before > MOVED:
            must_not_round(bench, "later", own.before, lambda bench, path=path: read_ahead(bench, path, 0).before)
            reasons.append(CannotCheck("answers-whole", name=path))
        elif _is_margin(bench, path):
            reasons.append(CannotCheck("answers-own", name=path))
        else:
            return wrong("answers", "text", name=path, moved=own.before, rows=int(targets(bench).used.sum()))
    if reasons:
        raise reasons[0]
    return Outcome("answers", "sound", message("check-answers.texts", count=len(others)), {"count": len(others)})


def _is_margin(bench: Bench, path: str) -> bool:
    """Say whether other tokens of a text move the outputs of these tokens, and of those in their place, alone."""
    tokens = tokens_given(bench, targets(bench).ids.shape)[path].long()
    others = (tokens + 1) % (tokens.max() + 1)
    before, after = answers(bench, lambda tensor: others.to(tensor), at=path)
    return is_of_own_classes(after - before, tokens, others)


def is_of_own_classes(moved: Tensor, classes: Tensor, others: Tensor) -> bool:
    """Say whether nothing moved but at these classes `[...]` and at others, of all on the last axis."""
    if moved.ndim != classes.ndim + 1 or int(max(classes.max(), others.max())) >= moved.shape[-1]:
        return False
    own = torch.zeros_like(moved, dtype=torch.bool)
    for each in (classes, others):
        own.scatter_(-1, each[..., None].to(moved.device).long(), value=True)
    return not bool(moved[~own].any())
