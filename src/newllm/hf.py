"""newllm's models in Hugging Face transformers: `import newllm.hf` registers configuration, model and tokenizer.

    import newllm.hf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained("DIR")   # what `newllm export RUN --to hf DIR` wrote
    tokenizer = AutoTokenizer.from_pretrained("DIR")

    verdict = newllm.replay(newllm.hf.loop(trainer))       # a transformers.Trainer's training, replayed
    guarded = newllm.guard(newllm.hf.loop(trainer))        # ... trained under a guard

    trainer.add_callback(newllm.hf.Recorder(out="runs/mine"))   # records a Trainer's training

It needs the extra: pip install 'newllm[hf]'.
"""

from newllm.extras import check_installed, check_present

check_installed("transformers", extra="hf", lowest="5.14", below="5.26")
check_present("torch", extra="hf")

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast  # noqa: E402

from newllm.integrations.transformers.adapters import AdapterReach, adapter_reach  # noqa: E402
from newllm.integrations.transformers.cache import NewllmCache  # noqa: E402
from newllm.integrations.transformers.configuration import NewllmConfig  # noqa: E402
from newllm.integrations.transformers.loop import loop  # noqa: E402
from newllm.integrations.transformers.modeling import NewllmForCausalLM, NewllmModel  # noqa: E402
from newllm.integrations.transformers.recorder import Recorder  # noqa: E402

__all__ = [
    "AdapterReach",
    "NewllmCache",
    "NewllmConfig",
    "NewllmForCausalLM",
    "NewllmModel",
    "Recorder",
    "adapter_reach",
    "loop",
]

AutoConfig.register(NewllmConfig.model_type, NewllmConfig, exist_ok=True)
AutoModel.register(NewllmConfig, NewllmModel, exist_ok=True)
AutoModelForCausalLM.register(NewllmConfig, NewllmForCausalLM, exist_ok=True)
AutoTokenizer.register(NewllmConfig, fast_tokenizer_class=PreTrainedTokenizerFast, exist_ok=True)
