"""What pages show, part by part, is what they showed: structure, numbers and charts, whatever the words are.

The words are left out: a text stands there by its key and what is put into it. After a change that is meant, this file
as a script writes shown.json anew; look at what it changes.
"""

import dataclasses
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.messages import Catalogue, quoted
from newllm.messages.catalogue import FOLDER, Sentence
from newllm.report.charts.chart import Section
from newllm.report.header import header
from newllm.report.sections import sections_of
from newllm.report.sections.comparison import comparison
from newllm.report.sections.study import study_sections
from newllm.report.source import Source, read_source
from newllm.report.source.study import read_study
from newllm.trace import Finding, Series, Trace
from newllm.trace.remark import left_out

KEPT = Path(__file__).parent / "shown.json"
FOUNDING = Path(__file__).parents[3] / "studies" / "founding"


class Keys(Catalogue):
    """Messages that say their own names, and what is put into them; what stands between two of a list stays."""

    def __call__(self, id: str, /, **parameters: Any) -> str:
        if id in {"list", "sentence-gap"}:
            return super().__call__(id)
        given = ", ".join(f"{name}={value}" for name, value in parameters.items())
        return f"[{id}]({given})" if given else f"[{id}]"

    def text(self, message: Sentence) -> str:
        return message.parameters["text"] if message.id == "quoted" else super().text(message)


WORDS = Keys("en", FOLDER / "en")


def read_whole(place: Path) -> Source:
    """Return a run without the sentences of the doctor, which are held to elsewhere."""
    source = read_source(place)
    blank = {"sentence": quoted("[sentence]"), "test": quoted("[test]")}
    others = [tuple(quoted("[alternative]") for _ in one.alternatives) for one in source.findings]
    found = tuple(
        dataclasses.replace(one, **blank, alternatives=other)
        for one, other in zip(source.findings, others, strict=True)
    )
    return dataclasses.replace(source, path=Path("runs") / "run", findings=found)


def run_of(seed: int | None, gain: float = 4.0, *, rate: float = 1e-3, name: str = "", **more: Any) -> Source:
    chance, steps = np.random.default_rng(seed or 0), np.arange(0, 101, 10)
    loss = 8 - gain * steps / 100 + chance.normal(0, 0.05, len(steps))
    signals = {"loss": Series(steps[1:], loss[1:]), "validation_loss": Series(steps, loss + 0.5)}
    best = {"step": 100, "loss": float(loss[-1] + 0.5), "bits_per_byte": float(loss[-1] / 2)}
    summary = {"step": 100, "tokens": 6400, "seconds": 5 / rate / 1000, "parameters": 123, "best_validation": best}
    config = {"seed": seed, "model": {"rule": "ema"}, "optimizer": {"learning_rate": rate}}
    known: dict[str, Any] = {"summary": summary, "config": config} if seed is not None else {}
    name = name or f"{rate}-{seed}"
    axis = more.pop("axis", "step")
    return Source(Path(name), name, trace=Trace(signals, axis=axis), **(known | more))


WARNED = (
    Finding(kind="spike", severity="warning", sentence=quoted("It spikes.")),
    Finding(kind="x", severity="note", sentence=quoted("s")),
)
COMPARED = {
    "two arms": [*(run_of(seed) for seed in range(3)), *(run_of(seed, 2.0, rate=5e-4) for seed in range(3))],
    "one arm": [run_of(0), run_of(1)],
    "runs of all kinds": [
        run_of(0), run_of(0, name="again"), run_of(1, findings=WARNED), run_of(2, 3.0, rate=2e-3, judged=False),
        run_of(None, 1.0, name="unknown"), run_of(4, name="epochs", axis="epoch"),
        run_of(5, 5.0, rate=3e-3, data={"tokenizer": {"sha256": "a"}, "sources": [{"sha256": "b"}]}),
        run_of(6, 5.0, rate=3e-3, data={"tokenizer": {"sha256": "c"}, "sources": [{"sha256": "b"}]}),
    ],
    "a run that is better at once": [
        *(run_of(seed, 1.0) for seed in range(2)), *(run_of(seed, 6.0, rate=9e-3) for seed in range(2)),
    ],
}  # fmt: skip


