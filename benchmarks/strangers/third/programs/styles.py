"""How people print: each style takes the numbers of a step or of an evaluation and writes lines."""

import csv
import json
import logging
import sys
import time


class Style:
    """Base: `step(step, epoch, **numbers)` and `evaluation(step, epoch, **numbers)`; `total` is the planned updates."""

    def __init__(self, run, total, per_epoch=0):
        self.run, self.total, self.per_epoch = run, total, per_epoch
        self.epochs = max(1, total // per_epoch) if per_epoch else 0
        self.last = self.begin = time.time()
        self.prepare()

    def prepare(self):
        """What is done once."""

    def milliseconds(self):
        """Time since the last line."""
        now = time.time()
        taken, self.last = (now - self.last) * 1000, now
        return taken

    def step(self, step, epoch=0, **n):
        """A line of training."""
        raise NotImplementedError

    def evaluation(self, step, epoch=0, **n):
        """A line of evaluation."""
        self.step(step, epoch, **n)

    def say(self, text):
        """Anything else that is said."""
        print(text, flush=True)


def short(value, digits=4):
    """A number as most scripts show it."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.{digits}f}"


class Iter(Style):
    """As in nanoGPT."""

    def step(self, step, epoch=0, **n):
        rest = "".join(f", {k} {short(v)}" for k, v in n.items() if k not in ("loss", "lr"))
        print(f"iter {step}: loss {n['loss']:.4f}, time {self.milliseconds():.2f}ms{rest}", flush=True)

    def evaluation(self, step, epoch=0, **n):
        train = f"train loss {n['train_loss']:.4f}, " if "train_loss" in n else ""
        print(f"step {step}: {train}val loss {n['val_loss']:.4f}", flush=True)


class Pipe(Style):
    """Fields between bars."""

    def step(self, step, epoch=0, **n):
        names = {"grad_norm": "norm", "learning_rate": "lr"}
        parts = [f"step {step:5d}"]
        for key, value in n.items():
            number = f"{value:.4e}" if key in ("lr", "learning_rate") else f"{value:.6f}"
            parts.append(f"{names.get(key, key)}: {number}")
        print(" | ".join([*parts, f"dt: {self.milliseconds():.2f}ms"]), flush=True)

    def evaluation(self, step, epoch=0, **n):
        if "val_loss" in n:
            print(f"validation loss: {n['val_loss']:.4f}", flush=True)
        for key, value in n.items():
            if key != "val_loss":
                print(f"{key}: {short(value)}", flush=True)


class Logging(Style):
    """Python's logging module."""

    def prepare(self):
        logging.basicConfig(
            level=logging.INFO, stream=sys.stdout, format="%(asctime)s - %(levelname)s - %(message)s", force=True
        )

    def step(self, step, epoch=0, **n):
        body = ", ".join(f"{k}: {v:.3e}" if k == "lr" else f"{k}: {short(v)}" for k, v in n.items())
        logging.info("Epoch %d, Step %d/%d, %s", epoch + 1, step + 1, self.total, body)

    def evaluation(self, step, epoch=0, **n):
        body = ", ".join(f"{k.replace('val_', '')}: {short(v)}" for k, v in n.items())
        logging.info("Epoch %d validation: %s", epoch + 1, body)


class Tqdm(Style):
    """A bar for each epoch; numbers after it. What tee keeps of it has carriage returns."""

    bar = None

    def step(self, step, epoch=0, **n):
        from tqdm import tqdm

        if self.bar is None:
            left = min(self.per_epoch or self.total, self.total)
            name = f"Epoch {epoch + 1}/{self.epochs}" if self.per_epoch else "Training"
            self.bar = tqdm(total=left, desc=name, file=sys.stdout, mininterval=0.05, ascii=True)
            self.shown, self.first = 0, epoch * (self.per_epoch or 0)
        self.bar.set_postfix({k: f"{v:.2e}" if k == "lr" else short(v) for k, v in n.items()}, refresh=False)
        self.bar.update(step + 1 - self.first - self.shown)
        self.shown = step + 1 - self.first
        if self.shown >= (self.per_epoch or self.total):
            self.bar.close()
            self.bar = None

    def evaluation(self, step, epoch=0, **n):
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        print(f"Epoch {epoch + 1}: " + ", ".join(f"{k}={short(v)}" for k, v in n.items()), flush=True)


class Csv(Style):
    """One file of comma-separated values; columns that a row has not stay empty."""

    name = "log.csv"
    mark = ","

    def prepare(self):
        self.rows, self.columns = [], ["step", "epoch"]

    def step(self, step, epoch=0, **n):
        self.rows.append({"step": step, "epoch": epoch, **{k: f"{v:.6g}" for k, v in n.items()}})
        self.columns += [k for k in n if k not in self.columns]
        with (self.run.out / self.name).open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns, delimiter=self.mark)
            writer.writeheader()
            writer.writerows(self.rows)

    def say(self, text):
        """A table has no place for it."""


