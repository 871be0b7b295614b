"""Counts of last tokens, against a search through all rows for each answer."""

import collections

import torch

from newllm.recall.contenders import NGRAM, Shape, build
from newllm.recall.ngrams import LAST, NGrams
from newllm.recall.reading import score
from newllm.recall.tasks import IGNORED, TASKS, Rows, Size
from newllm.recall.training import Plan, train


def drawn(seed: int, rows: int, length: int) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    tokens_BT, targets_BT = torch.randint(3, (2, rows, length), generator=generator)
    targets_BT[torch.rand(rows, length, generator=generator) < 0.3] = IGNORED
    return tokens_BT, targets_BT


def slow_counts(known: Rows, row: list[int]) -> list[int]:
    """Return how often each answer was right after the longest end of a row that was asked about."""
    for size in range(min(LAST, len(row) + 1), -1, -1):
        end = ([3] * LAST + row)[-size:] if size else []
        found = collections.Counter(
            target
            for tokens, targets in zip(*(part.tolist() for part in known), strict=True)
            for place, target in enumerate(targets)
            if target != IGNORED and (not size or ([3] * LAST + tokens[: place + 1])[-size:] == end)
        )
        if found:
            return [found[token] for token in range(3)]
    return [0, 0, 0]


def test_an_answer_is_counted_after_the_longest_end_that_was_seen() -> None:
    model, known = NGrams(3), drawn(0, 4, 7)
    model.count(*known, known[1] != IGNORED)
    asked_BT, _ = drawn(1, 6, 9)
    last_BTL, _ = model.read(asked_BT)
    backed_off = 0
    for row, last_TL in zip(asked_BT.tolist(), last_BTL, strict=True):
        counts_TV = model.head(last_TL)
        for place in range(9):
            assert counts_TV[place].tolist() == slow_counts(known, row[: place + 1])
            backed_off += tuple(last_TL[place].tolist()) not in model.counts[LAST]
    assert backed_off > 0


def test_a_row_read_in_parts_is_one_row() -> None:
    model, (tokens_BT, _) = NGrams(3), drawn(0, 2, 9)
    whole_BTL, _ = model.read(tokens_BT)
    for first in range(1, 9):
        one, state = model.read(tokens_BT[:, :first])
        two, _ = model.read(tokens_BT[:, first:], state)
        assert torch.equal(torch.cat([one, two], dim=1), whole_BTL)


def test_it_knows_what_three_tokens_say_and_no_more() -> None:
    task = TASKS["s5"]
    model = build(NGRAM, Shape(16, 2, task.vocabulary, trained=8, asked=64), 0)
    trained = train(model, task, 0, Plan(steps=25, batch_tokens=2048))
    assert (trained.steps, trained.curve) == (25, [])
    assert score(model, task, Size(1, 1), 500).accuracy == 1.0
    far = score(model, task, Size(1, 64), 100)
    assert far.accuracy < 0.06
    assert far.state_floats_per_layer == LAST - 1


def test_without_a_count_it_answers_all_the_same() -> None:
    assert NGrams(3).head(torch.zeros(2, LAST, dtype=torch.long)).tolist() == [[0.0] * 3] * 2
