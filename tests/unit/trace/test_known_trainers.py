"""What well-known trainers write, line for line as they write it: which signals, at which steps."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.trace import Trace
from newllm.trace.readers import read_log
from newllm.trace.readers.progress_bars import Bar, drawing_of, without_bars

STEPS = range(1, 41)


def loss(step: int) -> float:
    return round(3 + 8 / step, 4)


def bar(done: int, of: int) -> str:
    """Return a bar as tqdm draws it over the one before."""
    blocks = "█" * (10 * done // of)
    return f"\r{100 * done // of:3d}%|{blocks:<10}| {done}/{of} [00:{done:02d}<00:{of - done:02d},  1.00it/s]"


def huggingface() -> str:
    """`python train.py 2>&1 | tee log`: the Trainer prints between bars, and evaluates under a bar of its own."""
    mapped = "Map: 100%|██████████| 1000/1000 [00:00<00:00, 5e3 examples/s]"
    lines = [f"Map:   0%|          | 0/1000 [00:00<?, ? examples/s]\r{mapped}\n"]
    for step in STEPS:
        lines.append(bar(step, len(STEPS)))
        if step % 2 == 0:
            numbers = {"loss": loss(step), "grad_norm": 1.5, "learning_rate": 1e-05, "epoch": round(step / 20, 2)}
            lines.append(f"\r{' ' * 60}\r\r{numbers}\n\r{bar(step, len(STEPS))}")
        if step % 20 == 0:
            lines += ["\n", *(bar(done, 5) for done in range(6)), "\x1b[A\n"]
            numbers = {"eval_loss": loss(step), "eval_runtime": 0.5, "epoch": step / 20}
            lines.append(f"\r{' ' * 60}\r\r{numbers}\n\r{bar(step, len(STEPS))}")
    lines.append("\n{'train_runtime': 40.1, 'train_steps_per_second': 1.0, 'train_loss': 9.0, 'epoch': 2.0}\n")
    return "".join(lines)


def huggingface_info() -> str:
    """With `transformers.utils.logging.set_verbosity_info()`, as its examples set it: how many steps there will be."""
    said = [
        "***** Running training *****",
        "  Num examples = 320",
        "  Num Epochs = 2",
        "  Num update steps per epoch = 20",
    ]
    said += ["  Gradient Accumulation steps = 1", "  Total optimization steps = 40"]
    return "".join(f"[transformers] {line}\n" for line in said) + huggingface()


def axolotl() -> str:
    """Its settings and the logger's lines stand above, the bar behind each row."""
    said = "[2026-05-01 12:00:00,123] [INFO] [axolotl.train.train:173] [PID:1234]"
    lines = [f"{said} setting {at}" for at in range(30)]
    for step in STEPS:
        numbers = {"loss": loss(step), "grad_norm": 1.5, "learning_rate": 1e-05, "epoch": round(step / 20, 2)}
        lines.append(f"{numbers}\n{bar(step, len(STEPS))}")
    return "\n".join(lines)


def llm_c() -> str:
    lines = ["| micro batch size B    | 64                     |", "val loss 11.008"]
    for step in STEPS:
        lines.append(
            f"step {step:4d}/40 | loss {loss(step):7.6f} (+0.33z)| norm 1.5000 (-1.20z)| lr 1.00e-05 | 3056.36 ms "
            "| 42.6% bf16 MFU | 171539 tok/s"
        )
        if step % 20 == 0:
            lines.append(f"val loss {loss(step):.6f}")
            lines.append("HellaSwag: 2756/10042 = 0.274447")
    return "\n".join(lines)


def llm_c_file() -> str:
    lines = ["s:0 tel:11.0154", "s:0 eval:0.2463"]
    for step in STEPS:
        lines.append(f"s:{step} trl:{loss(step):.4f} lr:0.000010 norm:1.50")
        if step % 20 == 0:
            lines += [f"s:{step} tel:{loss(step):.4f}", f"s:{step} hel:0.2745"]  # so in its first versions
    return "\n".join(lines)


def build_nanogpt() -> str:
    lines = [
        "using device: cuda",
        "total desired batch size: 524288",
        "validation loss: 10.9511",
        "HellaSwag accuracy: 2463/10042=0.2453",
    ]
    for step in STEPS:
        lines.append(
            f"step {step:5d} | loss: {loss(step):.6f} | lr 1.0000e-05 | norm: 1.5000 | dt: 5000.12ms "
            "| tok/sec: 104857.60"
        )
        if step % 20 == 0:
            lines += [f"validation loss: {loss(step):.4f}", "rank 0 sample 0: Hello, I'm a language model, 3 is more"]
    return "\n".join(lines)


