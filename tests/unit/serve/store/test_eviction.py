"""Which entries go, and when it is time to look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.serve.store import Limits, StoreFull
from newllm.serve.store.eviction import Backlog, Entry, surplus

ENTRIES = st.lists(
    st.builds(
        lambda owner, number, size, stored, used: Entry(f"{owner}/{number}", size, stored, stored + used),
        st.sampled_from("abc"), st.integers(0, 10**9), st.integers(1, 100), st.integers(0, 100), st.integers(0, 50),
    ),
    unique_by=lambda entry: entry.name,
)  # fmt: skip
LIMITS = st.builds(Limits, seconds=st.integers(1, 100), owner_bytes=st.none() | st.integers(16, 2000))


@given(ENTRIES, LIMITS, st.integers(16, 2000))
def test_what_stays_is_within_the_limits_and_no_more_goes_than_must(entries, limits, most) -> None:
    going = surplus(entries, limits, most, 100)
    assert len({entry.name for entry in going}) == len(going)
    stay = [entry for entry in entries if entry not in going]
    assert all(100 - entry.stored < limits.seconds for entry in stay)
    room = most - most // 16
    own = None if limits.owner_bytes is None else limits.owner_bytes - limits.owner_bytes // 16
    young = [entry for entry in going if 100 - entry.stored < limits.seconds]
    assert sum(entry.size for entry in stay) <= room
    for entry in young:  # each was the least recently used of a crowd: with it there would be too much
        later = [other for other in stay if other.used >= entry.used]
        owned = [other for other in later if other.name[0] == entry.name[0]]
        beyond_all = (
            sum(other.size for other in stay) + sum(other.size for other in young if other.used >= entry.used) > room
        )
        newer_own = [other for other in young if other.name[0] == entry.name[0] and other.used >= entry.used]
        beyond_own = own is not None and sum(one.size for one in owned) + sum(one.size for one in newer_own) > own
        assert beyond_all or beyond_own
    if own is not None:
        for owner in "abc":
            assert sum(entry.size for entry in stay if entry.name[0] == owner) <= own


def test_the_least_recently_used_go_first() -> None:
    entries = [Entry(f"a/{number}", 10, 0, used) for number, used in enumerate([5, 1, 9, 3])]
    assert [entry.used for entry in surplus(entries, Limits(), 21, 10)] == [1, 3]


def test_an_owner_beyond_the_quota_spares_the_others() -> None:
    entries = [Entry("a/1", 10, 0, 3), Entry("b/1", 10, 0, 1), Entry("a/2", 10, 0, 2)]
    assert [entry.name for entry in surplus(entries, Limits(owner_bytes=15), 1000, 10)] == ["a/2"]


def test_what_is_too_old_does_not_count_against_its_owner() -> None:
    entries = [Entry("a/old", 10, 0, 9), Entry("a/young", 10, 8, 8)]
    assert [entry.name for entry in surplus(entries, Limits(owner_bytes=15, seconds=5), 1000, 10)] == ["a/old"]


def test_a_look_is_due_when_a_sixteenth_of_a_limit_may_be_used_up() -> None:
    backlog = Backlog(Limits(owner_bytes=160), 1600)
    assert [backlog.add("a/1", 5), backlog.add("a/2", 5), backlog.add("a/3", 1)] == [False, False, True]
    backlog.forget(backlog.counted())
    assert not backlog.add("a/1", 10)
    assert [backlog.add(f"{owner}/1", 10) for owner in range(10)] == [False] * 9 + [True]


def test_what_is_put_while_a_look_goes_on_still_counts_after_it() -> None:
    backlog = Backlog(Limits(owner_bytes=160), 1600)
    backlog.add("a/1", 15)
    counted = backlog.counted()
    backlog.add("a/2", 9)
    assert backlog.is_overdue("a/3")
    assert not backlog.is_overdue("b/1")
    backlog.forget(counted)
    assert not backlog.is_overdue("a/3")
    assert backlog.add("a/3", 2)


def test_what_would_be_evicted_at_once_is_refused() -> None:
    backlog = Backlog(Limits(owner_bytes=160), 1600)
    backlog.check(150)
    with pytest.raises(StoreFull, match="a response of 151 bytes fits into no store of 160 bytes: raise its limits"):
        backlog.check(151)
