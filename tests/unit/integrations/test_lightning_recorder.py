"""`newllm.lightning.Recorder` on real short trainings of a CNN, some with a fault planted."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("lightning", reason="needs newllm[lightning]; .ci/slow runs these in an environment that has it")

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from tests.unit.integrations.resumed import assert_goes_on

import newllm
import newllm.lightning
from newllm.errors import UserError
from newllm.integrations.lightning.metrics import evaluation_of
from newllm.recorder import recorder as core
from newllm.trace import read_trace

pytestmark = pytest.mark.filterwarnings("ignore")  # what Lightning says of itself
OF_TIME = {"step_seconds", "ledger_share"}
_CHANCE = torch.Generator().manual_seed(1)
X = torch.randn(160, 1, 6, 6, generator=_CHANCE)
Y = (X.mean((1, 2, 3)) > 0).long() + 2 * (X[:, 0, 0, 0] > 0).long()


class CNN(L.LightningModule):
    """A classifier of four classes, as Lightning's users write one."""

    rate = 1e-2

    def __init__(self) -> None:
        super().__init__()
        body = [nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1)]
        self.net = nn.Sequential(*body, nn.Linear(96, 4))
        self.losses: list[float] = []
        self.norms: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:  # noqa: ARG002
        with torch.no_grad():
            self.net(batch[0])  # as a teacher's pass in training mode: no evaluation
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.losses.append(loss.item())
        self.log("train_loss", loss)
        return {"loss": loss}

    def on_before_optimizer_step(self, optimizer: Any) -> None:  # noqa: ARG002
        self.norms.append(math.hypot(*(float(one.grad.norm()) for one in self.parameters() if one.grad is not None)))

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        out = self.net(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(out, batch[1]))
        self.log("val_acc", (out.argmax(1) == batch[1]).float().mean())
        self.log("val_f1", 0.5)

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), self.rate)


def loader(first: int, last: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(X[first:last], Y[first:last]), 8, shuffle=first == 0)


def fit(
    out: Path,
    *callbacks: Any,
    kind: type[Any] = CNN,
    ckpt_path: Path | None = None,
    package: Any = L,
    **more: Any,
) -> Any:
    package.seed_everything(0, verbose=False)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    often = {"check_val_every_n_epoch": None, "val_check_interval": 8}
    settings = {"max_steps": 24, "accelerator": "cpu", "enable_checkpointing": False} | quiet | often | more
    module = kind()
    trainer = package.Trainer(callbacks=list(callbacks), default_root_dir=out, **settings)
    trainer.fit(module, loader(0, 128), loader(128, 160), ckpt_path=ckpt_path)
    return module


def recorded(path: Path) -> dict[str, dict[int, float]]:
    path = path if path.suffix else path / "trace.jsonl"
    found = read_trace(path).signals
    return {name: dict(zip(s.step.tolist(), s.value.tolist(), strict=True)) for name, s in found.items()}


def comparable(path: Path) -> dict[str, dict[int, str]]:
    return {name: {at: str(v) for at, v in one.items()} for name, one in recorded(path).items() if name not in OF_TIME}


def said(run: Path) -> list[str]:
    return json.loads((run / "recording.json").read_text())["left_out"]


def kinds(run: Path) -> dict[str, Any]:
    return {finding.kind: finding for finding in newllm.doctor(run, against=()).findings}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"accumulate_grad_batches": 4, "gradient_clip_val": 0.1},
        {"precision": "bf16-mixed"},
        {"gradient_clip_val": 0.05, "gradient_clip_algorithm": "value"},
    ],
)
def test_loss_and_norm_are_those_of_each_update_and_the_weights_the_same(tmp_path: Path, more: dict[str, Any]) -> None:
    alone = fit(tmp_path, **more)
    watched = fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run", every=5), **more)
    signals, count = recorded(tmp_path / "run"), more.get("accumulate_grad_batches", 1)
    losses = [sum(watched.losses[at : at + count]) / count for at in range(0, 24 * count, count)]
    assert list(signals["loss"].values()) == pytest.approx(losses, rel=1e-6)
    assert list(signals["gradient_norm"].values()) == pytest.approx(watched.norms, rel=1e-5)
    assert signals.get("backwards") == (dict.fromkeys(range(1, 25), count) if count > 1 else None)
    assert ("gradient_norm_clipped" in signals) is ("gradient_clip_val" in more)
    if count > 1:
        assert max(signals["gradient_norm_clipped"].values()) == pytest.approx(0.1, rel=1e-4)
    assert not {"update_skipped", "gradient_carried", "evaluation_in_training_mode"} & signals.keys()
    assert all(torch.equal(value, watched.state_dict()[name]) for name, value in alone.state_dict().items())
    assert not any(module._forward_hooks for module in watched.modules())
    assert signals["validation_loss"].keys() == signals["validation_accuracy"].keys() == signals["val_f1"].keys()
    assert 0 not in signals["validation_loss"]  # the sanity check
    assert {"log_z", "activation_rms/0", "weight_norm/5"} <= signals.keys()
    assert said(tmp_path / "run") == []