class Tsv(Csv):
    """The same with tabs."""

    name, mark = "log.tsv", "\t"


class Jsonl(Style):
    """One JSON object a line."""

    name = "log.jsonl"

    def step(self, step, epoch=0, **n):
        with (self.run.out / self.name).open("a") as file:
            row = {"step": step, "epoch": epoch, **n, "time": round(time.time() - self.begin, 3)}
            file.write(json.dumps(row) + "\n")

    def say(self, text):
        """No place for it."""


class Keras(Style):
    """Keras' lines: one for each epoch, with the mean of training and the evaluation."""

    def prepare(self):
        self.sums, self.started = {}, time.time()

    def step(self, step, epoch=0, **n):
        for key, value in n.items():
            self.sums.setdefault(key, []).append(value)

    def evaluation(self, step, epoch=0, **n):
        mean = {k: sum(v) / len(v) for k, v in self.sums.items()}
        if "lr" in mean:
            mean["lr"] = self.sums["lr"][-1]
        each = (time.time() - self.started) * 1000 / max(1, self.per_epoch)
        names = " - ".join(f"{k}: {v:.4f}" if abs(v) > 1e-3 else f"{k}: {v:.4e}" for k, v in (mean | n).items())
        print(f"Epoch {epoch + 1}/{self.epochs}")
        print(f"{self.per_epoch}/{self.per_epoch} [{'=' * 30}] - 0s {each:.0f}ms/step - {names}", flush=True)
        self.prepare()


class Table(Style):
    """A table with a head, a row an epoch."""

    head = False

    def prepare(self):
        self.sums = {}

    def step(self, step, epoch=0, **n):
        for key, value in n.items():
            self.sums.setdefault(key, []).append(value)

    def evaluation(self, step, epoch=0, **n):
        row = {f"train_{k}" if k == "loss" else k: sum(v) / len(v) for k, v in self.sums.items()} | n
        if not self.head:
            print("epoch".rjust(6) + "".join(k.rjust(14) for k in row))
            print("-" * (6 + 14 * len(row)))
            self.head = True
        print(str(epoch + 1).rjust(6) + "".join(f"{v:14.5g}" for v in row.values()), flush=True)
        self.prepare()


class Mnist(Style):
    """PyTorch's MNIST example."""

    def step(self, step, epoch=0, **n):
        batch = step % self.per_epoch
        done = 100.0 * batch / self.per_epoch
        seen, all_of = batch * self.run.get("batch", 32), self.per_epoch * self.run.get("batch", 32)
        print(f"Train Epoch: {epoch + 1} [{seen}/{all_of} ({done:.0f}%)]\tLoss: {n['loss']:.6f}", flush=True)

    def evaluation(self, step, epoch=0, **n):
        right = f", Accuracy: {n['correct']}/{n['count']} ({100.0 * n['val_acc']:.0f}%)" if "correct" in n else ""
        print(f"\nTest set: Average loss: {n['val_loss']:.4f}{right}\n", flush=True)


class Dictionary(Style):
    """A printed dictionary."""

    def step(self, step, epoch=0, **n):
        print({"step": step, **{k: round(v, 7) for k, v in n.items()}}, flush=True)


