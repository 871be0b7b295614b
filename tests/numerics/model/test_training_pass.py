"""Gradients, autocast and the tap: what training asks of a body beside its logits."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.model.bodies.body import layer_state
from newllm.model.config import ModelConfig
from newllm.model.context_tap import ContextTap
from newllm.model.language_model import LanguageModel

VOCABULARY = 11


def gradients(model: LanguageModel, tokens: Tensor, reset: Tensor | None) -> dict[str, Tensor]:
    logits, _ = model(tokens, None, reset)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True))


@pytest.mark.parametrize("rule", ["additive", "ema", "gated", "lstm", "dual"])
def test_every_backend_gives_the_stack_the_same_gradients(
    small_model: Callable[..., LanguageModel], backend: str, rule: str
) -> None:
    tokens, reset = torch.randint(VOCABULARY, (3, 70)), torch.rand(3, 70) < 0.05
    for mask in (None, reset):
        expected = gradients(small_model(rule=rule, scan_backend="reference"), tokens, mask)
        got = gradients(small_model(rule=rule, scan_backend=backend), tokens, mask)
        for name, value in got.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-8, atol=1e-10, msg=name)


def test_every_parameter_learns(any_model: LanguageModel) -> None:
    got = gradients(any_model, torch.randint(VOCABULARY, (3, 20)), None)
    idle = {name for name, value in got.items() if value is None or not value.any()}
    if any_model.config.body == "zero-cell":
        # The control's context is never read, so that nothing that forms it can learn.
        assert idle == {name for name in got if name.startswith(("body.rule.", "body.norm."))}
    elif any_model.config.body == "zero-stack":
        # What the control forgets by, where a gate of its own says so, has nothing to forget.
        assert all(".rule.forget." in name for name in idle)
    elif any_model.config.body == "attention" and any_model.config.window == 1:
        # A softmax over one key is 1 whatever the key: the gradient is zero, or what rounding leaves of it.
        assert idle <= {name for name in got if name.endswith(("query_norm.weight", "key_norm.weight"))}
    else:
        assert not idle


@pytest.mark.parametrize("body", ["cell", "stack"])
@pytest.mark.parametrize("norm", ["none", "read", "write"])
def test_the_tap_sees_every_context(small_model: Callable[..., LanguageModel], body: str, norm: str) -> None:
    model, seen = small_model(body=body, norm=norm), []
    for module in model.modules():
        if isinstance(module, ContextTap):
            module.register_forward_hook(lambda _module, _inputs, contexts: seen.append(contexts))
    tokens = torch.randint(VOCABULARY, (3, 9))
    _, state = model(tokens)
    assert [contexts.shape for contexts in seen] == [(3, 9, 6)] * (1 if body == "cell" else 2)
    for layer, contexts in enumerate(seen):
        own = state if body == "cell" else layer_state(state, layer)
        assert torch.equal(contexts[:, -1], own["context"])


@pytest.mark.parametrize("body", ["cell", "stack"])
def test_norm_on_read_leaves_the_kept_context_linear(small_model: Callable[..., LanguageModel], body: str) -> None:
    """One token from zero: the kept context is the rule's input, whatever the norm on read does to it."""
    tokens = torch.randint(VOCABULARY, (2, 1))
    kept = {}
    for norm in ("none", "read"):
        model = small_model(body=body, norm=norm, layers=1)
        with torch.no_grad():
            for path, parameter in model.named_parameters():
                if not path.startswith("body.norm") and "mixer.norm" not in path:
                    parameter.fill_(0.1).add_(torch.linspace(-0.5, 0.5, parameter.numel()).view_as(parameter))
                elif body == "cell":
                    parameter.zero_()  # so that the cell, which reads before it writes, reads zeros
        state = model(tokens)[1]
        kept[norm] = next(value for name, value in state.items() if name.endswith("context"))
    assert torch.equal(kept["none"], kept["read"])
    assert kept["none"].any()


def _has_lstm_in_bf16() -> bool:
    """Tell whether this processor can compute torch's own LSTM under autocast: oneDNN needs AVX-512 for it."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        try:
            torch.nn.LSTM(2, 2)(torch.zeros(1, 1, 2))
        except RuntimeError:
            return False
    return True


@pytest.mark.parametrize("body", ["cell", "stack", "attention", "founding-transformer", "lstm"])
@pytest.mark.parametrize("norm", ["none", "read", "write"])
def test_autocast_stays_near_float32_and_keeps_the_context_wide(body: str, norm: str) -> None:
    if body == "lstm" and not _has_lstm_in_bf16():
        pytest.skip("this processor has no LSTM in bf16")
    shape = {"width": 16, "hidden": 24, "context": 16, "heads": 2, "layers": 2, "window": 8, "positions": 32}
    model = LanguageModel(ModelConfig(body=body, norm=norm, vocabulary=VOCABULARY, **shape)).eval()
    tokens = torch.randint(VOCABULARY, (3, 20))
    exact, _ = model(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first, state = model(tokens[:, :12])
        second, state = model(tokens[:, 12:], state)
        step, _ = model.step(tokens[:, 0], state)
    got = torch.cat([first, second], dim=1).float()
    assert (got - exact).square().mean() < 0.02**2 * exact.square().mean()
    assert step.isfinite().all()
    if body in ("cell", "stack"):
        contexts = [value for name, value in state.items() if name.endswith("context")]
        assert contexts
        assert all(context.dtype == torch.float32 for context in contexts)


def test_use_scan_reaches_every_block(small_model: Callable[..., LanguageModel]) -> None:
    model = small_model(layers=3)
    model.use_scan("reference")
    backends = [getattr(module, "scan_backend", None) for module in model.modules()]
    assert [name for name in backends if name is not None] == ["reference"] * 3
