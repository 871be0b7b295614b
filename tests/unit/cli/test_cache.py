"""`newllm cache`: what can be made again is shown, cleared, and made again."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from newllm.data import DataConfig, prepare
from newllm.data import cache as token_cache
from newllm.errors import UserError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def tokens_of(text: Path):
    return prepare(DataConfig(texts=(str(text),), window=16, validation_blocks=2))


def test_it_shows_and_clears_what_no_process_uses(call, text: Path, cache: Path, tmp_path: Path) -> None:
    used = tokens_of(text)
    other = tmp_path / "other.txt"
    other.write_text(text.read_text()[:-1])
    tokens_of(other)
    states = tmp_path / "here/runs/mine/replays/step-00000009/states"
    states.mkdir(parents=True)
    (states / "step-00000007.safetensors").write_bytes(bytes(2000))
    shown = call("cache")
    assert shown.code == 0
    assert f"tokenised texts in {cache}, at most 10.0 GB: 2," in shown.out
    assert "states of replays, at most 4.0 GB a run: 1, 2.0 kB" in shown.out
    assert str(states.relative_to(tmp_path / "here")) in shown.out

    told = json.loads(call("cache", "--clear", "--json").out)
    assert [len(told[name]) for name in ("tokens", "states", "cleared")] == [2, 1, 2]
    assert not states.exists()
    assert len(token_cache.entries(cache)) == 1
    assert used.train.tokens[:3].tolist() == tokens_of(text).train.tokens[:3].tolist()
    assert "1 left: in use by a running process" in call("cache", "--clear").out
    del used
    assert call("cache", "--clear", "--quiet").code == 0
    assert token_cache.entries(cache) == []
    tokens_of(text)  # made again
    assert len(token_cache.entries(cache)) == 1


def test_what_is_no_directory_is_refused(refused) -> None:
    assert "'nowhere' is no directory" in refused("cache", "nowhere")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_read_is_one_line(call, refused, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("cache", "nowhere")  # imports what another user may not
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        runs = Path(folder)
        runs.chmod(0o755)
        (runs / "secret/replays").mkdir(parents=True)
        (runs / "secret").chmod(0o700)
        inside = runs / "secret/cache"
        monkeypatch.setenv("NEWLLM_CACHE", str(runs / "cache"))
        os.seteuid(65534)
        try:
            assert f"cannot read '{runs}/secret' (Permission denied)" in refused("cache", str(runs / "secret"))
            assert call("cache", str(runs)).code in (0, 2)  # newer Pythons pass such a place over
            monkeypatch.setenv("NEWLLM_CACHE", str(inside))
            assert call("cache", str(runs)).code in (0, 2)
            with pytest.raises(UserError, match="may not write token cache"):
                token_cache.fetch(inside, "0" * 8, lambda: pytest.fail("it was built for nothing"))
        finally:
            os.seteuid(0)


def test_a_new_text_sends_the_least_recently_used_away(
    text: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = []
    for number in range(3):
        texts.append(tmp_path / f"{number}.txt")
        texts[-1].write_text(text.read_text() + str(number))
    tokens_of(texts[0])
    (first,) = token_cache.entries(cache)
    tokens_of(texts[1])
    tokens_of(texts[0])  # used again: the other one is the oldest now
    monkeypatch.setattr(token_cache, "LIMIT", 2 * first.bytes + 100)
    tokens_of(texts[2])
    left = token_cache.entries(cache)
    assert len(left) == 2
    assert first.directory in {one.directory for one in left}
