"""Recomputed blocks: the same bits, less memory."""

import dataclasses

import pytest
import torch

from newllm.errors import UserError
from newllm.model.config import ModelConfig
from newllm.training.config import RunConfig, TrainingConfig
from newllm.training.resolve import build_model

SHAPE = ModelConfig(vocabulary=11, width=16, layers=3, hidden=24, context=16, heads=2, window=64, dropout=0.2)


def gradients(body: str, *, recompute: bool) -> tuple[list[torch.Tensor], int]:
    """Return all gradients of one step, and the bytes that its graph kept."""
    numerics = dataclasses.replace(RunConfig().numerics, device="cpu", scan_backend="auto")
    config = RunConfig(
        model=dataclasses.replace(SHAPE, body=body), training=TrainingConfig(recompute=recompute), numerics=numerics
    )
    model = build_model(config).train()
    torch.manual_seed(3)  # of dropout
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits, _ = model(torch.arange(40).reshape(2, 20) % 11)
    size = sum(kept.values())
    logits.square().sum().backward()
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None], size


@pytest.mark.parametrize("body", ["stack", "zero-stack", "attention"])
def test_recomputed_blocks_have_the_same_bits_and_keep_less(body: str) -> None:
    (plain, much), (again, little) = gradients(body, recompute=False), gradients(body, recompute=True)
    assert len(plain) == len(again) > 10
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    assert little < 0.6 * much


def test_a_body_without_blocks_is_refused() -> None:
    config = RunConfig(model=dataclasses.replace(SHAPE, body="lstm"), training=TrainingConfig(recompute=True))
    with pytest.raises(UserError, match="body 'lstm' has no blocks to recompute"):
        config.check()
