"""A run as a folder of transformers (`newllm export RUN --to hf DIR`), and back (`newllm import DIR`).

    DIR/config.json  model.safetensors  generation_config.json  tokenizer.json  tokenizer_config.json  README.md
        [newllm_code.py]

Weights are the same to the bit in both directions. Neither needs transformers. With newllm_code.py (`--remote-code`)
a program that knows nothing of newllm loads the folder by `trust_remote_code=True`, where newllm is installed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from newllm.api.loaded import LoadedRun
from newllm.data import DataConfig
from newllm.data.config import FORMATS
from newllm.data.tokenizer import Tokenizer
from newllm.data.tokenizers import tokenizer_digest
from newllm.errors import UserError, quoted
from newllm.files import make_directory, new_directory, read_bytes, read_json, write_json
from newllm.generation import Vocabulary
from newllm.integrations.folders import check_free
from newllm.integrations.transformers.tokenizer import read_tokenizer, tokenizer_files
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.trace import Summary
from newllm.training.config import IMPORTED, NumericsConfig, RunConfig, TrainingConfig
from newllm.training.config_file import merge, save_config
from newllm.training.environment import describe_environment
from newllm.training.run import RunDirectory
from newllm.training.snapshots import Progress, snapshot_content, write_snapshot

MODEL_TYPE = "newllm"
_PREFIX = "model."  # of every weight, as transformers names it
_TIED = "tied_embeddings", "tie_word_embeddings"  # the setting, and what it is called in config.json
_LARGEST = 1 << 40  # bytes of weights
_FILES = {"config.json", "model.safetensors", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
_REMOTE = "newllm_code"
_FILES |= {"README.md", f"{_REMOTE}.py"}
_CODE = """\
\"\"\"What transformers runs of this folder with trust_remote_code=True; it needs newllm[hf].\"\"\"

import newllm.hf


class NewllmConfig(newllm.hf.NewllmConfig):
    def __init__(self, **settings):  # transformers gives a class without one an __init__ of its own
        super().__init__(**settings)


class NewllmModel(newllm.hf.NewllmModel):
    config_class = NewllmConfig


class NewllmForCausalLM(newllm.hf.NewllmForCausalLM):
    config_class = NewllmConfig
