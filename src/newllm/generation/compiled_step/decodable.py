"""Which models have a compiled step, and which machines run it. Nothing here imports numba."""

import torch
from torch import nn

from newllm.kernels.processor import has_byte_products, has_decoding_kernels
from newllm.model.bodies.block import Block
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.bodies.stack import ContextMixer, Stack
from newllm.model.context_tap import ContextTap, MatrixTap
from newllm.model.convolution import ShortConvolution
from newllm.model.language_model import LanguageModel
from newllm.model.mlp import SwiGLU
from newllm.model.ngram_embedding import NGramEmbedding, NGramTable
from newllm.model.rms_norm import RMSNorm
from newllm.model.tied_head import TiedHead
from newllm.recurrence import MATRIX_RULES, RULES, Gate, Rule
from newllm.recurrence.norms import NORMS, NormOnWrite
from newllm.recurrence.rules.rule import ConstantDecay

_PARTS = {
    *(LanguageModel, Stack, Block, ContextMixer, ShortConvolution, ContextTap, SwiGLU, Gate, ConstantDecay),
    *(NGramEmbedding, NGramTable),
    *(nn.ModuleList, nn.Embedding, nn.Linear, TiedHead, RMSNorm, nn.LayerNorm, nn.Dropout),
    *(set(NORMS.values()) - {NormOnWrite}),
    *(MatrixMixer, MatrixTap),
    *RULES.values(),
    *MATRIX_RULES.values(),
}
"""The modules whose formulas the kernel has, exactly these: a subclass may compute anything else."""


def decodable(model: LanguageModel, weights: str) -> bool:
    """Return whether the compiled step runs here and is this model's.

    It is that of a stack with any rule (matrices of a width that 16 divides), no norm or a norm on read, float32 on
    the CPU, on Linux and x86-64 with AVX2 (for int8 with AVX-512 and its byte products, VNNI), where numba is
    installed. Not so a model that was changed from outside: with a hook, a replaced module, method or decay, or a
    parametrised weight.
    """
    modules = list(model.modules())
    is_own = all(type(module) in _PARTS and not _is_changed(module) for module in modules)
    tensors = [*model.parameters(), *model.buffers()]
    is_plain = all(value.dtype == torch.float32 and value.device.type == "cpu" for value in tensors)
    fits = not any(isinstance(module, MatrixMixer) and module.width % 16 for module in modules)
    runs_here = has_decoding_kernels() and (weights != "int8" or has_byte_products())
    return is_own and is_plain and type(model.body) is Stack and fits and runs_here


def _is_changed(module: nn.Module) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks)
    replaced = {"forward", "combine"} if isinstance(module, Rule) else {"forward"}
    return any(hooks) or not replaced.isdisjoint(vars(module))
