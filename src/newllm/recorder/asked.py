"""What a loss asks of a model: its targets and its form, read off the gradient of the logits on sampled steps.

Shapes: N rows of which each has a target (of a language model every position), V classes, T positions of a row.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from newllm.loss_form import FEWEST_CLASSES, NEAR, Targets, activation_between, read_targets, target_entropy
from newllm.recorder.class_weights import weight_by_frequency
from newllm.recorder.graph import last_activation
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.pending import Row
from newllm.recorder.telling_inputs import MOST_PLACES, TellingInputs

_MOST_NUMBERS = 1 << 17  # of logits that are looked at
_MOST_OF_TEXTS = 1 << 25  # likewise, where each number is only held against 0
_FEWEST_ROWS, _MOST_ROWS = 8, 512
_MOST_KNOWN = 500_000
_MOST_CLASSES = 1000
MISTAKES = {
    "softmax-twice": "softmax_twice",
    "log-softmax-missing": "log_softmax_missing",
    "log-missing": "log_missing",
    "over-batch": "softmax_over_batch",
}
ON_LOGITS = {name: f"{name}_on_logits" for name in ("relu", "sigmoid", "tanh", "dropout")}
_OF_LOGITS = ("cross-entropy", "weighted", "smoothed")
_DROPPED = 0.02  # of the logits are exactly 0
_TELLING = 0.05  # of the largest pull
_ALIKE = 0.02  # of a weight: rows that count alike
_LENGTHS = 3  # different ones, of texts that are filled up for certain
_SHORTEST, _FEWEST_SHARED = 4, 8  # places of a text, and targets, of which a share is taken
_FEWEST_WRONG, _FEWEST_ANSWERS = 12, 3  # rows whose answers were wrong, and different answers of these
_TOKENS_ASKED = 0.5  # of the targets are tokens of the text itself
_LEFT_OUT = 0.1  # of the places of texts, without what fills them up
_SHIFTS = {"target_is_input": 0, "target_is_next": 1, "target_is_second": 2}


class TargetWatch:
    """Reads the targets of up to 512 rows of each call, evenly spread.

    Args:
        protect: keeps errors from the training.
        is_resumed: whether updates came before: then nobody knows which targets these had.
    """

    def __init__(self, protect: Protect = unprotected, *, is_resumed: bool = False) -> None:
        self._protect = protect
        self._calls: list[Call] = []
        self._aside: list[Call] = []
        self._classes: set[int] | None = None if is_resumed else set()
        self._known: dict[int, int] | None = None if is_resumed else {}
        """The target of each row that was looked at, by its fingerprint."""
        self._telling = TellingInputs()

    def returned(self, logits: Tensor, inputs: list[Tensor], fingerprints: Tensor | None, axis: int = -1) -> None:
        """The model returned these logits `[..., V]`, or `[B, V, T]`, for an update.

        Args:
            logits: as they were returned.
            inputs: that they were made of.
            fingerprints: of the rows of these.
            axis: of the classes.
        """
        if logits.requires_grad:
            call = Call(logits, inputs, fingerprints, self._protect, axis)
            if self._classes is not None and not self._telling.is_done:
                call.keep_rows(inputs)
            self._calls.append(call)

    def returned_aside(self, output: Tensor) -> None:
        """The model returned this too, of another head: only mistakes of its loss are recorded."""
        self._aside.append(Call(output, [], None, self._protect))

    def put(self, row: Row, *, is_scaled: bool) -> None:
        """Record what was asked at this update.

        Args:
            row: where the signals go.
            is_scaled: whether a scaler multiplied the loss, so that its size is not known.
        """
        calls, aside = self._calls, self._aside
        self.forget()
        if any(call.gradient is not None for call in calls):
            row.put_late(self._protect(lambda: self._read(calls, is_scaled=is_scaled)))
        if any(call.gradient is not None for call in aside):
            row.put_late(self._protect(lambda: _mistakes(aside)))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        for call in self._calls + self._aside:
            call.close()
        self._calls, self._aside = [], []

    def _read(self, calls: "list[Call]", *, is_scaled: bool) -> dict[str, float] | None:
        every = [(call, call.read()) for call in calls if call.gradient is not None]
        smoothed = [call for call, read in every if read is None or read.form == "smoothed"]
        known = [(entropy, math.log(call.classes)) for call in smoothed if (entropy := call.entropy()) is not None]
        floor: dict[str, float] = {}
        if known:
            floor["target_entropy"], floor["entropy_of_guess"] = max(known)
        between = (call.on_logits(read) for call, read in every)
        signals = floor | {ON_LOGITS[name]: 1.0 for name in between if name is not None}
        found = [(call, read) for call, read in every if read is not None]
        if not found:
            return signals or None
        forms = {read.form for _, read in found}
        signals |= {MISTAKES[form]: 1.0 for form in forms if form in MISTAKES}
        signals["cross_entropy"] = float(forms <= {"cross-entropy", "log-probabilities"})
        signals["targets_used"] = sum(read.share for _, read in found) / len(found)
        asked = [call.asked for call, _ in found if call.asked is not None]
        if asked:
            signals["rows_unasked"] = 1.0 - _mean([one.double().mean() for one in asked])
        ids = torch.cat([read.ids[read.used] for _, read in found])
        signals |= self._classes_of(ids) | self._changed(found) | self._told(found) | self._unasked(found)
        signals |= _answers(torch.cat([call.answers()[read.used] for call, read in found]), ids)
        if len(found) == 1 and found[0][1].form == "weighted":
            call, read = found[0]
            signals |= weight_by_frequency(ids, call.weights(read))
        shares = [call.shares(read) for call, read in found]
        names = [*_SHIFTS, "texts"]
        signals |= {name: min(one[name] for one in shares) for name in names if all(name in one for one in shares)}
        padded = [share for call, read in found if (share := call.padded(read)) is not None]
        if padded:
            signals["targets_padding"] = max(padded)
        multiples = [call.multiple(read) for call, read in found]
        known = [one for one in multiples if one is not None]
        if len(known) == len(calls) and not is_scaled:
            signals["loss_multiple"] = sum(known)
            signals["loss_targets"] = sum(call.targets(read) for call, read in found)
        return signals

    def _classes_of(self, ids: Tensor) -> dict[str, float]:
        values, counts = ids.unique(return_counts=True)
        most = int(counts.argmax())
        found = {
            "targets": float(len(ids)),
            "target_classes": float(len(values)),
            "target_most": float(values[most]),
            "target_most_share": float(counts[most] / len(ids)),
        }
        if self._classes is not None:
            self._classes.update(values.tolist())
            found["target_classes_seen"] = float(len(self._classes))
        return found

    def _unasked(self, found: "list[tuple[Call, Targets]]") -> dict[str, float]:
        """Return the only class that no row was asked for yet, where rows or places count for nothing."""
        if self._classes is None or len(found) != 1:
            return {}
        call, read = found[0]
        if call.classes > _MOST_CLASSES or bool(read.used.all()):
            return {}
        if call.fingerprints is None and not call.leaves_out_places(read):
            return {}
        unasked = set(range(call.classes)) - self._classes
        return {"class_unasked": float(unasked.pop())} if len(unasked) == 1 else {}

    def _told(self, found: "list[tuple[Call, Targets]]") -> dict[str, float]:
        """Return at how many places of the inputs the class can be read, once enough rows have come."""
        told: dict[str, float] = {}
        for call, read in found:
            if call.rows is not None and not self._telling.is_done:
                told |= self._telling.add(call.rows[read.used], read.ids[read.used])
        return told

    def _changed(self, found: "list[tuple[Call, Targets]]") -> dict[str, float]:
        """Return how many rows that were looked at before came again, and which share has another target now."""
        again = changed = 0
        for call, read in found:
            if call.fingerprints is None or self._known is None or len(self._known) > _MOST_KNOWN:
                continue
            rows = call.fingerprints.tolist()
            times = Counter(rows)  # rows that a batch holds twice are no row of the data: black images, say
            each = zip(rows, read.ids.tolist(), read.used.tolist(), strict=True)
            for row, target in [(row, target) for row, target, used in each if used and times[row] == 1]:
                again += row in self._known
                changed += self._known.setdefault(row, target) != target
        return {"targets_again": float(again), "targets_changed": changed / again} if again else {}


class Call:
    """The logits of a call, some of their rows, and the gradient of these once it has come.

    Args:
        logits: `[..., V]`, but for the place of the axis.
        inputs: that they were made of.
        fingerprints: of the rows of these.
        protect: keeps errors from the training.
        axis: of the classes.

    Attributes:
        gradient: of the rows that are looked at; None before the backward pass.
        asked: of logits `[B, T, V]`, which of the B texts have a gradient anywhere; None of others.
        fingerprints: of these rows; None where a row of the inputs has several targets.
        classes: V.
        rows: of the inputs `[N, D]`, one for each of these rows; None where they were not kept.
    """

    def __init__(
        self, logits: Tensor, inputs: list[Tensor], fingerprints: Tensor | None, protect: Protect, axis: int = -1
    ) -> None:
        self.gradient: Tensor | None = None
        self.asked: Tensor | None = None
        self._axis, returned = axis, logits
        self._activation = last_activation(logits)
        logits = logits.detach().movedim(axis, -1)
        self._shape, self.classes = logits.shape, logits.shape[-1]
        count = logits[..., 0].numel()
        most = min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_NUMBERS // logits.shape[-1]))
        self._every = -(-count // most)
        self._logits = self._some(logits)
        is_a_row = logits.dim() == 2 and fingerprints is not None and len(fingerprints) == len(logits)
        self.fingerprints = fingerprints[:: self._every] if fingerprints is not None and is_a_row else None
        self.rows: Tensor | None = None
        self._tokens = [one for one in inputs if _are_tokens(one) and _is_of_places(one, logits)]
        self._handle: RemovableHandle = returned.register_hook(protect(self._arrived))

    def keep_rows(self, inputs: list[Tensor]) -> None:
        """Keep the inputs' rows, where there is one target for each, and one tensor of them."""
        if self.fingerprints is not None and len(inputs) == 1:
            rows = inputs[0].detach()[:: self._every]
            if not rows.is_complex():
                self.rows = rows.reshape(len(rows), -1)[:, :MOST_PLACES].clone()

    def _some(self, tensor: Tensor) -> Tensor:
        if tensor.is_contiguous():
            return tensor.detach().reshape(-1, tensor.shape[-1])[:: self._every].clone()
        rows_N = torch.arange(0, tensor[..., 0].numel(), self._every, device=tensor.device)
        return tensor.detach()[torch.unravel_index(rows_N, tensor.shape[:-1])]  # without a copy of all

    def _arrived(self, gradient: Tensor | None) -> None:
        if gradient is None:  # of an output that DistributedDataParallel hands on, and that is in no loss
            return
        gradient = gradient.movedim(self._axis, -1)
        if len(self._shape) == 3 and gradient.numel() <= _MOST_OF_TEXTS:
            asked = (gradient != 0).flatten(1).any(1)
            self.asked = asked if self.asked is None else self.asked | asked
        some = self._some(gradient)
        self.gradient = some if self.gradient is None else self.gradient + some

    def close(self) -> None:
        """Look at no further gradient."""
        self._handle.remove()

    def read(self) -> Targets | None:
        """Return how the loss reads these rows; None where it is no classification that is known."""
        known = self._finite()
        if known is None:
            return None
        found = read_targets(*known, -1, NEAR.get(self._logits.dtype, 1e-3))
        is_over_rows = found is not None and found.form == "log-softmax-missing" and self._is_over_rows(known[0])
        return replace(found, form="over-batch") if found is not None and is_over_rows else found

    def on_logits(self, read: Targets | None) -> str | None:
        """Return what stands between the model's last layer and a cross-entropy of logits; None where nothing does."""
        known = self._finite()
        if known is None or (read is not None and read.form not in _OF_LOGITS):
            return None
        if read is None:
            return activation_between(*known, NEAR.get(self._logits.dtype, 1e-3))
        return self._activation or ("dropout" if _is_dropped(known[0]) else None)

    def _is_over_rows(self, logits_NV: Tensor) -> bool:
        """Whether each class's outputs are log-probabilities over the rows: a softmax over the batch."""
        if self._every > 1 or len(self._shape) != 2 or len(logits_NV) < FEWEST_CLASSES:
            return False
        return bool((logits_NV.logsumexp(0).abs() < NEAR[torch.float32]).all())

    def entropy(self) -> float | None:
        """Return the entropy of mixed or smoothed targets in nats, of a mean over rows; None where there are none."""
        known = self._finite()
        if known is None:
            return None
        return target_entropy(*known, 1 / self._shape[:-1].numel(), NEAR.get(self._logits.dtype, 1e-3))

    def _finite(self) -> tuple[Tensor, Tensor] | None:
        if self.gradient is None:
            return None
        logits, gradient = self._logits.cpu(), self.gradient.cpu()
        if not bool(torch.isfinite(gradient).all() and gradient.any() and torch.isfinite(logits).all()):
            return None
        return logits.float(), gradient.float()

    def multiple(self, read: Targets) -> float | None:
        """Return by what the loss is multiplied, beside the mean over the targets; None where it is not all one."""
        if read.form not in ("cross-entropy", "log-probabilities", "weighted"):
            return None
        weights = self.weights(read)
        weights = weights[torch.isfinite(weights)]
        level = float(weights.median()) if len(weights) else 0.0
        if not level or float((weights - level).abs().max()) > _ALIKE * level:
            return None
        return level * self.targets(read)

    def weights(self, read: Targets) -> Tensor:
        """Return the weight of each row that counts; NaN where it is not known, as of a sure row, hardly pulled at."""
        weights = read.weights[read.used]
        pull = self.gradient.cpu().float().abs().sum(-1)[read.used] if self.gradient is not None else weights
        return torch.where(pull > _TELLING * pull.max(), weights, torch.nan)

    def answers(self) -> Tensor:
        """Return the class of the largest logit of each of these rows."""
        return self._logits.argmax(-1).cpu()

    def targets(self, read: Targets) -> float:
        """Return how many targets the whole output has that count, by those that are looked at."""
        return self._shape[:-1].numel() * read.share

    def padded(self, read: Targets) -> float | None:
        """Return the share of the targets that count at which a text is padding; None of texts without any.

        Where texts end at two places only, what stands behind the first may be a task's own blanks, and answers are
        asked for there. It is padding if the same token, and nothing else, is asked for at all of them.
        """
        for tokens_BT in self._tokens if bool(read.used.any()) else ():
            padding_BT, filler, lengths = _padding(tokens_BT.cpu())
            padding_N = padding_BT.flatten()[:: self._every][: len(read.ids)]
            is_known = lengths >= _LENGTHS or bool((read.ids[padding_N & read.used] == filler).all())
            if bool(padding_N.any()) and is_known:
                return float(padding_N[read.used].double().mean())
        return None

    def leaves_out_places(self, read: Targets) -> bool:
        """Whether places count for nothing where no text is filled up, and targets are no tokens of these texts.

        What a text is asked for behind a prompt is left out on purpose, and is one of its tokens.
        """
        shares = self.shares(read)
        if not self._tokens or max((shares.get(name, 0.0) for name in _SHIFTS), default=0.0) >= _TOKENS_ASKED:
            return False
        for tokens_BT in self._tokens:
            padding_N = _padding(tokens_BT.cpu())[0].flatten()[:: self._every][: len(read.ids)]
            inside = ~padding_N
            if len(inside) != len(read.used) or float((~read.used[inside]).double().mean()) < _LEFT_OUT:
                return False
        return True

    def shares(self, read: Targets) -> dict[str, float]:
        """Return the share of the places at which the target is the token there, the next, and the one behind that.

        Of several inputs that are such texts (a source, and what a decoder has written so far; labels too, where a
        model makes its loss itself) the largest share, and how many there are.
        """
        found: dict[str, float] = {}
        texts = [one for one in self._tokens if one.shape[1] >= _SHORTEST]
        for tokens_BT in texts:
            for name, share in self._shares(read, tokens_BT.cpu()).items():
                found[name] = max(share, found.get(name, 0.0))
        return found | {"texts": float(len(texts))} if len(texts) > 1 else found

    def _shares(self, read: Targets, tokens_BT: Tensor) -> dict[str, float]:
        length = tokens_BT.shape[1]
        at = torch.arange(0, tokens_BT.numel(), self._every)[: len(read.ids)]
        row, place = at // length, at % length
        found = {}
        for name, shift in _SHIFTS.items():
            here = read.used & (place + shift < length)
            if int(here.sum()) >= _FEWEST_SHARED:
                found[name] = float((tokens_BT[row[here], place[here] + shift] == read.ids[here]).double().mean())
        return found