def test_the_older_package_takes_it_too(tmp_path: Path) -> None:
    older = pytest.importorskip("pytorch_lightning")

    class Line(older.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(36, 4)

        def training_step(self, batch: Any, batch_idx: int) -> Any:  # noqa: ARG002
            return nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1])

        def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
            self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=Line, package=older)
    signals = recorded(tmp_path / "run")
    assert list(signals["loss"]) == list(range(1, 25))
    assert list(signals["validation_loss"]) == [8, 16, 24]


class Broken(CNN):
    """Has a loss that is not finite at one update, and leaves another batch out."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        found = super().training_step(batch, batch_idx)
        if self.global_step == 5:
            return None
        return found["loss"] * (math.nan if self.global_step == 15 else 1.0)


def test_a_loss_that_is_not_finite_and_a_batch_that_is_left_out(tmp_path: Path) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=Broken)
    signals = recorded(tmp_path / "run")
    assert [step for step in range(1, 25) if step not in signals["loss"]] == [6]
    assert signals["update_skipped"] == {6: 1.0}
    assert kinds(tmp_path / "run")["not-finite"].first_step == 16


class Apart(CNN):
    """Half of its loss are distances between the images of a batch, those between an image and itself among them."""

    least = 0.0

    def training_step(self, batch: Any, batch_idx: int) -> Any:  # noqa: ARG002
        found = self.net[:4](batch[0])
        apart = (found[:, None] - found[None]).square().sum(-1).clamp(min=self.least).sqrt()
        return nn.functional.cross_entropy(self.net[4:](found), batch[1]) + apart.mean()


class MoreThanNothingApart(Apart):
    least = 1e-8


@pytest.mark.parametrize("kind", [Apart, MoreThanNothingApart])
def test_where_a_gradient_that_is_not_finite_begins_is_said(tmp_path: Path, kind: type[Apart]) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=kind)
    found = kinds(tmp_path / "run").get("not-finite")
    assert (found is not None) is (kind is Apart)
    if found:
        assert "at step 1 the gradient of 0 (Conv2d), 1 (BatchNorm2d) is not finite and that of 5 (Linear)" in str(
            found.sentence
        )
        assert "the layers that sqrt leads to" in str(found.causes[0].reason)


class Jumps(CNN):
    """A hundred times the learning rate for three steps."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), self.rate)
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 100.0 if 60 <= step < 63 else 1.0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}


def test_a_learning_rate_a_hundred_times_too_large_for_three_steps_is_found_and_the_cause(tmp_path: Path) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=Jumps, max_steps=120)
    found = kinds(tmp_path / "run")
    assert found["learning-rate-jump"].first_step == 61
    assert found["spike"].causes[0].name == "learning-rate"


class NeverClears(CNN):
    """Forgets to clear the gradient."""

    def optimizer_zero_grad(self, *_: Any) -> None:
        """Do nothing."""


def test_a_gradient_that_nobody_clears_is_found(tmp_path: Path) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=NeverClears)
    assert kinds(tmp_path / "run")["gradient-carried"].severity == "fault"


def test_a_sound_training_is_no_alarm(tmp_path: Path) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), max_steps=60)
    assert [one.kind for one in kinds(tmp_path / "run").values() if one.severity != "note"] == []


class Configured(CNN):
    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({"depth": 2, "kernel": [3, 3], "way": Path("x")})


def test_settings_that_were_saved_are_kept(tmp_path: Path) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=Configured, max_steps=2)
    about = json.loads((tmp_path / "run" / "recording.json").read_text())
    kept = about["config"]
    assert (kept["depth"], kept["kernel"], kept["way"]) == (2, [3, 3], "x")
    assert about["optimizer_settings"]["learning_rate"] == CNN.rate


def test_a_smaller_last_group_of_an_epoch_is_said(tmp_path: Path) -> None:
    module = fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), accumulate_grad_batches=3)
    signals = recorded(tmp_path / "run")
    assert signals["loss"][6] == pytest.approx(module.losses[15])  # 16 batches: five groups of three, and one
    assert said(tmp_path / "run")[0].startswith("the last update of an epoch is made of 1 batches instead of 3, and")


