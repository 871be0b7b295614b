"""Evaluate by reading whole documents, the context carried from their first token to their last.

This is how a recurrent model is used; validation during training looks at single windows instead.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from newllm.data import Tokenizer, sentence_lines
from newllm.errors import UserError
from newllm.model.evaluation_mode import evaluation_mode
from newllm.model.language_model import LanguageModel
from newllm.training.evaluation import Evaluation
from newllm.training.loss import sum_nats

CHUNK = 1024  # positions read at once: bounds the memory, changes no result


@torch.inference_mode()
def read_through(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[bytes],
    *,
    sentences: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Evaluation:
    """Predict every token of every text, the first one from the begin token alone.

    Args:
        model: put into evaluation mode and back; runs in its own dtype, without autocast.
        tokenizer: the model's.
        texts: UTF-8.
        sentences: every line is a sentence of its own, as in training, whose end is predicted too.
        progress: called now and then with how many bytes have been read, and of how many.

    Raises:
        UserError: a text is longer than the model's learned positions, or there is nothing to predict.
    """
    sizes = tokenizer.token_bytes()
    nats, tokens, size = 0.0, 0, 0
    done, total = 0, sum(map(len, texts))
    with evaluation_mode(model):
        for text in texts:
            for part in sentence_lines(text) if sentences else [text]:
                before, done = done, done + len(part)
                ids = tokenizer.encode(part).astype(np.int64)
                if not len(ids):
                    continue
                ids = np.concatenate([[tokenizer.begin], ids, [tokenizer.end] if sentences else []]).astype(np.int64)
                for number, more in enumerate(_nats(model, torch.from_numpy(ids).to(model.device)), start=1):
                    nats += more
                    progress(min(done, before + len(part) * number * CHUNK // len(ids)), total)
                tokens += len(ids) - 1
                size += 0 if sizes is None else int(sizes[ids[1:]].sum())
    if not tokens:
        raise UserError("the texts hold nothing to predict, only blanks: give a text with words in it")
    return Evaluation(nats, tokens, None if sizes is None else size)


def _nats(model: LanguageModel, ids: torch.Tensor) -> Iterator[float]:
    """Yield the nats of each chunk."""
    state = None
    for start in range(0, len(ids) - 1, CHUNK):
        stop = min(start + CHUNK, len(ids) - 1)
        logits, state = model(ids[None, start:stop], state)
        yield float(sum_nats(logits, ids[None, start + 1 : stop + 1], fused=model.fused))