"""
_README = """\
---
library_name: newllm
---
A language model of [newllm](https://pypi.org/project/newllm/), body `{body}`, {parameters:,} parameters,
after {step:,} steps of training.

    pip install 'newllm[hf]'

    import newllm.hf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained("DIR")
    tokenizer = AutoTokenizer.from_pretrained("DIR")
"""


def export_run(loaded: LoadedRun, directory: Path, *, replace: bool = False, remote_code: bool = False) -> None:
    """Write a trained model as a folder of transformers, whole or not at all.

    Args:
        loaded: from `newllm.load`.
        directory: absent or empty.
        replace: it may also hold such a folder already, which is replaced.
        remote_code: also write the file that `trust_remote_code=True` runs.

    Raises:
        UserError: something else stands there, there is no room, or the place may not be written.
    """
    check_free(directory, _FILES, _settings, replace=replace)
    shape = loaded.model.config
    weights = {
        f"{_PREFIX}{name}": value.detach().cpu().contiguous() for name, value in loaded.model.state_dict().items()
    }
    own = {"data_format": loaded.config.data.format, "trained_steps": loaded.step}
    kind: dict[str, Any] = {"model_type": MODEL_TYPE, "architectures": ["NewllmForCausalLM"], "dtype": "float32"}
    if remote_code:
        classes = {"AutoConfig": "Config", "AutoModel": "Model", "AutoModelForCausalLM": "ForCausalLM"}
        kind["auto_map"] = {auto: f"{_REMOTE}.Newllm{name}" for auto, name in classes.items()}
    tokens = _special_tokens(loaded.tokenizer)
    suppressed = Vocabulary(loaded.tokenizer, shape.vocabulary).forbidden.tolist()
    files = {
        "config.json": {**kind, **tokens, **{there: getattr(shape, name) for name, there in _names().items()}, **own},
        "generation_config.json": {**tokens, **({"suppress_tokens": suppressed} if suppressed else {})},
        **tokenizer_files(loaded.tokenizer, shape.positions),
    }
    parameters = sum(value.numel() for value in loaded.model.parameters())
    make_directory(directory.absolute().parent)
    with new_directory(directory, replace=replace) as temporary:
        for name, content in files.items():
            write_json(temporary / name, content, durable=False)
        (temporary / "model.safetensors").write_bytes(safetensors.torch.save(weights, {"format": "pt"}))
        readme = _README.format(body=shape.body, parameters=parameters, step=loaded.step)
        (temporary / "README.md").write_text(readme)
        if remote_code:
            (temporary / f"{_REMOTE}.py").write_text(_CODE)


def import_folder(directory: Path, out: Path) -> RunDirectory:
    """Write a run of one snapshot with the weights of such a folder, whole or not at all.

    Args:
        directory: from `export_run`, or saved by transformers (`save_pretrained` of model and tokenizer).
        out: absent or empty.

    Raises:
        UserError: the folder is damaged or of another kind, or `out` may not be written.
    """
    run = RunDirectory(out)
    run.check_free()
    settings = _settings(directory)
    shape, steps = _shape(directory, settings), _number(directory, settings, "trained_steps")
    weights, parameters = _weights(directory, shape)
    tokenizer = read_tokenizer(directory / "tokenizer.json")
    Vocabulary(tokenizer, shape.vocabulary)  # refuses one that is too large
    config = _config(directory, settings, shape, tokenizer, steps)
    summary = Summary(
        steps=steps,
        parameters=parameters,
        scan_backend="none",
        precision="fp32",
        device="cpu",
        status="finished",
        step=steps,
    )
    progress = Progress(step=steps, tokenizer=tokenizer_digest(tokenizer))
    make_directory(out.absolute().parent)
    with new_directory(out, replace=False) as temporary:
        draft = RunDirectory(temporary)
        tokenizer.save(draft.tokenizer)
        write_snapshot(draft.snapshots, snapshot_content(weights, {}, {}), progress)
        summary.save(draft.summary)
        save_config(config, draft.config)
    return run


def _names() -> dict[str, str]:
    """Return what each setting of a model is called in config.json."""
    return {name: _TIED[1] if name == _TIED[0] else name for name in vars(ModelConfig())}


def _special_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    pad = tokenizer.end if tokenizer.pad is None else tokenizer.pad
    return {"bos_token_id": tokenizer.begin, "eos_token_id": tokenizer.end, "pad_token_id": pad}


def _settings(directory: Path) -> dict[str, Any]:
    """Read config.json, and refuse one of another kind of model."""
    path = directory / "config.json"
    try:
        settings = read_json(path)
    except OSError as error:
        why = f"cannot read '{path}' ({error.strerror})"
        raise UserError(f"{why}: give a folder that newllm export --to hf wrote, or save_pretrained") from error
    except ValueError as error:
        raise UserError(f"'{path}' is damaged, it is no JSON: copy it again") from error
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    if kind != MODEL_TYPE:
        raise UserError(
            f"'{directory}' holds a model of type {quoted(kind)}, not '{MODEL_TYPE}': give a folder of a newllm model"
        )
    return settings


def _shape(directory: Path, settings: Mapping[str, Any]) -> ModelConfig:
    given = {name: settings[there] for name, there in _names().items() if there in settings}
    shape = merge(ModelConfig(), given, where=f"'{directory / 'config.json'}'", prefix="model.")
    shape.check()
    return shape


def _number(directory: Path, settings: Mapping[str, Any], name: str) -> int:
    value = settings.get(name, 0)
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise UserError(
            f"'{directory / 'config.json'}': {name} is {quoted(value)}: it must be a whole number from 0 on"
        )
    return value


def _weights(directory: Path, shape: ModelConfig) -> tuple[dict[str, Tensor], int]:
    """Read model.safetensors and compare names and shapes with those of the model that config.json describes.

    Returns:
        The weights in the model's order, and how many parameters it has: a decay that is not learned is none.
    """
    path = directory / "model.safetensors"
    try:
        found = safetensors.torch.load(read_bytes(path, _LARGEST))
    except OSError as error:
        raise UserError(
            f"cannot read '{path}' ({error.strerror}): save the model whole, in one file of safetensors"
        ) from error
    except (safetensors.SafetensorError, ValueError) as error:
        raise UserError(f"'{path}' is damaged, it is no whole safetensors file: copy it again") from error
    weights = {name.removeprefix(_PREFIX): value for name, value in found.items()}
    model = _empty_model(path, shape, len(weights))
    wanted = {name: list(value.shape) for name, value in model.state_dict().items()}
    for name in sorted(wanted.keys() | weights.keys()):
        here = list(weights[name].shape) if name in weights else None
        if here != wanted.get(name):
            raise UserError(
                f"'{path}' does not fit config.json: '{_PREFIX}{name}' has shape {here}, not {wanted.get(name)}"
            )
        if not weights[name].is_floating_point():
            raise UserError(f"'{path}': '{_PREFIX}{name}' is of {weights[name].dtype}: save the model in float32")
    parameters = sum(value.numel() for value in model.parameters())
    return {name: weights[name].float().contiguous() for name in wanted}, parameters


def _empty_model(path: Path, shape: ModelConfig, tensors: int) -> LanguageModel:
    """Return a model of names and shapes; nothing is allocated for its weights."""
    if shape.layers > tensors:
        raise UserError(f"'{path}' holds {tensors} tensors, too few for the {shape.layers} layers of config.json")
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        try:
            return LanguageModel(shape)
        except (RuntimeError, OverflowError) as error:  # sizes that no tensor can have
            raise UserError(f"'{path.parent / 'config.json'}' describes a model that is too large") from error


def _config(
    directory: Path, settings: Mapping[str, Any], shape: ModelConfig, tokenizer: Tokenizer, steps: int
) -> RunConfig:
    layout = settings.get("data_format", "stream")
    if layout not in FORMATS:
        raise UserError(
            f"'{directory / 'config.json'}': data_format is {quoted(layout)}: it must be {' or '.join(FORMATS)}"
        )
    window = min(shape.positions or DataConfig.window, DataConfig.window)
    config = RunConfig(
        preset=IMPORTED,
        model=shape,
        data=DataConfig((str(directory.absolute()),), format=layout, tokenizer=tokenizer.name, window=window),
        training=TrainingConfig(steps=max(1, steps), evaluate_every=1, snapshot_every=1),
        numerics=NumericsConfig("cpu", 1, "fp32", "torch"),
        environment=describe_environment(),
    )
    config.check()
    return config
