"""The founding document's two models: counted to the digit, and written a second time from FACTS.md."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.training.presets import PRESETS, preset

PARAMETERS = {
    "founding-baseline": 3_009_768,
    "founding-experiment1": 3_272_168,
    "founding-experiment2": 12_047_848,
    "founding-experiment3": 12_047_848,
    "founding-transformer": 5_260_264,
}
SMALL_CELL: dict[str, Any] = {
    "body": "cell",
    "rule": "additive",
    "vocabulary": 13,
    "positions": 9,
    "width": 6,
    "hidden": 10,
    "layers": 3,
    "context": 7,
    "initialisation": "normal",
}
SMALL_TRANSFORMER: dict[str, Any] = {
    "body": "founding-transformer",
    "vocabulary": 13,
    "positions": 9,
    "width": 8,
    "heads": 4,
    "hidden": 16,
    "layers": 3,
    "dropout": 0.1,
    "initialisation": "normal",
}


def at_random(shape: dict[str, Any]) -> LanguageModel:
    """Return a float64 model whose biases and norms are at random too, so that none can be left out unseen."""
    model = LanguageModel(ModelConfig(**shape)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_to_the_digit(name: str) -> None:
    with torch.device("meta"):
        model = LanguageModel(preset(name).model)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name]


def test_every_founding_preset_is_counted() -> None:
    assert {name for name in PRESETS if name.startswith("founding-")} == set(PARAMETERS)


def naive_cell(weights: dict[str, Tensor], tokens: list[int], layers: int, context_width: int) -> Tensor:
    """Compute the logits of one sentence as FACTS.md says: one loop, one vector, no modules."""

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    context = torch.zeros(context_width, dtype=torch.float64)
    logits = []
    for t, token in enumerate(tokens):
        x = weights["embedding.weight"][token] + weights["positions.weight"][t]
        hidden = torch.cat([x, context])
        for layer in range(layers):
            hidden = F.relu(linear(hidden, f"body.fnn.{3 * layer}"))
        logits.append(linear(hidden, "head"))
        context = context + linear(hidden, "body.rule.delta")
    return torch.stack(logits)


def test_the_cell_is_its_naive_twin() -> None:
    model = at_random(SMALL_CELL)
    tokens = torch.randint(13, (4, 9))
    logits, state = model(tokens)
    weights = dict(model.state_dict())
    assert len(weights) == len(dict(model.named_parameters())) == 2 + 2 * (3 + 1 + 1)
    for row in range(4):
        twin = naive_cell(weights, tokens[row].tolist(), layers=3, context_width=7)
        torch.testing.assert_close(logits[row], twin, rtol=1e-12, atol=1e-12)
    assert state["context"].abs().max() > 0


def twin_transformer(model: LanguageModel) -> nn.TransformerEncoder:
    """Build torch's own post-norm encoder with the model's weights."""
    config, theirs = model.config, {}
    layer = nn.TransformerEncoderLayer(
        config.width, config.heads, config.hidden, activation="gelu", batch_first=True, norm_first=False
    )
    encoder = nn.TransformerEncoder(layer, config.layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False)
    names = {
        "query_key_value.weight": "self_attn.in_proj_weight",
        "query_key_value.bias": "self_attn.in_proj_bias",
        "out.": "self_attn.out_proj.",
        "attention_norm.": "norm1.",
        "ffn.0.": "linear1.",
        "ffn.3.": "linear2.",
        "ffn_norm.": "norm2.",
    }
    for name, value in model.body.state_dict().items():
        for ours, other in names.items():
            name = name.replace(f".{ours}", f".{other}")
        theirs[name.replace("last_norm.", "norm.")] = value
    encoder.double().load_state_dict(theirs, strict=True)
    return encoder.eval()


def test_the_transformer_is_torchs_own() -> None:
    model = at_random(SMALL_TRANSFORMER)
    encoder = twin_transformer(model)
    tokens = torch.randint(13, (4, 9))
    x = model.embedding(tokens) + model.get_parameter("positions.weight")[:9]
    mask = nn.Transformer.generate_square_subsequent_mask(9, dtype=torch.float64)
    torch.testing.assert_close(model(tokens)[0], model.head(encoder(x, mask=mask)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [SMALL_CELL, SMALL_TRANSFORMER], ids=["cell", "transformer"])
def test_dropout_is_where_the_document_has_it(shape: dict[str, Any]) -> None:
    model = LanguageModel(ModelConfig(**(shape | {"dropout": 0.25})))
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    # cell: after each ReLU; Transformer: embeddings, and in each layer after GELU and on the two outputs
    assert len(layers) == (3 if shape is SMALL_CELL else 1 + 2 * 3)
    assert all(layer.p == 0.25 for layer in layers)
    tokens = torch.randint(13, (2, 9))
    assert not torch.equal(model.train()(tokens)[0], model(tokens)[0])
    assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])


def test_attention_weights_are_dropped_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = F.scaled_dot_product_attention

    def watched(*tensors: Tensor, dropout_p: float, **rest) -> Tensor:
        asked.append(dropout_p)
        return plain(*tensors, dropout_p=dropout_p, **rest)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    model, tokens = LanguageModel(ModelConfig(**SMALL_TRANSFORMER)), torch.randint(13, (2, 9))
    model.train()(tokens)
    model.eval()(tokens)
    assert asked == [0.1] * 3 + [0.0] * 3


@pytest.mark.parametrize("name", ["founding-baseline", "founding-transformer"])
def test_weights_are_normal_with_std_002_and_biases_zero(name: str) -> None:
    model = LanguageModel(preset(name).model, seed=3)
    norms = {id(p) for m in model.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters()}
    for path, parameter in model.named_parameters():
        if id(parameter) in norms:
            continue
        if path.endswith("bias"):
            assert not parameter.any(), path
            continue
        n = parameter.numel()
        std, mean = parameter.std().item(), parameter.mean().item()
        assert abs(std / 0.02 - 1) < 5 / (2 * n) ** 0.5, path  # five standard errors
        assert abs(mean) < 5 * 0.02 / n**0.5, path
        kurtosis = (parameter.detach().double() / std).pow(4).mean().item()
        assert abs(kurtosis - 3) < 5 * (24 / n) ** 0.5 + 1e-2, path


@pytest.mark.parametrize("rule", ["gated", "lstm"])
def test_the_cells_gates_start_half_open(rule: str) -> None:
    model = LanguageModel(ModelConfig(**(SMALL_CELL | {"rule": rule})))
    biases = [parameter for path, parameter in model.named_parameters() if path.endswith("bias")]
    assert len(biases) == 3 + 1 + 1 + (1 if rule == "gated" else 2)
    assert not any(bias.any() for bias in biases)
