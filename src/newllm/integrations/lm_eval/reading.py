"""Reads contexts, scores what follows them, and writes on, many rows at a time; nothing is read twice.

Rows have different lengths. Where the state after them is wanted, they are read together as far as the shortest one
goes, and so on with those that are left: no row ever sees padding. Where it is not wanted, what stands behind a row's
end does no harm.

Shapes: B rows, T positions, V vocabulary.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from newllm.integrations.lm_eval.prefixes import Node, prefix_tree
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.model.rows import join_rows, take_rows

_TOGETHER = 2**15  # tokens that are read in one call
_LOGITS = 2**22  # logits that are held at once
Rows = Sequence[np.ndarray]


def read_contexts(
    model: LanguageModel, contexts: Sequence[Sequence[int]], batch: int
) -> Iterator[tuple[list[int], State, Tensor]]:
    """Read contexts, each shared prefix once, in whatever order costs least.

    Args:
        model: in evaluation mode.
        contexts: token ids, the begin token first.
        batch: rows that are read together at most.

    Yields:
        Which contexts have been read, and for each of them a row of the state and the logits `[B, V]` after it.
    """
    pending: list[tuple[list[tuple[Node, int]], State]] = []

    def put_off(nodes: list[tuple[Node, int]], state: State) -> None:
        if nodes:
            pending.append((sorted(nodes, key=lambda item: len(item[0].ids), reverse=True), state))

    put_off([(node, 0) for node in prefix_tree(contexts)], model.initial_state(1))
    while pending:
        nodes, before = pending.pop()
        now, later = nodes[:batch], nodes[batch:]
        put_off(later, before)
        state = take_rows(before, torch.tensor([row for _, row in now], device=model.device))
        state, logits_BV = advance(model, [node.ids for node, _ in now], state)
        put_off([(child, row) for row, (node, _) in enumerate(now) for child in node.children], state)
        requests = [number for node, _ in now for number in node.requests]
        if requests:
            rows = torch.tensor([row for row, (node, _) in enumerate(now) for _ in node.requests], device=model.device)
            yield requests, take_rows(state, rows), logits_BV[rows]


def advance(model: LanguageModel, rows: Rows, state: State) -> tuple[State, Tensor]:
    """Return the state and the logits `[B, V]` after each row's last token.

    Args:
        model: in evaluation mode.
        rows: token ids, at least one each.
        state: before them.
    """
    order = np.argsort([-len(row) for row in rows], kind="stable")
    lengths = np.array([len(rows[row]) for row in order])
    state = take_rows(state, torch.as_tensor(order, device=model.device))
    ended: list[tuple[State, Tensor]] = []
    at, active = 0, len(rows)
    while active:
        until = min(int(lengths[active - 1]), at + _together(active))
        tokens_BT = np.stack([rows[row][at:until] for row in order[:active]])
        features_BTF, state = model.read(torch.from_numpy(tokens_BT).to(model.device), state)
        at, left = until, int((lengths > until).sum())
        if left < active:
            ended.append((take_rows(state, slice(left, None)), model.head(features_BTF[left:, -1])))
            state, active = take_rows(state, slice(0, left)), left
    ended.reverse()
    back = torch.as_tensor(np.argsort(order), device=model.device)
    return take_rows(join_rows([state for state, _ in ended]), back), torch.cat([logits for _, logits in ended])[back]


def score(model: LanguageModel, rows: Rows, state: State, logits_BV: Tensor) -> list[tuple[float, bool]]:
    """Return each row's log-probability, and whether it is what the likeliest token at each place would give.

    Args:
        model: in evaluation mode.
        rows: token ids to predict; of no token the log-probability is 0.
        state: before them.
        logits_BV: what comes next before them.
    """
    order = np.argsort([-len(row) for row in rows], kind="stable")
    lengths = np.array([len(rows[row]) for row in order])
    taken = torch.as_tensor(order, device=model.device)
    state, nats, likeliest = take_rows(state, taken), np.zeros(len(rows)), np.ones(len(rows), dtype=bool)

    def count(logits_NV: Tensor, which: np.ndarray, targets: np.ndarray) -> None:
        target_N = torch.as_tensor(targets, device=model.device)
        log_p_N = logits_NV.log_softmax(dim=-1).gather(1, target_N[:, None])[:, 0]
        np.add.at(nats, which, log_p_N.double().cpu().numpy())
        np.logical_and.at(likeliest, which, (logits_NV.argmax(dim=-1) == target_N).cpu().numpy())

    some = np.flatnonzero(lengths > 0)
    first = np.array([rows[row][0] for row in order[some]], dtype=np.int64)
    count(logits_BV[taken[: len(some)]], some, first)
    at, active = 0, int((lengths > 1).sum())
    state = take_rows(state, slice(0, active))
    while active:
        until = min(int(lengths[0]) - 1, at + _together(active))
        tokens_BT, wanted_BT = np.zeros((2, active, until - at), dtype=np.int64)
        for row, number in enumerate(order[:active]):
            read, target = rows[number][at:until], rows[number][at + 1 : until + 1]
            tokens_BT[row, : len(read)], wanted_BT[row, : len(target)] = read, target
        present_BT = np.arange(at, until) < lengths[:active, None] - 1
        features_BTF, state = model.read(torch.from_numpy(tokens_BT).to(model.device), state)
        features_NF = features_BTF[torch.from_numpy(present_BT).to(model.device)]
        which, targets = present_BT.nonzero()[0], wanted_BT[present_BT]
        for start in range(0, len(which), size := max(1, _LOGITS // logits_BV.shape[1])):
            part = slice(start, start + size)
            count(model.head(features_NF[part]), which[part], targets[part])
        at, active = until, int((lengths - 1 > until).sum())
        state = take_rows(state, slice(0, active))
    back = np.argsort(order)
    return list(zip(nats[back].tolist(), likeliest[back].tolist(), strict=True))


def _together(rows: int) -> int:
    """Return how many positions of so many rows are read in one call."""
    return min(1024, max(64, _TOGETHER // rows))
