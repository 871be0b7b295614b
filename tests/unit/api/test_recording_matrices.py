"""What `newllm train` writes of matrices: their effective rank, and their size where rows are padded."""

import pytest
import torch
from torch import Tensor

from newllm.api.recording_matrices import MatrixSignals
from newllm.model.bodies import State
from newllm.model.config import ModelConfig
from newllm.model.context_summary import summed_up
from newllm.model.language_model import LanguageModel
from newllm.recorder.context_signals import effective_rank
from newllm.recorder.layout import Layout
from newllm.recorder.read_error import ROWS

SHAPE = {"vocabulary": 11, "width": 8, "layers": 2, "hidden": 8, "context": 8, "head_width": 4, "dropout": 0.0}
PADDED = torch.tensor(
    [[1, 2, 3, 4, 5, 6], [1, -1, 3, 4, -1, -1], [2, -1, -1, -1, -1, -1], [3, 4, 5, -1, -1, -1], [1] * 6]
)
SIZES = ("context_mean", "context_std", "context_norm")


def problem(rule: str) -> tuple[LanguageModel, Tensor, State, Tensor]:
    """A model, tokens, a state before them and where documents start, also in the padding."""
    model = LanguageModel(ModelConfig(rule=rule, **SHAPE), 0).train()
    tokens = torch.randint(11, PADDED.shape)
    _, state = model(torch.randint(11, (len(PADDED), 3)))
    reset = torch.zeros(PADDED.shape, dtype=torch.bool)
    reset[1, 2] = reset[3, 4] = True
    return model, tokens, {name: value.detach() for name, value in state.items()}, reset


@pytest.mark.parametrize("rule", ["delta", "kda", "gated,delta"])
def test_padding_changes_nothing_of_what_is_measured(rule: str) -> None:
    model, tokens, state, reset = problem(rule)
    signals = MatrixSignals(Layout(model))
    signals.begin()
    model(tokens, state, reset)
    signals.batch(PADDED)
    found = signals.take(with_sizes=True)
    ends = []
    for row, length in zip(range(ROWS), (6, 4, 1, 3), strict=False):
        before = {name: value[row : row + 1] for name, value in state.items()}
        ends.append(model(tokens[row : row + 1, :length], before, reset[row : row + 1, :length])[1])
    blocks = [block for block, name in enumerate(model.config.rules) if name != "gated"]
    held = {block: torch.cat([end[f"{block}.context"] for end in ends]).detach() for block in blocks}
    wanted = {f"context_rank/body.blocks.{block}.mixer": float(effective_rank(one)) for block, one in held.items()}
    wanted |= dict(zip(SIZES, summed_up(list(held.values())).tolist(), strict=True))
    assert found == pytest.approx(wanted, rel=1e-4)
    assert not any(module._forward_hooks for module in model.modules())


def test_rows_that_go_to_their_ends_count_all_and_of_two_batches_the_last() -> None:
    model, tokens, state, reset = problem("delta")
    signals = MatrixSignals(Layout(model))
    signals.begin()
    for targets in (PADDED, PADDED.abs()):
        _, after = model(tokens, state, reset)
        signals.batch(targets)
    model(tokens)  # of another rank, say: nobody tells its targets
    held = [after[f"{block}.context"].detach() for block in range(2)]
    wanted = {f"context_rank/body.blocks.{at}.mixer": float(effective_rank(one)) for at, one in enumerate(held)}
    assert signals.take(with_sizes=False) == pytest.approx(wanted)
    assert signals.take(with_sizes=True) == {}


def test_an_update_that_is_not_measured_and_the_control_have_none() -> None:
    for body, begins in (("stack", False), ("zero-stack", True)):
        model = LanguageModel(ModelConfig(body=body, rule="delta", **SHAPE), 0).train()
        signals = MatrixSignals(Layout(model))
        if begins:
            signals.begin()
        model(PADDED.abs())
        signals.batch(PADDED)
        assert signals.take(with_sizes=True) == {}