class Ends(L.Callback):
    """Ends the training as an error does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if trainer.global_step == self.at:
            raise ZeroDivisionError


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("torn", [False, True])
def test_the_recording_of_a_resumed_training_is_that_of_the_uninterrupted_one(
    tmp_path: Path, accumulate: int, torn: bool
) -> None:
    class Fixed(CNN):
        """Without dropout: Lightning saves no state of random numbers."""

        def __init__(self) -> None:
            super().__init__()
            self.net[4] = nn.Dropout(0.0)

        def train_dataloader(self) -> Any:
            return DataLoader(TensorDataset(X[:128], Y[:128]), 8)

        def val_dataloader(self) -> Any:
            return DataLoader(TensorDataset(X[128:], Y[128:]), 8)

    def go(run: Path, *callbacks: Any, ckpt_path: Any = None) -> None:
        L.seed_everything(0, verbose=False)
        kept = ModelCheckpoint(tmp_path / "kept", every_n_train_steps=8, save_top_k=-1, filename="{step}")
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
        trainer = L.Trainer(
            callbacks=[newllm.lightning.Recorder(out=run), kept, *callbacks],
            max_steps=40,
            check_val_every_n_epoch=1,
            accumulate_grad_batches=accumulate,
            **quiet,  # type: ignore[arg-type]
        )
        trainer.fit(Fixed(), ckpt_path=ckpt_path)

    go(tmp_path / "whole")
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    run = tmp_path / "run"
    with pytest.raises(ZeroDivisionError):
        go(run, Ends(21))
    assert list(recorded(run)["loss"]) == list(range(1, 22))
    assert json.loads((run / "recording.json").read_text())["ended"] is True
    if torn:
        (run / "trace.jsonl").write_bytes((run / "trace.jsonl").read_bytes()[:-30])
    go(run, ckpt_path=tmp_path / "kept" / "step=16.ckpt")
    assert list(recorded(run)["loss"]) == list(range(1, 41))
    assert_goes_on(comparable(run), comparable(tmp_path / "whole"), last=16)
    assert list(recorded(run / "set-aside" / "after-step-16.jsonl")["loss"]) == list(range(17, 21 if torn else 22))


def test_a_training_that_begins_anew_there_is_one_line_before_the_first_step(tmp_path: Path) -> None:
    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), max_steps=3)
    with pytest.raises(UserError, match=r"^'.*run' holds a recording already \(.*\): choose another directory$"):
        fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), max_steps=3)
    assert list(recorded(tmp_path / "run")["loss"]) == [1, 2, 3]


def test_a_second_fit_of_the_same_trainer_goes_on(tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    callback, kept = newllm.lightning.Recorder(out=tmp_path / "run"), ModelCheckpoint(tmp_path, filename="kept")
    trainer = L.Trainer(callbacks=[callback, kept], max_steps=16, accelerator="cpu", **quiet)
    trainer.fit(CNN(), loader(0, 128), loader(128, 160))
    trainer = L.Trainer(callbacks=[callback], max_steps=24, accelerator="cpu", enable_checkpointing=False, **quiet)
    trainer.fit(CNN(), loader(0, 128), loader(128, 160), ckpt_path=tmp_path / "kept.ckpt")
    trainer.fit_loop.epoch_loop.max_steps = 30
    trainer.fit(trainer.lightning_module, loader(0, 128), loader(128, 160))
    assert list(recorded(tmp_path / "run")["loss"]) == list(range(1, 31))
    assert not (tmp_path / "run" / "set-aside").exists()


def test_what_fails_in_the_recorder_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = fit(tmp_path, max_steps=10)

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by nothing")

    for number, name in enumerate(("step", "metrics", "validation")):
        run = tmp_path / f"run-{number}"
        with monkeypatch.context() as patched:
            patched.setattr(core.Recorder, name, fails)
            watched = fit(tmp_path, newllm.lightning.Recorder(out=run), max_steps=10)
        assert all(torch.equal(value, watched.state_dict()[key]) for key, value in alone.state_dict().items())
        assert "ZeroDivisionError: by nothing" in said(run)[0]


class GAN(L.LightningModule):
    """Two optimizers, stepped by hand: the second twice a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.maker, self.judge = nn.Linear(4, 36), nn.Linear(36, 1)
        self.losses: dict[str, list[float]] = {"maker": [], "judge": []}

    def training_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        of_maker, of_judge = self.optimizers()  # type: ignore[misc]
        real = batch[0].flatten(1)
        for name, optimizer in (("maker", of_maker), ("judge", of_judge), ("judge", of_judge)):
            made = self.maker(torch.randn(len(real), 4))
            optimizer.zero_grad()
            if name == "maker":
                losses = [nn.functional.softplus(-self.judge(made)).mean()]
            else:
                losses = [nn.functional.softplus(self.judge(made.detach())).mean()]
                losses.append(nn.functional.softplus(-self.judge(real)).mean())
            for loss in losses:
                self.manual_backward(loss)
            optimizer.step()
            self.losses[name].append(sum(loss.item() for loss in losses))
            self.log(f"{name}_loss", self.losses[name][-1])

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(one.parameters(), 0.05) for one in (self.maker, self.judge)], []


