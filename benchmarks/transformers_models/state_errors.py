"""Does a recurrent model of transformers keep its state? Largest error of a logit where the state could be lost.

Tiny models with random weights, float32, one thread. What each gives for one whole, unpadded row is right by
definition; the same tokens are then read in other ways, each as transformers' documentation says: the cache under the
model's own name for it, by its own prepare_inputs_for_generation, with the attention mask over all positions so far,
and position_ids from it where the model takes them.
- chunked_prefill: in two parts, at every split
- left_padding: three rows of different lengths, padded on the left
- right_padding: the same padded on the right, then one token more a row: it reads the state after the padding
- batch: three rows of one length together
- other_process: the cache after half of a row, written to a file, and read in another process that goes on (ours as a
  context file, the peers' by torch.save)
An error line in place of a number is what the model answered. An error is to be seen beside `largest_logit`, that of
the whole row: models with random weights differ in the size of their logits.

    python benchmarks/transformers_models/state_errors.py [--quick] [--out FILE]

It needs `pip install 'newllm[hf]'`.
"""

import argparse
import inspect
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

import newllm.hf

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

VOCABULARY, LENGTH, LENGTHS = 64, 24, (24, 15, 6)
CACHES = ("cache", "past_key_values", "cache_params", "state")
ROUGH = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": VOCABULARY, "pad_token_id": 0}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48, "head_dim": 8}
PEERS: dict[str, dict[str, Any]] = {
    "Mamba": {"state_size": 8, "intermediate_size": 64, "time_step_rank": 4},
    "Mamba2": {"state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 8},
    "FalconMamba": {"state_size": 8, "intermediate_size": 64, "time_step_rank": 4},
    "RecurrentGemma": {**HEADS, "num_hidden_layers": 3, "lru_width": 32, "attention_window_size": 16},
    "Rwkv": {"attention_hidden_size": 32, "intermediate_size": 64, "context_length": 64},
    "xLSTM": {"hidden_size": 128, "embedding_dim": 128, "num_blocks": 2, "num_heads": 4, "chunk_size": 8},
    "FalconH1": HEADS
    | {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_chunk_size": 8},
    "Qwen3Next": HEADS
    | {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4}
    | {"num_hidden_layers": 4, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
    | {"num_experts": 4, "num_experts_per_tok": 2},
}
OWN = ("stack", "cell", "attention", "lstm")


def build(name: str) -> Any:
    """Return a model with random weights; the same in every process."""
    torch.manual_seed(0)
    if name.startswith("newllm "):
        sizes: dict[str, Any] = {"width": 32, "layers": 2, "hidden": 48, "context": 32, "heads": 4, "window": 16}
        config = newllm.hf.NewllmConfig(vocab_size=VOCABULARY, body=name.removeprefix("newllm "), **sizes)
        model = newllm.hf.NewllmForCausalLM(config)
        with torch.no_grad():
            model.model.embedding.weight.mul_(30)  # the founding cell's would be next to nothing
    else:
        config = getattr(transformers, f"{name}Config")(**{**ROUGH, **PEERS[name]})
        model = getattr(transformers, f"{name}ForCausalLM")(config)
    return model.float().eval()


class Reader:
    """A model called as its documentation says."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.parameters = inspect.signature(model.forward).parameters
        self.cache = next(name for name in CACHES if name in self.parameters)

    def __call__(self, tokens: Tensor, cache: Any = None, mask: Tensor | None = None) -> tuple[Tensor, Any]:
        """Return logits and the cache after them."""
        given: dict[str, Any] = {"input_ids": tokens, "use_cache": True}
        if mask is not None and (cache is not None or not bool(mask.all())):
            given["attention_mask"] = mask
            if "position_ids" in self.parameters:
                given["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        if cache is None and isinstance(self.model, transformers.RecurrentGemmaForCausalLM):
            given["cache"] = cache = transformers.DynamicCache(
                config=self.model.config
            )  # as `generate` does: it returns none
        elif cache is not None:
            given = self.model.prepare_inputs_for_generation(is_first_iteration=False, **given, **{self.cache: cache})
            given.pop("logits_to_keep", None)  # all of them are compared
        given = {name: value for name, value in given.items() if name in self.parameters and value is not None}
        with torch.no_grad():
            out = self.model(**given)
        return out.logits, out.get(self.cache, cache)


def tokens_of(rows: int) -> Tensor:
    return torch.randint(2, VOCABULARY, (rows, LENGTH + 1), generator=torch.Generator().manual_seed(1))


def padded(tokens: Tensor, side: str) -> dict[str, Tensor]:
    """Return rows of LENGTHS tokens and their mask, as a Reader takes them."""
    rows, mask = torch.zeros(2, len(LENGTHS), LENGTH, dtype=torch.long)
    for row, length in enumerate(LENGTHS):
        where = slice(LENGTH - length, None) if side == "left" else slice(0, length)
        rows[row, where], mask[row, where] = tokens[row, :length], 1
    return {"tokens": rows, "mask": mask}


def chunked_prefill(read: Reader, quick: bool) -> float:
    tokens = tokens_of(1)[:, :LENGTH]
    whole, worst = read(tokens)[0], 0.0
    for split in (5, 12) if quick else range(1, LENGTH):
        first, cache = read(tokens[:, :split], mask=torch.ones(1, split, dtype=torch.long))
        second, _ = read(tokens[:, split:], cache, torch.ones(1, LENGTH, dtype=torch.long))
        worst = max(worst, distance(torch.cat([first, second], 1), whole))
    return worst


def left_padding(read: Reader, quick: bool) -> float:  # noqa: ARG001
    tokens = tokens_of(3)
    logits, _ = read(**padded(tokens, "left"))
    return max(
        distance(logits[row, LENGTH - length :], read(tokens[row : row + 1, :length])[0][0])
        for row, length in enumerate(LENGTHS)
    )


def right_padding(read: Reader, quick: bool) -> float:  # noqa: ARG001
    tokens = tokens_of(3)
    given = padded(tokens, "right")
    _, cache = read(**given)
    following = torch.stack([tokens[row, length : length + 1] for row, length in enumerate(LENGTHS)])
    logits, _ = read(following, cache, torch.cat([given["mask"], torch.ones(3, 1, dtype=torch.long)], 1))
    return max(
        distance(logits[row, -1], read(tokens[row : row + 1, : length + 1])[0][0, -1])
        for row, length in enumerate(LENGTHS)
    )


def batch(read: Reader, quick: bool) -> float:  # noqa: ARG001
    tokens = tokens_of(3)
    together, _ = read(tokens)
    return max(distance(together[row], read(tokens[row : row + 1])[0][0]) for row in range(3))


def other_process(read: Reader, quick: bool, name: str = "") -> float:  # noqa: ARG001
    tokens, half = tokens_of(1), LENGTH // 2
    whole, (_, cache) = read(tokens)[0], read(tokens[:, :half])
    with tempfile.TemporaryDirectory() as place:
        saved, answer = Path(place) / "cache", Path(place) / "logits"
        if isinstance(cache, newllm.hf.NewllmCache):
            read.model.save_context(saved, cache)
        else:
            torch.save(cache, saved)
        command = [sys.executable, __file__, "--go-on", name, str(saved), str(answer)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RuntimeError(ended.stderr.strip().splitlines()[-1])
        return distance(torch.load(answer), whole[:, half:])


def go_on(name: str, saved: Path, answer: Path) -> None:
    """Go on from a cache that another process has written; one token after another, as generation does."""
    model = build(name)
    read, tokens = Reader(model), tokens_of(1)
    own = isinstance(model, newllm.hf.NewllmForCausalLM)
    cache = model.load_context(saved) if own else torch.load(saved, weights_only=False)
    logits = []
    for at in range(LENGTH // 2, LENGTH + 1):
        given, cache = read(tokens[:, at : at + 1], cache, torch.ones(1, at + 1, dtype=torch.long))
        logits.append(given)
    torch.save(torch.cat(logits, 1), answer)


def largest_logit(name: str) -> float:
    return float(Reader(build(name))(tokens_of(1))[0].abs().max())


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


COLUMNS: dict[str, Callable[..., float]] = {
    "chunked_prefill": chunked_prefill,
    "left_padding": left_padding,
    "right_padding": right_padding,
    "batch": batch,
    "other_process": other_process,
}


def measured(name: str, column: str, *, quick: bool) -> float | str:
    read, extra = Reader(build(name)), {"name": name} if column == "other_process" else {}
    try:
        return COLUMNS[column](read, quick, **extra)
    except Exception as error:  # what a peer answers is the result
        return f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"


def table(rows: dict[str, dict[str, float | str]], sizes: dict[str, float]) -> str:
    """Return the rows in Markdown."""
    columns = ["", "largest logit", *(name.replace("_", " ") for name in COLUMNS)]
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, row in rows.items():
        cells = ["refuses" if isinstance(value, str) else f"{value:.1e}" if value else "0" for value in row.values()]
        lines.append(f"| {name} | {sizes[name]:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ours and Mamba, two splits")
    parser.add_argument("--out", type=Path, help="write the JSON there, too")
    parser.add_argument("--go-on", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    if arguments.go_on:
        name, saved, answer = arguments.go_on
        go_on(name, Path(saved), Path(answer))
        return
    names = [f"newllm {body}" for body in OWN] + (["Mamba"] if arguments.quick else list(PEERS))
    rows = {name: {column: measured(name, column, quick=arguments.quick) for column in COLUMNS} for name in names}
    sizes = {name: largest_logit(name) for name in names}
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    result = {
        "command": "python benchmarks/transformers_models/state_errors.py",
        **versions,
        "machine": machine.describe(),
    }
    text = json.dumps({**result, "largest_logit": sizes, "largest_error_of_a_logit": rows}, indent=2)
    print(text)
    print(table(rows, sizes), file=sys.stderr)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    worst = [value for name, row in rows.items() if name.startswith("newllm") for value in row.values()]
    sys.exit(any(isinstance(value, str) or value > 1e-5 for value in worst))


if __name__ == "__main__":
    main()
