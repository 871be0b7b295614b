"""What every store keeps to: in memory, in a directory, in Redis."""

import math
import random
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newllm.errors import UserError
from newllm.serve.store import DamagedError, Limits, StoreFull, is_response_id, new_response_id

RECORD = {"model": "small", "output": ["Grüße 本 \U0001f600"], "usage": {"total": 3}, "none": None, "half": 0.5}
LARGE = bytes(20_000)  # with its header 20,3xx bytes; three of them and no fourth are in 80,000, as a sixteenth is free
HOSTILE = [
    "", "resp_", "resp_1", f"resp_{'g' * 32}", f"resp_{'A' * 32}", f"resp_{'a' * 33}", f"resp_{'a' * 32}\n",
    f" resp_{'a' * 32}", f"resp_../{'a' * 29}", "../../etc/passwd", "/etc/passwd", "resp_" + "*" * 32,
    "resp_" + "\u0661" * 32, "\0", "a" * 100_000, "\udc80",
]  # fmt: skip


def test_what_was_put_is_got_again_by_all_servers(shelf) -> None:
    store = shelf.open()
    response, blob = new_response_id(), random.randbytes(16_384)
    store.put(response, RECORD, blob, "anna")
    assert store.get(response, "anna") == (RECORD, blob)
    if shelf.shared:
        assert shelf.open().get(response, "anna") == (RECORD, blob)
        store.close()
        assert shelf.open().get(response, "anna") == (RECORD, blob)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    record=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_categories=["Cs"])),
            lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\"\\"), inner),
        ),
    ),
    blob=st.binary(),
    owner=st.text(),
)  # fmt: skip
def test_any_record_any_state_any_owner(shelf, record, blob, owner) -> None:
    store, response = shelf.open(), new_response_id()
    store.put(response, record, blob, owner)
    assert store.get(response, owner) == (record, blob)
    assert store.get(response, owner + "x") is None
    assert store.delete(response, owner)
    shelf.close()


def test_what_json_cannot_say_becomes_null_or_a_question_mark(shelf) -> None:
    store, response = shelf.open(), new_response_id()
    store.put(response, {"loss": math.nan, "text": "a\ud800"}, b"")
    assert store.get(response) == ({"loss": None, "text": "a?"}, b"")


def test_a_second_put_takes_the_place_of_the_first(shelf) -> None:
    store, response = shelf.open(), new_response_id()
    store.put(response, {"n": 1}, b"first")
    store.put(response, {"n": 2}, b"second")
    assert store.get(response) == ({"n": 2}, b"second")
    assert store.delete(response)
    assert not store.delete(response)


def test_no_owner_sees_or_deletes_what_is_another_owners(shelf) -> None:
    store, response = shelf.open(), new_response_id()
    store.put(response, RECORD, b"secret", "anna")
    for stranger in ("", "bob", "Anna", "anna ", "anna/", "an\0na"):
        assert store.get(response, stranger) is None
        assert not store.delete(response, stranger)
    store.put(response, {}, b"other", "bob")
    assert store.delete(response, "bob")
    assert store.get(response, "anna") == (RECORD, b"secret")


def test_what_is_deleted_is_gone_from_every_server(shelf) -> None:
    one = shelf.open()
    servers = [one, shelf.open()] if shelf.shared else [one]
    response = new_response_id()
    one.put(response, RECORD, b"x")
    assert all(server.get(response) for server in servers)  # now each may have it in its memory
    assert servers[-1].delete(response)
    assert [server.get(response) for server in servers] == [None] * len(servers)
    assert [server.delete(response) for server in servers] == [False] * len(servers)


def test_a_replaced_response_is_the_new_one_for_every_server(shelf) -> None:
    one = shelf.open()
    other = shelf.open() if shelf.shared else one
    response = new_response_id()
    one.put(response, {"n": 1}, b"old")
    assert other.get(response) == ({"n": 1}, b"old")
    one.put(response, {"n": 2}, b"new")
    assert other.get(response) == ({"n": 2}, b"new")


