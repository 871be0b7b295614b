"""What a person wrote of a run: RUN/labels.json, beside what the run itself wrote. It goes along with the directory.

    {"schema": 1, "tags": ["baseline"], "note": "before the tokenizer was mended", "archived": true}

A run without the file has no tags and no note. What is damaged in it counts as not written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.files import write_json

NAME = "labels.json"
SCHEMA = 1
MOST_TAGS = 20
LONGEST_TAG, LONGEST_NOTE = 40, 1000  # characters


@dataclass(frozen=True)
class Labels:
    """What a person wrote of a run.

    Attributes:
        tags: short words by which runs are found again, sorted.
        note: a text of one or more lines.
        archived: whether the list of runs leaves it out until it is asked for.
    """

    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False

    def write(self, run: Path) -> None:
        """Write them into a run's directory.

        Raises:
            UserError: there is no room, or the directory may not be written.
        """
        write_json(run / NAME, {"schema": SCHEMA, **asdict(self)})


def labels_of(content: Mapping[str, Any]) -> Labels:
    """Return what the content of the file says; what is of another kind is passed over."""
    tags, note = content.get("tags"), content.get("note")
    sound = [tag for tag in tags if isinstance(tag, str) and _is_tag(tag)] if isinstance(tags, list) else []
    return Labels(
        tuple(sorted(set(sound)))[:MOST_TAGS],
        note[:LONGEST_NOTE] if isinstance(note, str) else "",
        content.get("archived") is True,
    )


def checked_tags(tags: Iterable[Any]) -> tuple[str, ...]:
    """Return tags as they are kept: without blanks around them, sorted, each once.

    Raises:
        UserError: one is too long, empty or no text, holds a comma or a control character, or there are too many.
    """
    found = {tag.strip() if isinstance(tag, str) else tag for tag in tags}
    for tag in found:
        if not isinstance(tag, str) or not _is_tag(tag):
            raise UserError(f"{str(tag)[:60]!r} is no tag: give 1 to {LONGEST_TAG} characters on one line, no comma")
    if len(found) > MOST_TAGS:
        raise UserError(f"{len(found)} tags are too many: a run may have {MOST_TAGS}")
    return tuple(sorted(found))


def checked_note(note: Any) -> str:
    """Return a note as it is kept, without blanks around it.

    Raises:
        UserError: it is too long, or no text.
    """
    if not isinstance(note, str):
        raise UserError(f"{str(note)[:60]!r} is no note: give a text")
    note = "\n".join(line.rstrip() for line in note.strip().splitlines())
    if len(note) > LONGEST_NOTE:
        raise UserError(f"a note of {len(note):,} characters is too long: at most {LONGEST_NOTE:,}")
    return note


def _is_tag(tag: str) -> bool:
    return 0 < len(tag) <= LONGEST_TAG and tag == tag.strip() and "," not in tag and tag.isprintable()
