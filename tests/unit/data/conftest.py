from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.data import Corpus, DataConfig, prepare


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def corpus_of(tmp_path: Path) -> Callable[..., tuple[Corpus, DataConfig]]:
    """Prepare texts as files of their own; keywords are settings of `DataConfig`."""

    def make(*texts: bytes, **settings) -> tuple[Corpus, DataConfig]:
        names = []
        for index, text in enumerate(texts):
            path = tmp_path / f"text{index}.txt"
            path.write_bytes(text)
            names.append(str(path))
        config = DataConfig(texts=tuple(names), **settings)
        return prepare(config), config

    return make
