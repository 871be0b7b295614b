"""Run by common_suite.py inside transformers' own tests: `ModelTesterMixin` and `ConfigTester` of its sdist on ours."""

import os
import unittest
from typing import Any

import torch
from tests.test_configuration_common import ConfigTester  # type: ignore[missing-import]
from tests.test_modeling_common import (  # type: ignore[missing-import]
    GenerationTesterMixin,
    ModelTesterMixin,
    ids_tensor,
)
from torch import Tensor
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_MAPPING_NAMES

import newllm.hf

BODY = os.environ["NEWLLM_SUITE_BODY"]
MODEL_MAPPING_NAMES["newllm"] = "NewllmModel"  # by these names the suite knows which model takes labels
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES["newllm"] = "NewllmForCausalLM"
CHECKPOINTS = (
    "blocks are no GradientCheckpointingLayer; that they are computed again is tested in tests/unit/integrations"
)
NO_BLOCKS = f"body {BODY} has no blocks that could be computed again, and says so"


class Tester:
    """What the mixin asks a model's own tests for."""

    batch_size, seq_length, num_hidden_layers, hidden_size, vocab_size = 3, 7, 2, 32, 37
    is_training = True
    expected_num_hidden_layers = 3 if BODY in ("stack", "attention") else 2  # a cell and an LSTM are one layer

    def get_config(self) -> newllm.hf.NewllmConfig:
        """Return a small model."""
        return newllm.hf.NewllmConfig(
            vocab_size=self.vocab_size,
            width=self.hidden_size,
            layers=self.num_hidden_layers,
            hidden=self.hidden_size,
            context=32,
            heads=4,
            window=8,
            body=BODY,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[newllm.hf.NewllmConfig, dict[str, Tensor]]:
        """Return a model and its input."""
        tokens = ids_tensor([self.batch_size, self.seq_length], self.vocab_size)
        return self.get_config(), {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}


class NewllmModelTest(ModelTesterMixin, GenerationTesterMixin, unittest.TestCase):
    """The suite; what does not apply is skipped with the reason."""

    all_model_classes = (newllm.hf.NewllmModel, newllm.hf.NewllmForCausalLM)
    has_attentions = False
    model_tester: Any

    def setUp(self) -> None:
        """Name the small model."""
        self.model_tester = Tester()

    def test_config(self) -> None:
        """Run the tests of configurations."""
        ConfigTester(self, config_class=newllm.hf.NewllmConfig, vocabulary=37).run_common_tests()

    test_gradient_checkpointing_enable_disable = unittest.skip(CHECKPOINTS)(
        ModelTesterMixin.test_gradient_checkpointing_enable_disable
    )
    test_training_gradient_checkpointing = unittest.skip(CHECKPOINTS)(
        ModelTesterMixin.test_training_gradient_checkpointing
    )
    test_training_gradient_checkpointing_use_reentrant_false = unittest.skip(CHECKPOINTS)(
        ModelTesterMixin.test_training_gradient_checkpointing_use_reentrant_false
    )
    test_training_gradient_checkpointing_use_reentrant_true = unittest.skip(CHECKPOINTS)(
        ModelTesterMixin.test_training_gradient_checkpointing_use_reentrant_true
    )
    if BODY not in ("stack", "attention"):
        test_enable_input_require_grads_with_gradient_checkpointing = unittest.skip(NO_BLOCKS)(
            ModelTesterMixin.test_enable_input_require_grads_with_gradient_checkpointing
        )
        test_gradient_checkpointing_backward_compatibility = unittest.skip(NO_BLOCKS)(
            ModelTesterMixin.test_gradient_checkpointing_backward_compatibility
        )
        test_peft_gradient_checkpointing_enable_disable = unittest.skip(NO_BLOCKS)(
            ModelTesterMixin.test_peft_gradient_checkpointing_enable_disable
        )
    test_model_base_model_prefix = unittest.skip("both models hold the same weights under the same names: no prefix")(
        ModelTesterMixin.test_model_base_model_prefix
    )
    test_model_weights_reload_no_missing_tied_weights = unittest.skip("a folder that lacks weights is refused")(
        ModelTesterMixin.test_model_weights_reload_no_missing_tied_weights
    )