def test_each_of_several_optimizers_has_a_recording(tmp_path: Path) -> None:
    module = fit(
        tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=GAN, max_steps=30, val_check_interval=None
    )
    for number, name in enumerate(("maker", "judge")):
        signals = recorded(tmp_path / "run" / f"optimizer-{number}")
        assert list(signals["loss"].values()) == pytest.approx(module.losses[name], rel=1e-6)
        assert list(signals["loss"]) == list(range(1, (10, 20)[number] + 1))
        assert "judge_loss" in signals
        layers = json.loads((tmp_path / "run" / f"optimizer-{number}" / "recording.json").read_text())["layers"]
        assert [layer["trained"] for layer in layers] == [number == 0, number == 1]


@pytest.mark.parametrize(
    ("names", "monitored", "expected"),
    [
        (["val_loss", "val_acc"], [None], ("val_loss", "val_acc", False)),
        (["val_loss", "val/total_loss"], ["val/total_loss"], ("val/total_loss", "", False)),
        (["valid_loss_epoch", "val_loss"], ["val_f1"], ("val_loss", "", True)),
        (["val_f1"], ["val_f1"], ("", "", False)),
        (["val_loss"], [["val_loss", "val_f1"], 3], ("val_loss", "", False)),
        (["val_loss/dataloader_idx_0", "val_loss/dataloader_idx_1"], [], ("val_loss/dataloader_idx_0", "", True)),
    ],
)
def test_which_loss_of_a_validation_is_judged(names: list[str], monitored: Any, expected: Any) -> None:
    found = evaluation_of({name: float(at) for at, name in enumerate(names)}, monitored)
    assert (found.loss, found.accuracy, found.is_guess) == expected
    assert not evaluation_of(dict.fromkeys(names, 1.0), monitored).is_guess, "one number under several names"


def test_what_is_guessed_of_a_validation_is_said(tmp_path: Path) -> None:
    class Other(CNN):
        """Logs no loss of its validation."""

        def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
            self.log("val_score", self.net(batch[0]).mean())

    fit(tmp_path, newllm.lightning.Recorder(out=tmp_path / "run"), kind=Other)
    assert said(tmp_path / "run")[0].startswith(
        "none of the values that validation logs (val_score) is known to be its loss"
    )
    assert list(recorded(tmp_path / "run")["val_score"]) == [8, 16, 24]


def test_the_loss_that_is_monitored_is_judged_whatever_others_are_called(tmp_path: Path) -> None:
    class Two(CNN):
        """Logs two losses of its validation: one that nobody monitors has the name that the judged one has here."""

        def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
            self.log("validation_loss", 7.0)
            self.log("val_ce_loss", 1.5)

    kept = ModelCheckpoint(tmp_path, monitor="val_ce_loss")
    fit(tmp_path, kept, newllm.lightning.Recorder(out=tmp_path / "run"), kind=Two, enable_checkpointing=True)
    assert recorded(tmp_path / "run")["validation_loss"] == dict.fromkeys([8, 16, 24], 1.5)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_lowest_accuracy_is_kept(tmp_path: Path, mode: Any) -> None:
    class Plateau(CNN):
        """Lowers its rate where the accuracy does not fall, or rise."""

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), self.rate)
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode, patience=9)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_acc"}}

    callbacks = [ModelCheckpoint(tmp_path, monitor="val_acc", mode=mode), EarlyStopping("val_loss", mode="min")]
    run = tmp_path / "run"
    more = {"check_val_every_n_epoch": 1, "val_check_interval": 1.0, "max_epochs": 3, "max_steps": -1}
    fit(tmp_path, *callbacks, newllm.lightning.Recorder(out=run), kind=Plateau, enable_checkpointing=True, **more)
    listed = json.loads((run / "recording.json").read_text())["framework"]["selections"]
    of_accuracy = {"metric": "val_acc", "signal": "validation_accuracy", "higher": mode == "max"}
    assert {one.pop("by") for one in listed if one["metric"] == "val_acc"} == {"ModelCheckpoint", "ReduceLROnPlateau"}
    assert [one for one in listed if "by" not in one] == [of_accuracy] * 2
    found = [one.kind for one in newllm.doctor(run, against=()).findings]
    assert ("reversed-metric" in found) is (mode == "min")