def build_nanogpt_file() -> str:
    lines = ["0 val 10.9511", "0 hella 0.2463"]
    for step in STEPS:
        lines.append(f"{step} train {loss(step):.6f}")
        if step % 20 == 0:
            lines += [f"{step} val {loss(step):.4f}", f"{step} hella 0.2463"]
    return "\n".join(lines)


def llama_factory() -> str:
    rows = [
        {
            "current_steps": step,
            "total_steps": 40,
            "loss": loss(step),
            "lr": 1e-05,
            "epoch": step / 20,
            "percentage": step / 0.4,
            "elapsed_time": f"0:00:{step:02d}",
            "remaining_time": "0:01:00",
        }
        for step in STEPS
    ]
    return "\n".join(map(json.dumps, rows))


def losses() -> str:
    return json.dumps([loss(step) for step in STEPS])


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Trace]:
    def written(text: str) -> Trace:
        path = tmp_path / "log"
        path.write_text(text, encoding="utf-8", newline="")
        return read_log(path)

    return written


def values(trace: Trace, name: str) -> dict[int, float]:
    series = trace.series(name)
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


EVERY, EVEN, TWICE = list(STEPS), [step for step in STEPS if step % 2 == 0], [20, 40]


@pytest.mark.parametrize(
    ("write", "steps", "evaluated", "others"),
    [
        (huggingface, EVEN, TWICE, {"gradient_norm", "learning_rate", "eval_runtime"}),
        (huggingface_info, EVEN, TWICE, {"gradient_norm", "learning_rate", "eval_runtime"}),
        (axolotl, EVERY, [], {"gradient_norm", "learning_rate"}),
        (llm_c, EVERY, TWICE, {"gradient_norm", "learning_rate", "HellaSwag"}),
        (llm_c_file, EVERY, TWICE, {"gradient_norm", "learning_rate", "hellaswag"}),
        (build_nanogpt, EVERY, TWICE, {"gradient_norm", "learning_rate", "accuracy", "tok/sec"}),
        (build_nanogpt_file, EVERY, TWICE, {"hella"}),
        (llama_factory, EVERY, [], {"learning_rate", "total_steps", "percentage"}),
        (losses, EVERY, [], set()),
    ],
)
def test_signals_stand_at_their_steps(
    write: Callable[[], str],
    steps: list[int],
    evaluated: list[int],
    others: set[str],
    read: Callable[[str], Trace],
) -> None:
    trace = read(write())
    assert trace.axis == "step"
    assert values(trace, "loss") == {step: loss(step) for step in steps}
    found = {step: value for step, value in values(trace, "validation_loss").items() if step in STEPS and step != 1}
    assert found == {step: loss(step) for step in evaluated}
    assert set(trace.signals) - {"loss", "validation_loss"} == others
    if "gradient_norm" in others:
        assert set(values(trace, "gradient_norm").values()) == {1.5}
        assert set(values(trace, "learning_rate").values()) == {1e-05}
    for name in others & {"accuracy", "hellaswag", "HellaSwag"}:
        assert set(values(trace, name).values()) <= {0.2453, 0.2463, 0.2745, 0.274447}


def test_a_bar_that_begins_anew_every_epoch_tells_no_step(read: Callable[[str], Trace]) -> None:
    rows = [f"{bar(10, 10)}\nepoch {epoch}: loss {loss(epoch)}" for epoch in (1, 2, 3)]
    assert values(read("\n".join(rows)), "loss") == {epoch: loss(epoch) for epoch in (1, 2, 3)}
    rows = [f"{bar(done, 10)}\nloss: {loss(done)} acc: 0.5" for _ in range(2) for done in (5, 10)]
    assert values(read("\n".join(rows)), "loss").keys() != {5, 10}


def test_a_row_with_a_step_of_its_own_needs_no_bar(read: Callable[[str], Trace]) -> None:
    rows = [f"{bar(step, 40)}\nstep {100 + step}: loss {loss(step)}" for step in (3, 4, 5)]
    assert list(values(read("\n".join(rows)), "loss")) == [103, 104, 105]