@pytest.mark.parametrize("response", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_id_is_never_looked_up(shelf, response) -> None:
    store = shelf.open()
    assert not is_response_id(response)
    assert store.get(response) is None
    assert not store.delete(response)
    with pytest.raises(ValueError, match="is no response id"):
        store.put(response, {}, b"")


@pytest.mark.parametrize("response", [None, 3, b"resp_" + b"a" * 32, ["resp_" + "a" * 32]])
def test_nor_what_is_no_text(shelf, response) -> None:
    assert shelf.open().get(response) is None
    assert not shelf.open().delete(response)


def test_ids_have_the_form_of_ids() -> None:
    assert len({new_response_id() for _ in range(1000)}) == 1000
    assert is_response_id(new_response_id())


def test_what_is_too_old_is_gone(shelf) -> None:
    store, old, young = shelf.open(seconds=2.0), new_response_id(), new_response_id()
    store.put(old, RECORD, b"x")
    shelf.wait(1.2)
    store.put(young, RECORD, b"y")
    assert store.get(old) == (RECORD, b"x")
    shelf.wait(1.2)
    assert store.get(old) is None
    assert store.get(young) == (RECORD, b"y")
    assert not (shelf.shared and shelf.open(seconds=2.0).get(old))


def test_an_owner_beyond_the_quota_loses_the_oldest_and_nobody_else_does(shelf) -> None:
    store = shelf.open(owner_bytes=80_000)
    ids = [new_response_id() for _ in range(8)]
    store.put(ids[0], {}, LARGE, "bob")
    for response in ids[1:]:
        shelf.wait(0.01)
        store.put(response, {}, LARGE, "anna")
        shelf.settle(store)
    assert [store.get(response, "anna") is not None for response in ids[1:]] == [False] * 4 + [True] * 3
    assert store.get(ids[0], "bob") == ({}, LARGE)
    assert store.stats().evicted == 4


def test_deleting_makes_room_in_the_quota(shelf) -> None:
    store = shelf.open(owner_bytes=80_000)
    ids = [new_response_id() for _ in range(4)]
    for response in ids:
        store.put(response, {}, LARGE)
        if response == ids[1]:
            assert store.delete(response)
        shelf.settle(store)
    assert [store.get(response) is not None for response in ids] == [True, False, True, True]


def test_what_is_larger_than_a_limit_is_refused_and_evicts_nothing(shelf) -> None:
    store, kept, refused = shelf.open(owner_bytes=50_000), new_response_id(), new_response_id()
    store.put(kept, {}, LARGE)
    with pytest.raises(StoreFull, match=r"a response of 50\d{3} bytes fits into no store of 50000 bytes"):
        store.put(refused, {}, bytes(50_000))
    assert store.get(refused) is None
    assert store.get(kept) == ({}, LARGE)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:0],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b"small", b"SMALL"),
        lambda content: bytes(len(content)),
        lambda content: b"\xff" * len(content),
    ],
    ids=["cut", "longer", "empty", "state", "record", "zeros", "ones"],
)
def test_what_is_damaged_is_told_and_can_be_deleted(shelf, change) -> None:
    store, response, other = shelf.open(), new_response_id(), new_response_id()
    store.put(response, RECORD, b"state")
    store.put(other, RECORD, b"state")
    shelf.content(store, response, change)
    with pytest.raises(DamagedError) as told:
        store.get(response)
    assert str(told.value).startswith(f"stored response '{response}' is damaged (")
    assert "\n" not in str(told.value)
    assert store.get(other) == (RECORD, b"state")
    assert store.delete(response)
    assert store.get(response) is None


@pytest.mark.parametrize("limits", [{"bytes": 0}, {"seconds": -1}, {"seconds": math.nan}, {"seconds": math.inf},
                                    {"owner_bytes": 0}, {"memory_bytes": -5}])  # fmt: skip
def test_a_limit_is_above_nothing(limits) -> None:
    with pytest.raises(UserError, match="give a number above 0"):
        Limits(**limits)


def test_several_threads_at_once(shelf) -> None:
    store = shelf.open(owner_bytes=10 << 20)
    wrong: list[object] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(40):
                response, blob = new_response_id(), rng.randbytes(rng.randrange(30_000))
                store.put(response, {"seed": seed}, blob, "all")
                if store.get(response, "all") != ({"seed": seed}, blob):
                    wrong.append(response)
                if rng.random() < 0.5 and not (store.delete(response, "all") and store.get(response, "all") is None):
                    wrong.append(response)
        except Exception as error:  # it would be lost with its thread
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