def short(value: Any) -> Any:
    """Return plain data; numbers to five digits, long lists by their length, ends and sum."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): short(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        if len(value) > 6 and all(isinstance(one, int | float) for one in value):
            finite = [one for one in value if np.isfinite(one)]
            return [len(value), short(value[0]), short(value[-1]), short(float(sum(finite)))]
        return [short(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def parts_of(html: str) -> list[str]:
    """Return the parts without drawings, a row of a table as its cells; of a long table the first rows and the last."""
    html = re.sub(r"<svg.*?</svg>", "<svg/>", html, flags=re.DOTALL)
    parts: list[str] = []
    for part in re.split(r"(?=<(?:p|tr|h\d|li|dt|article|figure|details|div|table)[ >])|(?<=</tr>)", html):
        row = re.fullmatch(r"<tr.*</tr>", part, flags=re.DOTALL)
        parts += [" | ".join(re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", part))] if row else [part] if part else []
    long = [at for at in range(2, len(parts) - 2) if all(re.match(r"\[span\]", one) for one in parts[at - 2 : at + 3])]
    return [part for at, part in enumerate(parts) if at not in long]


def shown_of(section: Section) -> dict[str, Any]:
    """Return a section as plain data: its parts, and its charts."""
    charts = [dataclasses.asdict(chart) for chart in section.charts]
    return {"title": section.title, "parts": parts_of(section.html), "charts": short(charts)}


def pages(place: Path) -> dict[str, dict[str, Any]]:
    """Return the sections of every page by its name."""
    whole = read_whole(place)
    study = read_study(FOUNDING)
    keep = {"baseline", "transformer", "residual", "lr-half"}
    study = dataclasses.replace(study, arms=tuple(arm for arm in study.arms if arm["name"] in keep))
    of_study = ("study-claims", "study-arms", "study-curves")
    found = {
        "a run": sections_of(whole, WORDS),
        "a run without replays": sections_of(dataclasses.replace(whole, replays=(), recoveries=()), WORDS)[:2],
        "a study": [one for one in study_sections(study, WORDS) if one.id in of_study],
    }  # fmt: skip
    found |= {name: [made] for name, runs in COMPARED.items() if (made := comparison(runs, WORDS))}
    heads = {
        "head": header(whole, WORDS),
        "head of a run that failed": header(
            dataclasses.replace(
                whole, summary={"status": "failed", "message": "Why."}, problems=(left_out("quoted", text="a"),) * 14
            ),
            WORDS,
        ),
        "head of a log": header(Source(Path("log"), "log", trace=whole.trace), WORDS),
    }
    made = {name: {one.id: shown_of(one) for one in sections} for name, sections in found.items()}
    return made | {"heads": {name: {"parts": parts_of(str(html))} for name, html in heads.items()}}


def _pairs(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what stands in the same place of two; what one of them lacks is another thing."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in one:
            yield from _pairs(one[name], other[name])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for here, there in zip(one, other, strict=True):
            yield from _pairs(here, there)
    else:
        yield one, other


def _alike(one: Any, other: Any) -> bool:
    """Whether two things are the same but for the last digit of a number, which a processor may round otherwise."""
    if isinstance(one, str) and isinstance(other, str):
        numbers = [re.findall(r"\d+\.\d+", text) for text in (one, other)]
        rest = [re.sub(r"\d+\.\d+", lambda number: "#" * len(number[0]), text) for text in (one, other)]
        return rest[0] == rest[1] and all(_alike(*map(float, pair)) for pair in zip(*numbers, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-3, abs=1e-9, nan_ok=True)
    return one == other and type(one) is type(other)


def _lines(made: dict[str, dict[str, Any]]) -> str:
    """Return JSON with a part or a chart a line."""
    sections = (
        f" {json.dumps(page)}: {{\n"
        + ",\n".join(f"  {json.dumps(name)}: {_section(section)}" for name, section in sections.items())
        + "\n }"
        for page, sections in made.items()
    )
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _section(section: dict[str, Any]) -> str:
    lists = (
        f"   {json.dumps(name)}: [\n    " + ",\n    ".join(json.dumps(one) for one in value) + "\n   ]"
        if isinstance(value, list) and value
        else f"   {json.dumps(name)}: {json.dumps(value)}"
        for name, value in section.items()
    )
    return "{\n" + ",\n".join(lists) + "\n  }"


@pytest.fixture(scope="module")
def now(whole: Path) -> dict[str, dict[str, Any]]:
    return json.loads(json.dumps(pages(whole)))


@pytest.mark.parametrize("page", ["a run", "a run without replays", "a study", "heads", *COMPARED])
def test_a_page_shows_what_it_showed(now: dict[str, dict[str, Any]], page: str) -> None:
    before = json.loads(KEPT.read_text())[page]
    assert list(now[page]) == list(before)
    for name, section in before.items():
        differ = [pair for pair in _pairs(now[page][name], section) if not _alike(*pair)]
        assert not differ, f"{name}: {differ[:3]}"


if __name__ == "__main__":
    from conftest import write_run  # pyrefly: ignore[missing-import]

    with tempfile.TemporaryDirectory() as folder:
        KEPT.write_text(_lines(pages(write_run(Path(folder) / "run"))))