@pytest.mark.parametrize(
    ("line", "left", "found"),
    [
        ("  3%|▎         | 10/300 [00:10<04:50,  1.00it/s]", "", Bar(10, 300)),
        (" 50%|█████     | 1.00k/2.00k [00:10<00:10, 100it/s]", "", Bar(1000, 2000)),
        ("123it [00:10, 10.0it/s]", "", Bar(123, 0)),
        ("a 10%|█| 1/10 [00:01<00:09, 1.00it/s]{'loss': 2.5}", "a  {'loss': 2.5}", Bar(1, 10)),
        ("10%|█| 1/10 [00:01<00:09]20%|██| 2/10 [00:02<00:08]", "", Bar(2, 10)),
        (
            "10%|█| 1/10 [00:01<00:09, 1.00it/s, loss=2.31]",
            "10%|█| 1/10 [00:01<00:09, 1.00it/s, loss=2.31]",
            Bar(1, 10),
        ),
        ("acc 10%| [3]", "acc 10%| [3]", None),
    ],
)
def test_bars_are_taken_out_of_a_line(line: str, left: str, found: Bar | None) -> None:
    drawing = drawing_of(line)
    assert (without_bars(line).strip(), drawing and drawing.bar) == (left, found)


def test_numbers_among_rows_are_no_losses(read: Callable[[str], Trace]) -> None:
    trace = read('[{"step": 1, "loss": 3.0}, 7, {"step": 2, "loss": 2.0}]')
    assert values(trace, "loss") == {1: 3.0, 2: 2.0}
    assert values(read("[1,  2000] loss: 2.5\n[1,  4000] loss: 2.25\n"), "loss") == {1: 2.5, 2: 2.25}
    assert values(read("[2.5, NaN,\n -Infinity, 1e3"), "loss").keys() == {1, 2, 3}  # the last may be cut
    many = [2 + 1 / step for step in range(1, 20_001)]  # more than is read at once
    assert list(values(read(json.dumps(many)), "loss").values()) == many


def test_how_far_a_console_is_in_brackets_is_no_list_of_json(read: Callable[[str], Trace]) -> None:
    lines = [
        f"[{at}/5][{50 * half}/100]\tLoss_D: {0.1 * at:.4f}\tLoss_G: {at + half}.5"
        for at in range(5)
        for half in (0, 1)
    ]
    trace = read("\n".join(lines) + "\n")
    assert trace.series("Loss_G").value.tolist() == [at + half + 0.5 for at in range(5) for half in (0, 1)]
    assert len(read("[1, 2, 3]\n").signals) == 1  # a list of losses


def test_steps_in_brackets_are_steps_unless_they_begin_anew(read: Callable[[str], Trace]) -> None:
    once = "".join(f"[{10 * at}/90] Loss_G: {at}.5 Loss_D: 0.1\n" for at in range(9))
    assert read(once).series("Loss_G").step.tolist() == [10 * at for at in range(9)]
    each = "".join(f"[{at}/3] Loss_G: {at}.5\n" for at in range(3)) * 3
    assert len(read(each).series("Loss_G").step) == 9


def torchtitan(colours: bool) -> str:
    """As torchtitan 0.3.0 prints (components/metrics.py): the same names in training and validation, in colours."""
    said = "[titan] 2026-05-01 12:00:00,123 - root - INFO - "
    red, green, reset = ("\x1b[31m", "\x1b[32m", "\x1b[39m") if colours else ("", "", "")
    lines = [f"{said}Starting job: debug training", f"{said}CUDA capacity: H100 with 95.04GiB memory"]
    for step in STEPS:
        memory = "memory: 24.01GiB(25.29%)"
        lines.append(
            f"{said}{red}step: {step:2}  {green}loss: {loss(step):8.5f}  grad_norm: {1.5:7.4f}  {memory}  tps: 12,346  "
            f"tflops: 123.46  mfu: 39.10%{reset}"
        )
        if step % 20 == 0:
            lines.append(
                f"{said}{red}validate step: {step:2}  {green}loss: {10 + loss(step):7.4f}  {memory}  tps: 12,346{reset}"
            )
    return "\n".join(lines)


def litgpt() -> str:
    """As litgpt 0.5.13 prints (finetune/lora.py): the last validation loss stands in each line behind it."""
    lines, val = ["Seed set to 1337", "Number of trainable parameters: 1,234,567", "Verifying settings ..."], "n/a"
    for step in STEPS:
        lines.append(
            f"Epoch 1 | iter {step} step {step // 4} | loss train: {loss(step):.3f}, val: {val} | iter time: 123.46 ms"
        )
        if step % 20 == 0:
            val = f"{10 + loss(step):.3f}"
            lines += ["Validating ...", f"iter {step}: val loss {10 + loss(step):.4f}, val time: 1234.50 ms"]
    return "\n".join(lines)


@pytest.mark.parametrize("log", [torchtitan(colours=True), torchtitan(colours=False), litgpt()])
def test_validation_is_kept_apart_from_training(log: str, read: Callable[[str], Trace]) -> None:
    trace = read(log)
    assert values(trace, "loss") == pytest.approx({step: loss(step) for step in EVERY}, abs=6e-4)
    assert values(trace, "validation_loss") == pytest.approx({step: 10 + loss(step) for step in TWICE}, abs=6e-4)