class Megatron(Style):
    """Megatron-LM's long line."""

    def step(self, step, epoch=0, **n):
        batch = self.run.get("batch", 16)
        fields = [
            f" iteration {step + 1:8d}/{self.total:8d}",
            f"consumed samples: {(step + 1) * batch:12d}",
            f"elapsed time per iteration (ms): {self.milliseconds():.1f}",
            f"learning rate: {n.get('lr', 0.0):.6E}",
            f"global batch size: {batch:5d}",
            f"lm loss: {n['loss']:.6E}",
        ]
        fields += [f"{k.replace('_', ' ')}: {v:.3f}" for k, v in n.items() if k not in ("lr", "loss")]
        print(" | ".join(fields) + " |", flush=True)

    def evaluation(self, step, epoch=0, **n):
        print("-" * 80)
        print(f" validation loss at iteration {step + 1} | lm loss value: {n['val_loss']:.6E} |", flush=True)
        print("-" * 80)


class Detectron(Style):
    """Detectron2's line."""

    def step(self, step, epoch=0, **n):
        eta = int((self.total - step) * (time.time() - self.begin) / (step + 1))
        rest = "  ".join(f"{k}: {v:.4g}" for k, v in n.items() if k not in ("loss", "lr"))
        stamp = time.strftime("[%m/%d %H:%M:%S d2.utils.events]:")
        print(
            f"{stamp}  eta: 0:{eta // 60:02d}:{eta % 60:02d}  iter: {step}  total_loss: {n['loss']:.4g}  {rest}"
            f"  lr: {n.get('lr', 0):.5g}  max_mem: 0M",
            flush=True,
        )

    def evaluation(self, step, epoch=0, **n):
        stamp = time.strftime("[%m/%d %H:%M:%S d2.evaluation.testing]:")
        print(f"{stamp} copypaste: " + ",".join(f"{k}={v:.4f}" for k, v in n.items()), flush=True)


class Mmengine(Style):
    """OpenMMLab's line."""

    def step(self, step, epoch=0, **n):
        stamp = time.strftime("%Y/%m/%d %H:%M:%S")
        place = f"[{epoch + 1}][{step % self.per_epoch + 1}/{self.per_epoch}]"
        rest = "  ".join(f"{k}: {short(v)}" for k, v in n.items() if k != "lr")
        print(
            f"{stamp} - mmengine - INFO - Epoch(train) {place}  lr: {n.get('lr', 0):.4e}  eta: 0:00:10  "
            f"time: {self.milliseconds() / 1000:.4f}  data_time: 0.0005  {rest}",
            flush=True,
        )

    def evaluation(self, step, epoch=0, **n):
        stamp = time.strftime("%Y/%m/%d %H:%M:%S")
        rest = "  ".join(f"{k.replace('val_', '')}: {short(v)}" for k, v in n.items())
        print(f"{stamp} - mmengine - INFO - Epoch(val) [{epoch + 1}][12/12]    {rest}  data_time: 0.0003", flush=True)


class Logfmt(Style):
    """Key and value, for machines."""

    def step(self, step, epoch=0, **n):
        body = " ".join(f"{k}={v:.6g}" for k, v in n.items())
        print(f"time={time.strftime('%Y-%m-%dT%H:%M:%SZ')} level=info msg=train step={step} {body}", flush=True)

    def evaluation(self, step, epoch=0, **n):
        body = " ".join(f"{k}={v:.6g}" for k, v in n.items())
        print(f"time={time.strftime('%Y-%m-%dT%H:%M:%SZ')} level=info msg=eval step={step} {body}", flush=True)


class Absl(Style):
    """Google's logging."""

    def step(self, step, epoch=0, **n):
        now = time.time()
        stamp = time.strftime("I%m%d %H:%M:%S") + f".{int(now % 1 * 1e6):06d}"
        body = ", ".join(f"{k}={v:.6g}" for k, v in n.items())
        print(f"{stamp} 140212 train.py:118] [{step}] {body}", flush=True)


