"""Does the text fill the rows, and do the sentences fit into them?"""

from newllm.data.config import DataConfig
from newllm.data.segments import Segments
from newllm.data.split import block_count
from newllm.data.tokenizer import Tokenizer
from newllm.errors import UserError


def check_stream(name: str, train: Segments, validation: Segments, config: DataConfig, size: int) -> None:
    """Refuse a stream without one whole training window, or with nothing to predict in validation.

    Args:
        name: the source, for the message.
        train: the training part.
        validation: the validation part; a window shorter than the others will do there.
        config: window and the split settings are used.
        size: bytes of all documents.

    Raises:
        UserError: too little text; the message gives a window that works, if there is one.
    """
    # The other order would name a window for a text that no window helps.
    if validation.longest < 2:
        raise UserError(
            f"{name!r} has {validation.longest} tokens in its validation part, 2 are the least for a window "
            f"of up to {config.window} targets: give more text"
        )
    if train.longest < config.window + 1:
        smaller = _working_window(train, config, size)
        mend = f"--set data.window={smaller}, or more text" if smaller else "give more text"
        raise UserError(
            f"{name!r} has {train.longest} tokens in one stretch of its training part, too few for one "
            f"window of {config.window} targets: {mend}"
        )


def check_sentences(train: Segments, validation: Segments, tokenizer: Tokenizer, window: int) -> None:
    """Refuse a sentence with more targets than a row holds.

    Raises:
        UserError: the message quotes the sentence.
    """
    for part in (train, validation):
        for start, stop in part.bounds:
            if stop - start > window + 1:
                text = tokenizer.decode(part.tokens[start:stop].tolist()).decode(errors="replace")
                shown = text if len(text) <= 60 else text[:60] + "..."
                raise UserError(
                    f"sentence {shown!r} has {stop - start} tokens, too many for a window of {window} "
                    f"targets: --set data.window={max(train.longest, validation.longest) - 1}, or shorten it"
                )


def _working_window(train: Segments, config: DataConfig, size: int) -> int:
    """Return a smaller window that fits, 0 if none does."""
    window = train.longest - 1
    if window < 1:
        return 0
    smaller = DataConfig(
        window=window,
        validation_fraction=config.validation_fraction,
        validation_blocks=config.validation_blocks,
    )
    if config.validation or block_count(size, smaller) == block_count(size, config):
        return window
    # A smaller window allows more and shorter blocks; this one fits however many there will be.
    return max(1, len(train.tokens) // (2 * config.validation_blocks))
