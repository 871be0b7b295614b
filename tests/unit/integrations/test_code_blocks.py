"""Blocks of Python in the pages that train by another framework run, on the examples' own trainings."""

import functools
import importlib.util
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.unit.integrations.test_folder import run_of
from tests.unit.test_code_blocks import OF_FRAMEWORKS, PYTHON, filled, stand_ins

from newllm.integrations.transformers.folder import export_run

EXAMPLES = Path(__file__).parents[3] / "examples"
_NEEDS = "needs newllm[{}]; .ci/slow runs these in an environment that has it"
# A block that shows two frameworks is one of each: its paragraphs stand alone. What asks a server is tested with one:
# tests/unit/serve/test_client.py.
BLOCKS = [
    (page, paragraph)
    for page, block in PYTHON
    if any(mark in block for mark in OF_FRAMEWORKS) and "openai" not in block
    for paragraph in (block.split("\n\n") if "newllm.hf" in block and "newllm.lightning" in block else [block])
]

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("one_thread"),
]


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_lightning(folder: Path, block: str) -> dict[str, Any]:
    pytest.importorskip("lightning", reason=_NEEDS.format("lightning"))
    import lightning

    import newllm.lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer, module, loader = example("replay_lightning").make(str(folder))
    del block
    return {
        "newllm": newllm, "lightning": lightning, "trainer": trainer, "module": module,
        "train_loader": loader, "val_loader": None,
    }  # fmt: skip


def of_transformers(folder: Path, block: str) -> dict[str, Any]:
    pytest.importorskip("transformers", reason=_NEEDS.format("hf"))
    pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these where it is")
    from transformers import Trainer

    import newllm.hf

    made = example("replay_trainer")
    trainer = made.make_trainer(str(folder))
    # The fault is in the example's schedule: whoever makes a Trainer here gets it too.
    scheduled = functools.partial(Trainer, optimizers=(trainer.optimizer, trainer.lr_scheduler))
    if "recorded=" in block:
        trainer.add_callback(newllm.hf.Recorder(out="runs/mine"))
    return {
        "newllm": newllm, "Trainer": scheduled, "trainer": trainer, "model": trainer.model,
        "arguments": trainer.args, "data": made.rows(),
    }  # fmt: skip


def of_accelerate(folder: Path, block: str) -> dict[str, Any]:
    pytest.importorskip("accelerate", reason="needs accelerate; .ci/slow runs these in an environment that has it")
    from accelerate import Accelerator

    del folder, block
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    known = stand_ins("")
    known["model"], known["optimizer"] = accelerator.prepare(known["model"], known["optimizer"])
    return known | {"accelerator": accelerator, "losses": []}


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{at}" for at, (page, _) in enumerate(BLOCKS)])
def test_it_runs(page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if 'from_pretrained("exported")' in block:
        export_run(run_of(tmp_path), tmp_path / "exported")
    make = of_accelerate if "accelerator" in block else of_lightning if "lightning" in block else of_transformers
    exec(compile(filled(block), page, "exec"), make(tmp_path, block))


def test_there_are_some() -> None:
    assert len(BLOCKS) > 8