FASTAI = """epoch     train_loss  valid_loss  accuracy  time    
0         2.302585    2.250000    0.125000  00:05     
1         1.802585    1.950000    0.250000  00:05     
2         1.402585    1.750000    0.375000  1:00:05   
"""  # noqa: W291 - as fastprogress 1.1.6 prints it (ConsoleMasterBar.write)


def test_a_table_of_fastai_is_by_epoch(read: Callable[[str], Trace]) -> None:
    trace = read(FASTAI)
    assert trace.axis == "epoch"
    assert values(trace, "loss") == {0: 2.302585, 1: 1.802585, 2: 1.402585}
    assert values(trace, "validation_loss") == {0: 2.25, 1: 1.95, 2: 1.75}
    assert values(trace, "validation_accuracy") == {0: 0.125, 1: 0.25, 2: 0.375}
    others = read(FASTAI.replace("time", "note"))  # anyone's columns: of which data the accuracy is, is unknown
    assert values(others, "accuracy") == {0: 0.125, 1: 0.25, 2: 0.375}


def megatron() -> str:
    """As Megatron-LM prints (megatron/training/training.py): a validation's loss is called "lm loss value"."""
    lines, rule = ["  clip_grad ....................................... 1.0"], "-" * 100
    for step in STEPS:
        cells = [
            f" [2026-05-01 12:00:00] iteration {step:8d}/  500000", f"consumed samples: {256 * step:12d}",
            "elapsed time per iteration (ms): 1234.5", "learning rate: 1.000000E-05", "global batch size:   256",
            f"lm loss: {loss(step):.6E}", "loss scale: 1.0", "grad norm: 1.500", "number of skipped iterations:   0",
        ]  # fmt: skip
        lines.append(" | ".join(cells) + " |")
        if step % 20 == 0:
            said = f" validation loss at iteration {step} | lm loss value: {10 + loss(step):.6E} | lm loss PPL: 9E5 | "
            lines += [rule, said, rule]
    return "\n".join(lines)


def torchtune() -> str:
    """As torchtune's recipes draw their bar: the epoch, the step and the loss are its description."""
    lines = ["batch_size: 2", "clip_grad_norm: 1.0"]
    for step in STEPS:
        drawn = bar(step, len(STEPS)).lstrip("\r")
        lines.append(f"\r{drawn}\r1|{step}|Loss: {loss(step)}: {drawn}")
    return "\n".join(lines)


def lightgbm() -> str:
    names = "training's binary_logloss", "valid_1's binary_logloss"
    rows = (f"[{at}]\t{names[0]}: {loss(at)}\t{names[1]}: {10 + loss(at):.4f}" for at in STEPS)
    return "\n".join(["[LightGBM] [Info] Total Bins 5000", *rows])


def xgboost() -> str:
    return "\n".join(f"[{at}]\ttrain-logloss:{loss(at)}\teval-logloss:{10 + loss(at):.4f}" for at in STEPS)


@pytest.mark.parametrize(
    ("log", "evaluated"), [(megatron(), TWICE), (torchtune(), []), (lightgbm(), EVERY), (xgboost(), EVERY)]
)
def test_losses_are_found_by_what_their_trainers_call_them(
    log: str, evaluated: list[int], read: Callable[[str], Trace]
) -> None:
    trace = read(log)
    assert list(values(trace, "loss").values()) == pytest.approx([loss(step) for step in EVERY], abs=1e-4)
    found = list(values(trace, "validation_loss").values()) if evaluated else []
    assert found == pytest.approx([10 + loss(step) for step in evaluated], abs=1e-4)


SPACY = """\u2139 Saving to output directory: out
\u2139 Using CPU

=========================== Initializing pipeline ===========================
✔ Initialized pipeline

============================= Training pipeline =============================
\u2139 Pipeline: ['tok2vec', 'ner']
\u2139 Initial learn rate: 0.001
E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE 
---  ------  ------------  --------  ------  ------  ------  ------
"""  # noqa: W291 - as spaCy 3.7 prints it


def test_a_table_of_spacy_has_names_of_two_words(read: Callable[[str], Trace]) -> None:
    rows = (f"{at // 10:3d}  {at * 200:6d}  {at:12.2f}  {80 - at:8.2f}   60.00   61.00   62.00    0.60" for at in STEPS)
    trace = read(SPACY + "\n".join(rows))
    assert values(trace, "LOSS TOK2VEC") == {200 * at: at for at in STEPS}
    assert values(trace, "LOSS NER") == {200 * at: 80 - at for at in STEPS}
    assert set(values(trace, "ENTS_R").values()) == {62.0}
    assert trace.epochs is not None
