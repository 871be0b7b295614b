"""`S = a S + b k v^T`: matrices that decay and are added to, as Mamba-2's are, without the delta rule's correction.

Dao and Gu 2024, arXiv:2405.21060. All else is rule `delta`'s, so that the two differ in the correction alone: keys and
queries have length 1, which Mamba-2's need not have, and `b` and the decay have a gate each, where its have one.
"""

import torch

from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.language_model import LanguageModel
from newllm.recurrence import Steps
from newllm.recurrence.matrix_rules import GatedDelta


class DecayOnly(GatedDelta):
    """Each position adds `b` of its value under its key, whatever stands there."""

    name = "decay-only"

    def forward(self, projected_BTE: torch.Tensor, source_BTD: torch.Tensor) -> Steps:
        """Return what each position does: it looks up nothing."""
        steps = super().forward(projected_BTE, source_BTD)
        return steps._replace(lookup=torch.zeros_like(steps.lookup))


def without_correction(model: LanguageModel) -> LanguageModel:
    """Return a model of rule `delta` whose matrices only decay, with the same weights; it is changed in place."""
    for mixer in [module for module in model.modules() if isinstance(module, MatrixMixer)]:
        rule = DecayOnly(model.config.width, mixer.heads, mixer.width)
        rule.load_state_dict(mixer.rule.state_dict())
        mixer.rule = rule
    return model
