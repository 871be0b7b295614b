"""How long does lm-evaluation-harness take with newllm's own model, and with its wrapper around an export?

    python benchmarks/transformers_models/lm_eval_speed.py [--quick] [--out FILE]    # needs newllm[eval,hf]

One process, one thread, the two models in turn, processor time: a busy machine does not change what is compared. The
model has the shape of the preset small and random weights. Results that differ by more than 1e-4 of a log-probability
end the benchmark.
"""

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

import newllm
import newllm.hf
from newllm.api.loaded import LoadedRun
from newllm.data import train_tokenizer
from newllm.integrations.lm_eval.model import NewllmLM
from newllm.integrations.transformers.folder import export_run, import_folder
from newllm.training.config import RunConfig

TEXT = (Path(newllm.__file__).parent / "data" / "bundled" / "sentences.txt").read_text()
BATCH = 16


def requests(*arguments: Any) -> list[Any]:
    return [SimpleNamespace(args=one) for one in arguments]


def tasks(quick: bool) -> dict[str, tuple[str, list[Any]]]:
    size = 1 if quick else 8
    text = (TEXT * 200)[: 8_000 * size]
    shots, questions = text[:1500], [text[at : at + 80] for at in range(2000, 2000 + 40 * size, 10)]
    choices = [(f"{shots}\n{question}\nAnswer:", f" {letter}") for question in questions for letter in "ABCD"]
    pairs = [("", text[at : at + 40 + at % 17]) for at in range(0, 1000 * size, 20)]
    prompts = [(f"{shots}\n{question}", {"until": ["\n\n"], "max_gen_toks": 32}) for question in questions[: 4 * size]]
    return {
        "rolling": ("loglikelihood_rolling", requests((text,))),
        "questions": ("loglikelihood", requests(*choices)),
        "pairs": ("loglikelihood", requests(*pairs)),
        "generation": ("generate_until", requests(*prompts)),
    }


def models(directory: Path, body: str) -> tuple[NewllmLM, HFLM, HFLM]:
    model = newllm.build("small", settings=[f"model.body={body}", "model.ngram_rows=0"]).eval()
    loaded = LoadedRun(directory, RunConfig(model=model.config), model, train_tokenizer("bytes", [], 257), 0)
    export_run(loaded, directory / "folder")
    run = import_folder(directory / "folder", directory / "run").path
    given: dict[str, Any] = {"pretrained": str(directory / "folder"), "device": "cpu", "batch_size": BATCH}
    wrapper = HFLM(**given)
    # Without a begin token of its own before each window, which would be read twice.
    return NewllmLM(run=str(run), batch_size=BATCH, device="cpu"), wrapper, HFLM(**given, add_bos_token=False)


def seconds(function: Callable[[], Any]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began


def difference(one: list[Any], other: list[Any]) -> float:
    if isinstance(one[0], str):
        return float(sum(first != second for first, second in zip(one, other, strict=True)))
    flat = [[value[0] if isinstance(value, tuple) else value for value in values] for values in (one, other)]
    return max(abs(first - second) for first, second in zip(*flat, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--body", nargs="+", default=["stack"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for body in arguments.body:
        with tempfile.TemporaryDirectory() as directory:
            native, wrapper, bare = models(Path(directory), body)
            for name, (kind, asked) in tasks(arguments.quick).items():
                other = bare if name == "rolling" else wrapper
                both = [functools.partial(getattr(lm, kind), asked, disable_tqdm=True) for lm in (native, other)]
                found, expected = (run() for run in both)  # a first time, in which kernels are compiled
                times = [tuple(map(seconds, both)) for _ in range(1 if arguments.quick else 5)]
                row = {
                    "body": body,
                    "task": name,
                    "requests": len(asked),
                    "newllm_s": round(statistics.median(own for own, _ in times), 3),
                    "wrapper_s": round(statistics.median(theirs for _, theirs in times), 3),
                    "ratio": round(statistics.median(theirs / own for own, theirs in times), 2),
                    "difference": difference(found, expected),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
                # A window of the wrapper begins anew every 2,048 tokens, so a long text differs.
                assert row["difference"] <= 1e-4 or name in ("rolling", "generation"), row
    if arguments.out:
        arguments.out.write_text(json.dumps({"torch": torch.__version__, "threads": 1, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
