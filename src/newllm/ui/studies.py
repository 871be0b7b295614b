"""What a list of studies says of each."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from newllm.checksum import read_checked
from newllm.messages import LANGUAGES, Message, message

_LARGEST = 256 << 20


@dataclass(frozen=True, kw_only=True)
class StudyEntry:
    """One study of the list.

    Attributes:
        id: its address.
        name: its path below the directory.
        title: of the study, in English.
        titles: the title in other languages, by their codes.
        arms, seeds: how many.
        verdicts: how many claims of each verdict.
        when: seconds since 1970 of the results.
        problems: what is wrong with it.
    """

    id: str
    name: str
    title: str = ""
    titles: tuple[tuple[str, str], ...] = ()
    arms: int = 0
    seeds: int = 0
    verdicts: tuple[tuple[str, int], ...] = ()
    when: float = 0.0
    problems: tuple[Message, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def read_study(folder: Path, *, id: str, name: str) -> StudyEntry:
    """Read a study's results; of a damaged one say so."""
    file = folder / "results.json"
    try:
        found = file.stat()
        if file.is_symlink():
            return StudyEntry(id=id, name=name, problems=(message("problem-results-link"),))
        content = read_checked(file, _LARGEST)
        title = str(content["title"])
        verdicts = [str(claim["verdict"]) for claim in content["claims"]]
        return StudyEntry(
            id=id,
            name=name,
            title=title[:400],
            titles=tuple((lang, said[:400]) for lang in LANGUAGES if (said := _translated(content, lang, title))),
            arms=len(content["arms"]),
            seeds=int(content["seeds"]),
            verdicts=tuple((verdict, verdicts.count(verdict)) for verdict in dict.fromkeys(verdicts)),
            when=found.st_mtime,
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return StudyEntry(id=id, name=name, problems=(message("problem-results-unread", reason=reason),))


def _translated(content: dict[str, Any], lang: str, text: str) -> str:
    """Return what the study says of its own text in a language; nothing where it says nothing."""
    translations = content.get("translations")
    own = translations.get(lang) if isinstance(translations, dict) else None
    said = own.get(text) if isinstance(own, dict) else None
    return said if isinstance(said, str) else ""
