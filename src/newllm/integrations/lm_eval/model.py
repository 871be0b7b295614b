"""A run of newllm as a model of lm-evaluation-harness.

What it does in another way than a wrapper of another kind of model: a context, or what several contexts begin with,
is read once, and a long text is read once from its beginning to its end, with the state carried on.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from torch import Tensor
from tqdm import tqdm

from newllm.api.loaded import load
from newllm.errors import UserError, quoted
from newllm.generation import Vocabulary
from newllm.integrations.lm_eval.generation import Request, write_on
from newllm.integrations.lm_eval.reading import read_contexts, score
from newllm.model.bodies import State
from newllm.model.rows import take_rows

AUTOMATIC = 64  # rows, with batch_size=auto


@register_model("newllm")
class NewllmLM(TemplateLM):
    """`--model newllm --model_args run=RUN`.

    Args:
        run: the run directory.
        snapshot: "best", "last" or a step.
        seed: of the sampling, for tasks that generate with a temperature.
        batch_size: rows that are read together; "auto" for 64.
        device: where to put the model. A cuda that is not here, which is the harness's default, becomes what is here.
        max_batch_size: of the harness; not used.
        **others: refused.

    Raises:
        UserError: an argument is missing or unknown, or the run cannot be loaded.
    """

    def __init__(
        self,
        run: str = "",
        snapshot: str = "best",
        seed: int = 0,
        batch_size: int | str = 1,
        device: str | None = None,
        max_batch_size: int | None = None,  # noqa: ARG002
        **others: Any,
    ) -> None:
        super().__init__()
        if others or not run:
            wrong = f"unknown {quoted(next(iter(others)))}" if others else "no run"
            raise UserError(f"{wrong} in model_args: give run=RUN, and snapshot=best|last|STEP or seed=N if wanted")
        known = device is not None and (not device.startswith("cuda") or torch.cuda.is_available())
        self._loaded = load(str(run), str(snapshot), device if known and device is not None else "auto")
        self._seed = int(seed)
        self._model = self._loaded.model
        self._vocabulary = Vocabulary(self._loaded.tokenizer, self._model.config.vocabulary)
        # Learned positions end somewhere, and rows that are read together are as long as the longest of them.
        self._batch = 1 if self._model.config.positions else _rows(batch_size)

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        return self._vocabulary.end

    @property
    def prefix_token_id(self) -> int:
        """The token that every text begins with."""
        return self._vocabulary.begin

    @property
    def tokenizer_name(self) -> str:
        """Where the tokenizer lies."""
        return str(self._loaded.path)

    def get_model_info(self) -> dict[str, Any]:
        """Return what the results say of the model."""
        parameters = sum(value.numel() for value in self._model.parameters())
        return {"model_num_parameters": parameters, "newllm_step": self._loaded.step}

    def apply_chat_template(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: there is none.

        Raises:
            UserError: always.
        """
        raise UserError("a newllm model has no chat template: drop --apply_chat_template")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Return the ids of a text, the begin token first unless it is not wanted."""
        ids = self._vocabulary.encode(string).tolist()
        return ids if add_special_tokens is False else [self._vocabulary.begin, *ids]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Return the log-probability of each text, every token after all that stands before it."""
        texts = [request.args[0] for request in requests]
        begin = [self._vocabulary.begin]
        scored = self._scores([(begin, self.tok_encode(text, False)) for text in texts], not disable_tqdm)
        for text, (nats, _) in zip(texts, scored, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), nats)
        return [nats for nats, _ in scored]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return what each context is continued by."""
        wanted = [Request.of(request.args[1]) for request in requests]
        contexts = [self.tok_encode(request.args[0]) for request in requests]

        def continuations(numbers: list[int], state: State, logits_BV: Tensor) -> list[str]:
            chosen = [wanted[number] for number in numbers], [contexts[number] for number in numbers]
            return write_on(self._model, self._vocabulary, state, logits_BV, *chosen, numbers, self._seed)

        texts = self._in_batches(contexts, [request.tokens for request in wanted], continuations, not disable_tqdm)
        for request, text in zip(requests, texts, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, text)
        return texts

    def _loglikelihood_tokens(
        self,
        requests: list[tuple[tuple[str, str], list[int], list[int]]],
        disable_tqdm: bool = False,
        **others: Any,  # noqa: ARG002
    ) -> list[tuple[float, bool]]:
        for (context, following), _, ids in requests:
            if not ids:  # it would be certain
                behind = f"{quoted(following)} has no token of its own behind {quoted('...' + context[-7:])}"
                raise UserError(f"{behind}: let it begin with a blank, or take a run whose tokenizer is bytes")
        scored = self._scores([(context, following) for _, context, following in requests], not disable_tqdm)
        for (texts, _, _), result in zip(requests, scored, strict=True):
            self.cache_hook.add_partial("loglikelihood", texts, result)
        return scored

    def _scores(self, pairs: Sequence[tuple[list[int], list[int]]], visible: bool) -> list[tuple[float, bool]]:
        following = [np.array(ids, dtype=np.int64) for _, ids in pairs]

        def scores(numbers: list[int], state: State, logits_BV: Tensor) -> list[tuple[float, bool]]:
            return score(self._model, [following[number] for number in numbers], state, logits_BV)

        return self._in_batches([context for context, _ in pairs], [len(ids) for ids in following], scores, visible)

    @torch.inference_mode()
    def _in_batches(
        self,
        contexts: Sequence[list[int]],
        lengths: Sequence[int],
        function: Callable[[list[int], State, Tensor], list[Any]],
        visible: bool,
    ) -> list[Any]:
        """Return what a function makes of every request when its context has been read, like lengths together."""
        results: list[Any] = [None] * len(contexts)
        with tqdm(total=len(contexts), disable=not visible, desc="Requests") as progress:
            for numbers, state, logits_BV in read_contexts(self._model, contexts, self._batch):
                for rows in _batches([lengths[number] for number in numbers], self._batch):
                    some, at = [numbers[row] for row in rows], torch.tensor(rows, device=self._model.device)
                    for number, result in zip(some, function(some, take_rows(state, at), logits_BV[at]), strict=True):
                        results[number] = result
                    progress.update(len(some))
        return results


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the places of so many lengths at once, like ones together."""
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _rows(batch_size: int | str) -> int:
    if str(batch_size).startswith("auto"):
        return AUTOMATIC
    if not str(batch_size).isdecimal() or int(batch_size) < 1:
        raise UserError(f"batch_size is {quoted(batch_size)}: it must be a whole number from 1 on, or auto")
    return int(batch_size)
