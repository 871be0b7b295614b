"""What the replays of each spike show: curves of what was confirmed over the null replays, and the verdict table."""

from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.replay_curves import replay_curves
from newllm.report.markup import Html, joined, said_in, tag
from newllm.report.replay_tables import behind, tables
from newllm.report.sections.verdict import reproduction_state
from newllm.report.source import Source
from newllm.report.source.replays import Replayed
from newllm.trace import Verdict
from newllm.words.verdicts import sentences_of


def replay(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where nothing was replayed."""
    if not source.replays:
        return None
    parts, charts = [], []
    for number, one in enumerate(source.replays):
        html, drawn = _spike(source, words, one, number)
        parts.append(html)
        charts += drawn
    tried = [one.stage for spike in source.replays if spike.verdict for one in spike.verdict.interventions]
    counts = {"confirmed": tried.count("confirmed"), "screened": tried.count("screened")}
    gist = words("replay-gist", **counts) if tried else ""
    return Section(source.id("replay"), words("replay"), joined(parts), tuple(charts), gist=gist)


def _spike(source: Source, words: Catalogue, spike: Replayed, number: int) -> tuple[Html, list[Curves]]:
    if spike.verdict is None:
        said = words("replay-unfinished", name=spike.name, count=f"{spike.done:,}")
        return tag("p", said, kind="problem"), []
    charts = replay_curves(source, words, spike.verdict, spike.followed, number)
    drawn = tag("div", *(figure(chart, words) for chart in charts), kind="charts") if charts else Html()
    parts = [
        tag("h3", _title(spike.verdict, words)),
        *([] if number == 0 else [tag("p", said_in(words, said)) for said in sentences_of(spike.verdict)]),
        *([] if number == 0 else [tag("p", reproduction_state(spike.verdict, words))]),
        tag("p", words("replay-nulls", **_nulls(spike.verdict)), kind="muted")
        if spike.verdict.nulls.get("n")
        else Html(),
        tables(spike.verdict, words),
        *([tag("h4", words("replay-curves")), tag("p", words("replay-how"), kind="muted"), drawn] if charts else []),
        behind(spike.verdict, words),
    ]
    return joined(parts), charts


def _nulls(verdict: Verdict) -> dict[str, object]:
    return {"spiked": verdict.other_chance.get("spiked"), "n": verdict.other_chance["n"]}


def _title(verdict: Verdict, words: Catalogue) -> str:
    onset = verdict.spike.get("onset")
    return words("replay-spike", step=f"{onset:,}" if isinstance(onset, int) else "?")
