"""What a recording that goes on after a resume has in common with that of an uninterrupted training."""

Signals = dict[str, dict[int, str]]
# Nobody knows after a resume what all updates before it were given.
OF_ALL_THE_PAST = ("rows_seen", "rows_distinct", "validation_rows", "validation_rows_seen", "target_classes_seen")
OF_FIRST_UPDATES = (  # held against those
    "token_pairs_apart", "validation_token_pairs_apart", "token_pairs_new", "validation_token_pairs_new",
)  # fmt: skip


def assert_goes_on(resumed: Signals, whole: Signals, last: int) -> None:
    """Hold a recording against the whole one; what needs all rows of the past ends at `last`, where it was resumed."""
    for name in OF_ALL_THE_PAST:
        before, everywhere = resumed.pop(name), whole.pop(name)
        assert before == {step: value for step, value in everywhere.items() if step <= last}
        assert len(before) < len(everywhere)
    for name in OF_FIRST_UPDATES:
        first = {step: value for step, value in whole.pop(name, {}).items() if step <= last}
        assert resumed.pop(name, {}) == first
    # A batch that comes again is known where it came since the resume.
    assert resumed.pop("batch_again", {}).items() <= whole.pop("batch_again", {}).items()
    # A resumed process tells the settings again at its first sampled step: they may have been changed between the two.
    for name in [name for name in whole if name.startswith("setting/")]:
        again, once = resumed.pop(name), whole.pop(name)
        assert once.items() <= again.items()
        assert set(again.values()) == set(once.values())
    assert resumed == whole
