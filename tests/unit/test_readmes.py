"""A page and its Japanese one say the same, section by section: headings, commands, code, links, images, numbers.

What a translation may change: the words, comments in blocks, the order of links and code within a section, and
numbers that English writes as words ("two minutes"). Limits: no word is understood, numbers in kanji are not read, and
a number that both pages hold is not checked for standing beside the same thing.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from newllm.cli.main import main

ROOT = Path(__file__).parents[2]
ENGLISH, JAPANESE = "README.md", "README.ja.md"
TRANSLATED = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.ja.md"))
PAIRS = [(ENGLISH, JAPANESE), *((page.replace(".ja.md", ".md"), page) for page in TRANSLATED)]
SCALES = {"M": 1e6, "万": 1e4}
NUMBER_WORDS = {"a": 1, "an": 1, "one": 1, "once": 1, "two": 2, "twice": 2, "half": 2, "three": 3, "four": 4, "five": 5}
NUMBER_WORDS |= {"zero": 0, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "tenth": 10, "million": 1_000_000}


class Section(NamedTuple):
    """A heading with what stands below it, up to the next heading of any level.

    Attributes:
        level: number of marks before the heading.
        title: of the heading.
        prose: lines outside fenced blocks.
        fenced: lines of fenced blocks, the fences too.
    """

    level: int
    title: str
    prose: list[str]
    fenced: list[str]


def sections(page: str) -> list[Section]:
    found, inside = [Section(0, "(before the first heading)", [], [])], False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        fence, heading = line.startswith("```"), re.match(r"(#+) (.+)", line)
        if heading and not inside:
            found.append(Section(len(heading[1]), heading[2], [], []))
        (found[-1].fenced if fence or inside else found[-1].prose).append(line)
        inside ^= fence
    assert not inside, f"{page}: a fenced block is not closed"
    return found


def pairs() -> Iterator[tuple[Section, Section]]:
    for english, japanese in PAIRS:
        yield from zip(sections(english), sections(japanese), strict=True)


def commands(section: Section) -> list[str]:
    """Return the lines of blocks without comments; a comment is `# ` at the start or after a space."""
    stripped = (re.sub(r"(^|\s+)# .*", "", line) for line in section.fenced)
    return [line for line in stripped if line.strip()]


def tables(section: Section) -> list[int]:
    return [line.count("|") for line in section.prose if line.startswith("|")]


def images(section: Section) -> list[str]:
    return re.findall(r"!\[[^]]+\]\(([^)]+)\)", "\n".join(section.prose))


def targets(section: Section) -> list[str]:
    """Return what is linked or shown, without the place within a page: headings have other names there."""
    return re.findall(r"\]\(([^)#\s]+)", "\n".join(section.prose))


def links(section: Section) -> Counter[str]:
    """Return how often each page is linked; a page and its translation are one."""
    return Counter(target.replace(".ja.md", ".md") for target in targets(section))


def code(section: Section) -> Counter[str]:
    """Return the code within prose, and the paths that begin an indented block's lines."""
    prose = "\n".join(section.prose)
    return Counter(re.findall(r"`([^`\n]+)`", prose) + re.findall(r"^ {4}(\S+)", prose, re.MULTILINE))


def numbers(section: Section) -> Counter[float]:
    """Return the numerals, comments included; digits of a name (bf16) are none, 4 M and 400万 are the same."""
    text = "\n".join((*section.prose, *section.fenced))
    found = re.findall(r"(?<![A-Za-z0-9])(\d+(?:[,_]\d{3})*(?:\.\d+)?)(?: ?(M\b|万))?", text)
    return Counter(float(re.sub("[,_]", "", digits)) * SCALES.get(scale, 1) for digits, scale in found)


def number_words(section: Section) -> set[float]:
    text = "\n".join((*section.prose, *section.fenced))
    return {float(NUMBER_WORDS[word]) for word in re.findall(r"[a-z]+", text.lower()) if word in NUMBER_WORDS}


def test_the_headings_have_the_same_levels() -> None:
    for pair in PAIRS:
        outlines = [[f"{'#' * section.level} {section.title}" for section in sections(page)] for page in pair]
        levels = [[line.split()[0] for line in outline] for outline in outlines]
        assert levels[0] == levels[1], f"{pair[0]}: {outlines[0]}\n{pair[1]}: {outlines[1]}"


@pytest.mark.parametrize("of", [commands, tables, images, links, code], ids=lambda of: of.__name__)
def test_each_section_has_the_same(of: Callable[[Section], object]) -> None:
    for english, japanese in pairs():
        assert of(japanese) == of(english), f"{english.title} / {japanese.title}"


def test_each_section_has_the_same_numbers() -> None:
    for english, japanese in pairs():
        where = f"{english.title} / {japanese.title}"
        written, translated = numbers(english), numbers(japanese)
        assert not written - translated, f"{where}: missing in Japanese"
        assert set(translated - written) <= number_words(english), f"{where}: not in English"


def test_each_page_links_the_other_in_its_first_lines() -> None:
    for english, japanese in PAIRS:
        for page, other in ((english, japanese), (japanese, english)):
            first = (ROOT / page).read_text(encoding="utf-8").splitlines()[:3]
            assert any(f"]({Path(other).name})" in line for line in first), page


@pytest.mark.parametrize("page", [ENGLISH, JAPANESE])
def test_what_is_linked_is_there(page: str) -> None:
    for section in sections(page):
        for target in targets(section):
            assert "://" in target or (ROOT / target).is_file(), f"{page}, {section.title}: {target}"


@pytest.mark.parametrize(("english", "page"), PAIRS)
def test_the_japanese_page_links_japanese_pages_where_there_are_some(english: str, page: str) -> None:
    for section in sections(page):
        linked = targets(section)
        for target in set(linked) - {Path(english).name}:
            translated = re.sub(r"(\.ja)?\.md$", ".ja.md", target)
            there = (ROOT / page).parent / translated
            assert translated in linked or not there.is_file(), f"{page}, {section.title}: {translated} is there"


def test_each_readme_leads_to_every_page_of_the_documentation() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - set(TRANSLATED)
    for readme in (ENGLISH, JAPANESE):
        linked = {page for section in sections(readme) for page in links(section)}
        assert pages <= linked, readme


@pytest.mark.parametrize("page", [ENGLISH, "docs/doctor.md"])
def test_the_doctor_prints_what_the_page_shows(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The Japanese page holds the same blocks, see above."""
    shown = 0
    for section in sections(page):
        printed = ""
        for block in re.findall(r"```\n(.*?)\n```", "\n".join(section.fenced), re.DOTALL):
            if re.fullmatch(r"newllm doctor (examples/|demo:).*", block):
                command = block.replace("examples/", f"{ROOT}/examples/").split()
                assert main(command[1:]) == 1
                printed = capsys.readouterr().out
            elif printed:
                shown += 1
                assert block in printed
    assert shown > 1


def test_what_the_readme_counts_stands_on_a_page_of_the_documentation() -> None:
    pages = [ROOT / page for page, _ in PAIRS if page != ENGLISH] + [*(ROOT / "docs/performance").glob("*.md")]
    said = " ".join(" ".join(page.read_text(encoding="utf-8") for page in pages).split())
    shares = [
        share for section in sections(ENGLISH) for share in re.findall(r"\b\d+ of \d+\b", "\n".join(section.prose))
    ]
    assert len(shares) > 10
    assert [share for share in shares if share not in said] == []
