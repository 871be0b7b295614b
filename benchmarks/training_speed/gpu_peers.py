"""The models that train beside ours on a GPU, of as many parameters: those whose library is installed.

Limit: the parts for flash-linear-attention and mamba-ssm follow these libraries' documents; nobody has run them yet.
"""

import importlib.util
from collections.abc import Callable

from torch import nn

import newllm

VOCABULARY = 257  # bytes, and the end of a text
LAYERS = 12
STEP = 64  # widths are multiples of it

Build = Callable[[int], nn.Module]


def stack(backend: str) -> Build:
    """Return how our stack is built for a width, its scan on a backend."""

    def build(width: int) -> nn.Module:
        hidden = -(-8 * width // (3 * STEP)) * STEP
        shape = {"width": width, "context": width, "hidden": hidden, "layers": LAYERS}
        model = newllm.build(
            "small", settings=[f"model.{name}={value}" for name, value in {"ngram_rows": 0, **shape}.items()]
        )
        model.use_scan(backend)
        return model

    return build


def hgrn(mode: str) -> Build:
    """Return how flash-linear-attention's HGRN is built; mode "chunk" or "fused_recurrent"."""

    def build(width: int) -> nn.Module:
        from fla.models import HGRNConfig, HGRNForCausalLM

        shape = {"hidden_size": width, "num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
        return HGRNForCausalLM(HGRNConfig(attn_mode=mode, use_cache=False, **shape))

    return build


def mamba(width: int) -> nn.Module:
    """Build mamba-ssm's Mamba, two of its blocks for one of the others', as in its paper."""
    from mamba_ssm.models.config_mamba import MambaConfig
    from mamba_ssm.models.mixer_seq_simple import MambaLMHeadModel

    return MambaLMHeadModel(MambaConfig(d_model=width, n_layer=2 * LAYERS, vocab_size=VOCABULARY))


def present() -> dict[str, Build]:
    """Return who can train here, by name."""
    known: dict[str, tuple[str, Build]] = {
        "stack, scan torch": ("torch", stack("torch")),
        "stack, scan triton": ("triton", stack("triton")),
        "HGRN chunk (flash-linear-attention)": ("fla", hgrn("chunk")),
        "HGRN recurrent (flash-linear-attention)": ("fla", hgrn("fused_recurrent")),
        "Mamba (mamba-ssm)": ("mamba_ssm", mamba),
    }
    return {name: build for name, (library, build) in known.items() if importlib.util.find_spec(library)}


def parameters(model: nn.Module) -> int:
    """Return how many parameters a model has."""
    return sum(parameter.numel() for parameter in model.parameters())


def fitted(build: Build, target: int) -> nn.Module:
    """Build a model of the width whose parameters come nearest to the target."""
    width = STEP
    while parameters(build(width + STEP)) <= target:
        width += STEP
    return min((build(width), build(width + STEP)), key=lambda model: abs(parameters(model) - target))