class Loguru(Style):
    """Loguru's default."""

    def step(self, step, epoch=0, **n):
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S") + f".{int(now % 1 * 1000):03d}"
        body = " ".join(f"{k} {v:.3g}" if k == "lr" else f"{k} {short(v)}" for k, v in n.items())
        print(f"{stamp} | INFO     | __main__:train:87 - step {step} {body}", flush=True)


class Sentence(Style):
    """A tutorial's line for each epoch."""

    def prepare(self):
        self.sums, self.best = {}, float("inf")

    def step(self, step, epoch=0, **n):
        for key, value in n.items():
            self.sums.setdefault(key, []).append(value)

    def evaluation(self, step, epoch=0, **n):
        mean = {k: sum(v) / len(v) for k, v in self.sums.items()}
        line = f"[{epoch + 1}/{self.epochs}] Train Loss: {mean['loss']:.5f} | "
        line += " | ".join(f"{k.replace('_', ' ').title()}: {v:.5f}" for k, v in n.items())
        print(line, flush=True)
        self.sums = {}


class Blocks(Style):
    """Stable-baselines' boxes."""

    def step(self, step, epoch=0, **n):
        rows = [("time/", None), ("   total_timesteps", step), ("train/", None)]
        rows += [(f"   {k}", v) for k, v in n.items()]
        width = max(len(name) for name, _ in rows) + 1
        print("-" * (width + 16))
        for name, value in rows:
            shown = "" if value is None else (str(value) if isinstance(value, int) else f"{value:.3g}")
            print(f"| {name:<{width}}| {shown:<11}|")
        print("-" * (width + 16), flush=True)


class Episodes(Style):
    """CleanRL's lines."""

    def step(self, step, epoch=0, **n):
        print(f"global_step={step}, " + ", ".join(f"{k}={v:.4g}" for k, v in n.items()), flush=True)


class Ignite(Style):
    """Epoch[1] Iteration[10/44] Loss: ... , as ignite's examples print."""

    def step(self, step, epoch=0, **n):
        body = " ".join(f"{k.capitalize() if k == 'loss' else k}: {v:.4g}" for k, v in n.items())
        print(f"Epoch[{epoch + 1}] Iteration[{step % self.per_epoch + 1}/{self.per_epoch}] {body}", flush=True)

    def evaluation(self, step, epoch=0, **n):
        parts = [f"Avg accuracy: {n['val_acc']:.3f}"] if "val_acc" in n else []
        parts += [f"Avg loss: {n['val_loss']:.3f}"]
        print(f"Validation Results - Epoch: {epoch + 1}  " + " ".join(parts), flush=True)


class Fairseq(Style):
    """Fairseq's JSON lines within a log."""

    def step(self, step, epoch=0, **n):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        numbers = {k: f"{v:.4g}" for k, v in n.items()}
        share = round(step / (self.per_epoch or self.total), 3)
        row = {"epoch": epoch + 1, "update": share, "num_updates": str(step), **numbers}
        print(f"{stamp} | INFO | train_inner | {json.dumps(row)}", flush=True)

    def evaluation(self, step, epoch=0, **n):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        row = {"epoch": epoch + 1, **{k.replace("val_", "valid_"): f"{v:.4g}" for k, v in n.items()}}
        row["valid_num_updates"] = str(step)
        print(f"{stamp} | INFO | valid | {json.dumps(row)}", flush=True)


STYLES = {
    "absl": Absl, "blocks": Blocks, "csv": Csv, "detectron": Detectron, "dict": Dictionary, "episodes": Episodes,
    "fairseq": Fairseq, "ignite": Ignite, "iter": Iter, "jsonl": Jsonl, "keras": Keras, "logfmt": Logfmt,
    "logging": Logging, "loguru": Loguru, "megatron": Megatron, "mmengine": Mmengine, "mnist": Mnist, "pipe": Pipe,
    "sentence": Sentence, "table": Table, "tqdm": Tqdm, "tsv": Tsv,
}  # fmt: skip


def style(run, total, per_epoch=0, default="iter"):
    """The style that the run asks for."""
    return STYLES[run.get("style", default)](run, total, per_epoch)
