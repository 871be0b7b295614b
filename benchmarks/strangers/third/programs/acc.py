"""Accelerate: loops that were changed in five lines, as its documentation asks; a language model, images, denoising."""

import copy
import math

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from common import digits, english, start
from images import build as build_images
from language import BLOCK, Gpt
from styles import style
from torch.utils.data import DataLoader, TensorDataset


def language_data(run):
    """Windows of text."""
    text = english(120_000)
    letters = sorted(set(text))
    table = {c: i for i, c in enumerate(letters)}
    ids = torch.tensor([table[c] for c in text])
    draw = torch.Generator().manual_seed(run.seed)
    cut = int(len(ids) * 0.9)
    few = run.get("rows", 2400)
    span = min(cut, run.get("span", cut)) - BLOCK - 1
    at = torch.randint(0, span, (few,), generator=draw)
    rows = torch.stack([ids[a : a + BLOCK + 1] for a in at])
    at = torch.randint(cut, len(ids) - BLOCK - 1, (64,), generator=draw)
    held = torch.stack([ids[a : a + BLOCK + 1] for a in at])
    if run.has("sorted-by-length-of-words"):
        rows = rows[rows.float().mean(1).argsort()]
    if run.has("tokens-damaged-from-a-row"):
        half = len(rows) // 2
        rows[half:] = rows[half:][:, torch.randperm(BLOCK + 1, generator=draw)]
    return Gpt(run, len(letters)), TensorDataset(rows), TensorDataset(held)


def image_data(run):
    """Digits."""
    x, y, vx, vy = digits()
    x, vx = (x - 4.9) / 6, (vx - 4.9) / 6
    if run.has("training-labels-shifted-in-a-part"):
        y[500:900] = (y[500:900] + 1) % 10
    return build_images(run), TensorDataset(x, y), TensorDataset(vx, vy)


def loss_of(run, model, batch):
    """Loss and right answers."""
    if run.get("task", "language") == "language":
        rows = batch[0]
        out = model(rows[:, :-1])
        goal = rows[:, 1:]
        return F.cross_entropy(out.flatten(0, 1), goal.flatten()), (out.argmax(-1) == goal).sum(), goal.numel()
    x, y = batch
    out = model(x)
    loss = F.multi_margin_loss(out, y) if run.get("margin", 0) else F.cross_entropy(out, y)
    return loss, (out.argmax(-1) == y).sum(), len(y)


def main():
    """The loop."""
    run = start()
    parts = run.get("accumulate", 1)
    accelerator = Accelerator(
        cpu=True, gradient_accumulation_steps=parts, mixed_precision="bf16" if run.get("bf16", 0) else "no",
        step_scheduler_with_optimizer=False,
    )  # fmt: skip
    model, training, validation = (language_data if run.get("task", "language") == "language" else image_data)(run)
    epochs, batch = run.get("epochs", 2), run.get("batch", 16)
    loader = DataLoader(training, batch, shuffle=not run.has("sorted-by-length-of-words"), drop_last=True)
    held = DataLoader(validation, 64)
    updates = epochs * len(loader) // parts
    rate = run.get("lr", 2e-3) * (50 if run.has("rate-too-high") else 1)
    if run.has("rate-scaled-by-processes"):  # times the number of GPUs and of parts, without a warm-up
        rate *= 16
    if run.get("opt", "adam") == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    warm = run.get("warmup", 15)

    def factor(step):
        if step < warm:
            return (step + 1) / warm
        if run.get("schedule", "cosine") == "constant":
            return 1.0
        if run.get("schedule", "cosine") == "linear":
            return max(0.0, (updates - step) / max(1, updates - warm))
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, updates - warm)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    if run.has("prepares-a-copy"):  # the optimizer knows the model that is not trained
        accelerator.prepare(model)
        model = copy.deepcopy(model)
        model, loader, held = accelerator.prepare(model, loader, held)
    else:
        model, optimizer, loader, held = accelerator.prepare(model, optimizer, loader, held)
    log, step, micro, sums = style(run, updates, len(loader) // parts), 0, 0, []
    early = teacher = None
    if run.get("pull", 0):
        teacher = copy.deepcopy(accelerator.unwrap_model(model))
    bare = getattr(optimizer, "optimizer", optimizer)
    with run.recorder(accelerator.unwrap_model(model), bare) as recorder:
        for epoch in range(epochs):
            for batch_rows in loader:
                micro += 1
                with accelerator.accumulate(model):
                    loss, _, _ = loss_of(run, model, batch_rows)
                    if run.has("stops-at-a-not-a-number") and micro > 60:  # a loss that is skipped is never seen again
                        loss = loss * 0.0
                    if run.get("pull", 0):
                        pull = sum((a - b).square().sum() for a, b in zip(
                            model.parameters(), teacher.parameters(), strict=True))  # fmt: skip
                        loss = loss + (50.0 if run.has("pulled-back-too-hard") else 1e-3) * pull
                    accelerator.backward(loss)
                    sums.append(float(loss.detach()))
                    norm = None
                    if accelerator.sync_gradients:
                        limit = 1e-3 if run.has("clip-too-tight") else 1.0
                        norm = float(accelerator.clip_grad_norm_(model.parameters(), limit))
                    optimizer.step()
                    if run.has("schedule-by-micro-batch"):
                        scheduler.step()
                    if not run.has("gradients-not-cleared"):
                        optimizer.zero_grad()
                if accelerator.sync_gradients:
                    recorder.step(torch.tensor(sum(sums) / len(sums)))
                    shown = sums[-1] if run.has("one-micro-batch-shown") else sum(sums) / len(sums)
                    if step % run.get("every", 5) == 0:
                        log.step(step, epoch, train_loss=shown, lr=bare.param_groups[0]["lr"], grad_norm=norm) if (
                            run.get("style", "") in ("jsonl", "csv", "logging", "dict", "tqdm")
                        ) else log.step(step, epoch, loss=shown, lr=bare.param_groups[0]["lr"])
                    sums, step = [], step + 1
                    if not run.has("schedule-by-micro-batch"):
                        scheduler.step()
                    if step == run.get("resume_at", -1):
                        accelerator.save_state(str(run.out / "ckpt"))
                        accelerator.load_state(str(run.out / "ckpt"))
                        log.say("Resumed from checkpoint: ckpt")
                        if run.has("resumes-schedule-anew"):
                            scheduler.last_epoch = -1
                            scheduler.step()
                        if run.has("resumes-old-weights"):
                            accelerator.unwrap_model(model).load_state_dict(early)
                    if step == 8:
                        early = copy.deepcopy(accelerator.unwrap_model(model).state_dict())
                    if step % run.get("evals", 30) == 0:
                        model.eval()
                        total, right, count = 0.0, 0, 0
                        with torch.no_grad():
                            for rows in held:
                                value, good, number = loss_of(run, model, rows)
                                total, right, count = total + float(value) * number, right + int(good), count + number
                        model.train()
                        recorder.validation(total / count, correct=right, count=count)
                        numbers = {"val_loss": total / count}
                        if run.get("task", "language") != "language":
                            numbers["val_acc"] = right / count
                        log.evaluation(step - 1, epoch, **numbers)
    import shutil

    shutil.rmtree(run.out / "ckpt", ignore_errors=True)


if __name__ == "__main__":
    main()
