import hashlib
import tomllib
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.serve.api_errors import ApiError
from newllm.serve.keys import Key, Keys, new_key, read_keys
from newllm.serve.limits import MOST_HELD, MOST_HELD_BY_KEY, Limits

DIGEST = hashlib.sha256(b"secret").hexdigest()


def test_a_new_key_opens_and_is_nowhere_in_its_lines(tmp_path: Path) -> None:
    (alice, lines), (bob, more) = new_key("alice"), new_key("bob")
    (tmp_path / "keys.toml").write_text(f"{lines}\nstreams = 2\n\n{more}\n")
    keys = read_keys(tmp_path / "keys.toml")
    assert keys.find(alice) == Key("alice", hashlib.sha256(alice.encode()).hexdigest(), None, 2)
    found = keys.find(bob)
    assert found is not None
    assert found.name == "bob"
    assert keys.find(alice + "x") is keys.find("") is keys.find("\ud800") is None
    assert alice not in lines
    assert len(alice) == len("newllm-") + 43
    assert alice != new_key("alice")[0]
    assert tomllib.loads(lines).keys() == {"alice"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "holds no key: newllm serve --new-key NAME makes one"),
        ("[a", "cannot be read"),
        ("a = 1", "a is 1: it must be a table"),
        ("[a]", "sha256 of 'a' is None: 64 of 0-9a-f"),
        (f'[a]\nsha256 = "{DIGEST[:-1]}G"', "sha256 of 'a' is"),
        (f'["a b"]\nsha256 = "{DIGEST}"', "'a b' is no name of a key"),
        (f'[a]\nsha256 = "{DIGEST}"\nstreems = 1', "unknown setting of key 'a' 'streems': did you mean 'streams'?"),
        (f'[a]\nsha256 = "{DIGEST}"\nstreams = -1', "streams of 'a' is -1: it must be a whole number from 0 upwards"),
        (f'[a]\nsha256 = "{DIGEST}"\nstreams = true', "streams of 'a' is True"),
        (f'[a]\nsha256 = "{DIGEST}"\nrequests_per_minute = 1.5', "requests_per_minute of 'a' is 1.5"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(tmp_path: Path, content: str, line: str) -> None:
    (tmp_path / "keys.toml").write_text(content)
    with pytest.raises(UserError) as refused:
        read_keys(tmp_path / "keys.toml")
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_file_and_no_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_keys(tmp_path / "none.toml")
    with pytest.raises(UserError, match="--new-key: 'a b' is no name of a key"):
        new_key("a b")


def test_requests_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("newllm.serve.limits.time.monotonic", lambda: now[0])
    limits, key, other = Limits(), Key("a", DIGEST, requests_per_minute=2), Key("b", DIGEST, requests_per_minute=0)
    limits.count_request(key)
    now[0] = 130.0
    limits.count_request(key)
    with pytest.raises(ApiError) as refused:
        limits.count_request(key)
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "30"})
    now[0] = 160.5
    limits.count_request(key)
    with pytest.raises(ApiError):
        limits.count_request(key)
    with pytest.raises(ApiError):
        limits.count_request(other)
    limits.count_request(Key("c", DIGEST))


def test_what_is_admitted_is_counted_until_it_leaves() -> None:
    limits, key = Limits(3), Key("a", DIGEST, streams=2)
    leave = limits.admit(key, 2, 10)
    with pytest.raises(ApiError, match="key 'a' may have 2 texts written at once and 2 are being written"):
        limits.admit(key, 1, 10)
    also = limits.admit(None, 1, 10)
    with pytest.raises(ApiError, match="3 texts are being written"):
        limits.admit(None, 1, 10)
    assert limits.texts == 3
    leave()
    limits.admit(key, 2, 10)()
    also()
    assert limits.texts == 0
    with pytest.raises(ApiError, match="asks for 4 texts at once: at most 3 may be written"):
        limits.admit(None, 4, 10)
    with pytest.raises(ApiError, match="asks for 3 texts at once: at most 2 may be written"):
        limits.admit(key, 3, 10)
    with pytest.raises(ApiError, match="at most 536,870,912 are held for one client"):
        limits.admit(None, 1, MOST_HELD + 1)
    assert Keys([]).find("a") is None


def test_no_key_holds_all_of_the_memory_for_requests() -> None:
    limits, key = Limits(), Key("a", DIGEST)
    limits.hold(key, MOST_HELD_BY_KEY)
    with pytest.raises(ApiError, match="fill the memory for them") as refused:
        limits.hold(key, 1)
    assert refused.value.status == 429
    leave = limits.admit(Key("b", DIGEST), 1, MOST_HELD_BY_KEY)
    with pytest.raises(ApiError, match="fill the memory for them"):
        limits.admit(None, 1, MOST_HELD_BY_KEY * 2 + 1)
    assert limits.texts == 1  # who was refused is not counted
    leave()
    limits.let_go(key, MOST_HELD_BY_KEY)
    limits.admit(None, 1, MOST_HELD)()