def _mistakes(calls: list[Call]) -> dict[str, float] | None:
    """Return what stands in front of the loss of one of these outputs; other heads may be read in any other way."""
    every = [(call, call.read()) for call in calls]
    is_twice = any(read is not None and read.form == "softmax-twice" for _, read in every)
    found = {MISTAKES["softmax-twice"]: 1.0} if is_twice else {}
    return found | {ON_LOGITS[name]: 1.0 for call, read in every if (name := call.on_logits(read)) is not None} or None


def _is_dropped(logits_NV: Tensor) -> bool:
    """Whether logits of both signs are exactly 0 here and there: in no row all of them, and in no class."""
    is_zero = logits_NV == 0
    scattered = is_zero & ~is_zero.all(1, keepdim=True) & ~is_zero.all(0)
    return float(scattered.double().mean()) >= _DROPPED and float(logits_NV.min()) < 0 < float(logits_NV.max())


def _answers(answers: Tensor, ids: Tensor) -> dict[str, float]:
    """Return which share of the targets was answered rightly, and which of the others can be told from the answer.

    One can be told if, of the other wrong rows with the same answer, most have the same target. Classes that have other
    names from some step on are told so; what is hard, or new, is not.

    Args:
        answers: of the rows that count: [N].
        ids: their targets.
    """
    wrong = answers != ids
    found = {"targets_right": 1.0 - float(wrong.double().mean())}
    pairs = Counter(zip(answers[wrong].tolist(), ids[wrong].tolist(), strict=True))
    of_answer: dict[int, Counter[int]] = {}
    for (answer, target), count in pairs.items():
        of_answer.setdefault(answer, Counter())[target] = count
    again = {answer: targets for answer, targets in of_answer.items() if targets.total() > 1}
    rows = sum(targets.total() for targets in again.values())
    if rows >= _FEWEST_WRONG and len(again) >= _FEWEST_ANSWERS:
        told = sum(
            count for targets in again.values() for target, count in targets.items() if _is_most(targets, target)
        )
        found["targets_told"] = told / rows
    return found


