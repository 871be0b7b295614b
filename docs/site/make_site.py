"""Build the documentation site, English and Japanese, as it is read without a network.

    pip install -e '.[docs]'
    python docs/site/make_site.py OUT

Pages are those of docs/ as they stand there, and what reference.py makes of commands, docstrings and names. Anything
that is not whole ends the build and says where: a link or an anchor that is gone, a page that no list names, one
without its translation. OUT then holds en/, ja/, an index.html that leads to them, and llms.txt, the list of pages for
language models.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import ELSEWHERE, GENERATED, LANGUAGES, PARTS, RECORDS
from reference import api, api_as_text, commands, names

SITE = Path(__file__).parent
ROOT = SITE.parents[1]
_LINK = re.compile(r"`[^`\n]+`|(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")  # or code, where nothing is a link
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^()\s]+)\)")
_OTHER_LANGUAGE = re.compile(r"^\[(?:English|日本語)\]\([^)]*\)\s*$", re.MULTILINE)
_BLOCKS = re.DOTALL | re.MULTILINE


class BrokenError(Exception):
    """What keeps the site from being built, a line each."""


def source_of(page: str, language: str) -> Path:
    """Return the file of a page; English ones have no suffix."""
    name = ELSEWHERE.get(page, f"docs/{page}")
    return ROOT / (f"{name}.md" if language == "en" else f"{name}.{language}.md")


def listed() -> list[str]:
    """Return the names of all pages, in their order."""
    return ["index", *(page for part in PARTS for page in part.pages)]


def check_lists() -> None:
    """Every page of docs/ is in a list, and there in each language.

    Raises:
        BrokenError: one is not.
    """
    written = {path.name.split(".")[0] for path in (ROOT / "docs").glob("*.md")}
    unlisted = written - set(listed()) - set(RECORDS)
    problems = [f"docs/{name}.md: no part of docs/site/pages.py names it" for name in unlisted]
    for name in set(listed()) - set(GENERATED):
        for language in LANGUAGES:
            if not source_of(name, language).exists():
                path = source_of(name, language).relative_to(ROOT)
                problems.append(f"{path}: this page is missing; each stands in {' and '.join(LANGUAGES.values())}")
    if problems:
        raise BrokenError("\n".join(sorted(problems)))


def stage(language: str, to: Path) -> None:
    """Write all pages of a language as Sphinx is to read them.

    Raises:
        BrokenError: a link leads to no file.
    """
    to.mkdir(parents=True)
    problems: list[str] = []
    for page in listed():
        if page not in GENERATED:
            (to / f"{page}.md").write_text(_staged(page, language, to, problems), encoding="utf-8")
    for name, made in zip(GENERATED, (commands, names, api), strict=True):
        (to / f"{name}.md").write_text(made(language), encoding="utf-8")
    with (to / "index.md").open("a", encoding="utf-8") as index:
        for part in PARTS:
            entries = "\n".join(part.pages)
            index.write(f"\n\n```{{toctree}}\n:hidden:\n:caption: {part.titles[language]}\n\n{entries}\n```\n")
    if problems:
        raise BrokenError("\n".join(problems))


def _staged(page: str, language: str, to: Path, problems: list[str]) -> str:
    """Return a page with its links as they are on the site; what lies outside it is named by its path."""
    source = source_of(page, language)
    text = _OTHER_LANGUAGE.sub("", source.read_text(encoding="utf-8"), count=1)
    places = {source_of(name, one): name for name in listed() if name not in GENERATED for one in LANGUAGES}
    places |= {ROOT / "README.md": "index", ROOT / "README.ja.md": "index"}

    def resolved(target: str) -> Path | None:
        path = Path(os.path.normpath(source.parent / target.partition("#")[0]))
        if not path.exists():
            problems.append(f"{source.relative_to(ROOT)}: there is no {target}")
            return None
        return path

    def link(found: re.Match[str]) -> str:
        said, target = found.groups()
        if target is None or "://" in target or target.startswith("#") or target.removesuffix(".md") in GENERATED:
            return found[0]
        path, anchor = resolved(target), target.partition("#")[2]
        if path is None:
            return said
        if path in places:
            return f"[{said}]({places[path]}.md{'#' + anchor if anchor and places[path] != 'index' else ''})"
        where = path.relative_to(ROOT)
        return f"{said} (`{where}`)" if str(where) not in said else said

    def image(found: re.Match[str]) -> str:
        path = resolved(found[2])
        if path is None:
            return ""
        (to / "images").mkdir(exist_ok=True)
        shutil.copy(path, to / "images" / path.name)
        return f"![{found[1]}](images/{path.name})"

    parts = re.split(r"(^```.*?^```$)", text, flags=_BLOCKS)
    return "".join(part if at % 2 else _IMAGE.sub(image, _LINK.sub(link, part)) for at, part in enumerate(parts))


def build(out: Path) -> None:
    """Build both languages and what stands beside them.

    Raises:
        BrokenError: something is not whole.
    """
    check_lists()
    with tempfile.TemporaryDirectory() as place:
        site = Path(place) / "site"
        for language in LANGUAGES:
            source = Path(place) / language
            stage(language, source)
            command = [
                sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html", "-c", str(SITE),
                "-D", f"language={language}", str(source), str(site / language),
            ]  # fmt: skip
            if subprocess.run(command, check=False).returncode:
                raise BrokenError(f"{LANGUAGES[language]}: see above")
            for page in source.glob("*.md"):
                shutil.copy(page, site / language)
            (site / language / "api.md").write_text(api_as_text(), encoding="utf-8")  # Sphinx makes the page's content
        (site / "llms.txt").write_text(_for_agents(Path(place) / "en"), encoding="utf-8")
        shutil.copy(SITE / "_static" / "languages.html", site / "index.html")
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(site, out)


def _for_agents(english: Path) -> str:
    """Return llms.txt: the pages by part, each with its first sentence (https://llmstxt.org)."""
    lines = ["# newllm", "", f"> {_first_words(english / 'index.md')}"]
    for part in PARTS:
        lines += ["", f"## {part.titles['en']}", ""]
        for page in part.pages:
            title = (english / f"{page}.md").read_text(encoding="utf-8").split("\n")[0].lstrip("# ")
            lines.append(f"- [{title}](en/{page}.md): {_first_words(english / f'{page}.md')}")
    return "\n".join(lines) + "\n"


def _first_words(page: Path) -> str:
    """Return the first sentence of a page that stands in a paragraph."""
    paragraphs = re.split(
        r"\n\n+", re.sub(r"^```.*?^```$|^#[^\n]*$|<!--.*?-->", "\n", page.read_text("utf-8"), flags=_BLOCKS)
    )
    words = next(text for text in paragraphs if re.match(r"[^|!\s-]", text))
    words = " ".join(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", words).split())
    return re.split(r"(?<=[.!?]) ", words)[0].rstrip(":")


def main() -> int:
    """Build where the command line says."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder for the site; it must not exist, or be an older one"
    )
    out: Path = parser.parse_args().out.resolve()
    if out.exists() and any(out.iterdir()) and not (out / "llms.txt").exists():
        print(f"{out} holds something else than a site: name another folder", file=sys.stderr)
        return 2
    try:
        build(out)
    except BrokenError as error:
        print(error, file=sys.stderr)
        return 1
    print(out / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
