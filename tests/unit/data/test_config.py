from pathlib import Path

import pytest

from newllm.data import DataConfig
from newllm.errors import UserError


def test_the_defaults_are_fine() -> None:
    DataConfig().check()


def test_paths_become_names() -> None:
    config = DataConfig(texts=(Path("a.txt"), "b.txt"), validation=(Path("c.txt"),))  # type: ignore[arg-type]
    assert (config.texts, config.validation) == (("a.txt", "b.txt"), ("c.txt",))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": "stram"}, "unknown data.format 'stram': did you mean 'stream'?"),
        ({"tokenizer": "byte"}, "unknown data.tokenizer 'byte': did you mean 'bytes'?"),
        ({"errors": "ignore"}, "unknown data.errors 'ignore'"),
        ({"window": 0}, "data.window=0 is too small"),
        ({"batch": -3}, "data.batch=-3 is too small"),
        ({"validation_blocks": 0}, "data.validation_blocks=0 is too small"),
        ({"validation_fraction": 0.0}, "data.validation_fraction=0.0 is out of range"),
        ({"validation_fraction": 0.6}, "data.validation_fraction=0.6 is out of range"),
        ({"validation_fraction": float("nan")}, "data.validation_fraction=nan is out of range"),
        ({"tokenizer": "bpe", "vocabulary": 256}, "data.vocabulary=256 is too small for tokenizer 'bpe'"),
        ({"tokenizer": "word", "vocabulary": 4}, "data.vocabulary=4 is too small for tokenizer 'word'"),
        ({"word_dropout": 0.1}, "data.word_dropout needs an unknown word to put in"),
        ({"format": "sentences", "tokenizer": "word", "word_dropout": 1.0}, "data.word_dropout=1.0 is out of range"),
        (
            {"format": "sentences", "carry": True},
            "data.carry=true has no meaning with data.format=sentences: set data.carry=false",
        ),
        ({"texts": "a.txt"}, "data.texts='a.txt' is one string"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(changed: dict, said: str) -> None:
    with pytest.raises(UserError) as caught:
        DataConfig(**changed).check()
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