def _is_most(targets: Counter[int], target: int) -> bool:
    """Whether most of the rows beside one of this target have it too."""
    return targets[target] - 1 > max((count for other, count in targets.items() if other != target), default=0)


def _padding(tokens_BT: Tensor) -> tuple[Tensor, int, int]:
    """Return where texts `[B, T]` are filled up with one token that none of them holds inside.

    Also which token it is, and of how many different lengths they are: of two, the longer is as long as a row.
    """
    for at_front in (False, True):
        from_end = tokens_BT if at_front else tokens_BT.flip(1)
        filler = from_end[:, 0].mode().values
        runs = (from_end == filler).long().cumprod(1)
        filled = runs.sum(1)
        is_inside, lengths = int((from_end == filler).sum() - filled.sum()) > 0, len(filled.unique())
        is_of_two = lengths == _LENGTHS - 1 and not at_front and int(filled.min()) == 0
        if is_inside or not (lengths >= _LENGTHS or is_of_two) or 2 * int((filled > 1).sum()) < len(filled):
            continue
        return (runs if at_front else runs.flip(1)).bool(), int(filler), lengths
    return torch.zeros_like(tokens_BT, dtype=torch.bool), 0, 0


def _is_of_places(tokens_BT: Tensor, logits: Tensor) -> bool:
    """Whether there are logits for each token, also where a model returns them as one row after the other."""
    return tokens_BT.shape == logits.shape[:-1] or (logits.dim() == 2 and tokens_BT.numel() == len(logits))


def _are_tokens(tensor: Tensor) -> bool:
    return tensor.dim() == 2 and not tensor.is_floating_point() and tensor.dtype != torch.bool


def _mean(values: Sequence[Tensor]) -> float:
    return float(torch.stack(list(values)).mean())
