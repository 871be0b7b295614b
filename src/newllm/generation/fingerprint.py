"""Fingerprints: a context means something to exactly the weights that wrote it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor

from newllm.model.config import ADDED_LATER, MATRIX_RULE_NAMES
from newllm.model.language_model import LanguageModel

_WITHOUT_EFFECT = ("dropout", "initialisation")
"""What of a configuration does not change how a trained model reads."""


def fingerprint(model: LanguageModel) -> str:
    """Return the sha256 of how a model reads: its configuration, and its weights by name, as hex."""
    config = dataclasses.asdict(model.config)
    # Without matrices their width says nothing, and contexts are older than it.
    unread = [] if set(model.config.rules) & set(MATRIX_RULE_NAMES) else ["head_width"]
    unread += [name for name, before in ADDED_LATER.items() if config[name] == before]
    weights = model.state_dict()
    if model.config.tied_embeddings:
        weights.pop("head.weight", None)  # transformers has the embedding's matrix under this name too
    kept = {name: value for name, value in config.items() if name not in (*_WITHOUT_EFFECT, *unread)}
    return digest(json.dumps(kept, sort_keys=True), weights)


def digest(header: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of a header and of tensors by sorted name: dtype, shape and bytes, as hex."""
    result = hashlib.sha256(header.encode())
    for name, value in sorted(tensors.items()):
        result.update(f"\0{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        data = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        result.update(data.numpy().data)
    return result.hexdigest()
