"""studies/founding/README.md, README.ja.md and their plots, from results.json, figures.json and replay.json alone."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from newllm.checksum import write_checked
from newllm.files import write_bytes
from newllm.plotting.verdict import draw_verdict
from newllm.statistics import Interval
from newllm.study.design import Row
from newllm.trace import Verdict
from newllm.words.tables import markdown_table

from . import document
from .arms import DOCUMENT_RUNS
from .effects import Effect, effect
from .figures import draw_effects, draw_runs
from .labels import Labels, labels
from .printed_section import printed_data, printed_section, read_figures
from .replay_file import read_replay
from .replayed_section import replayed_section
from .tables import bounds, rows_by_arm, span, spike_table

PAGES = {"README.md": "en", "README.ja.md": "ja"}
_TRAINS_ALIKE = "validation-known"  # the baseline's own training, another validation: it has no effect
_BESIDE = ("zero-context", "norm-write", "residual", "sgd")  # whose signals stand beside the document's runs
_KINDS = ("removes", "delays", "keeps", "hastens", "causes", "unclear", "removes on the probe", "too slow")
_TABLES = ("claims.md", "claims.csv", "spikes.md", "spikes.csv", "arms.md", "arms.csv")


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write both pages and the figures.

    Raises:
        UserError: the folder's replay.json or figures.json is damaged, or there is no room.
    """
    if not results["rows"]:
        return
    replayed, figures = read_replay(folder), read_figures(folder)
    if _document_runs(results):
        draw_runs(folder / "runs.png", results)
    if effects := effects_of(results):
        draw_effects(folder / "effects.png", effects)
    if replayed is not None:
        draw_verdict(replayed, folder / "replay.png")
    if figures is not None:
        write_checked(folder / "printed.json", printed_data(results, figures, tuple(PAGES.values())))
    for name in PAGES:
        write_bytes(folder / name, page(results, name, replayed, figures).encode())


def effects_of(results: Mapping[str, Any]) -> dict[str, Effect]:
    """Return the effect of every arm that has a control, but for the document's own runs."""
    rows = rows_by_arm(results)
    return {
        arm["name"]: effect(rows[arm["name"]], rows[arm["control"]])
        for arm in results["arms"]
        if arm["control"] in rows and arm["name"] not in (*DOCUMENT_RUNS, _TRAINS_ALIKE)
    }


def page(
    results: Mapping[str, Any],
    name: str,
    replayed: Verdict | None = None,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """Return the page of that name, filled from its template.

    Args:
        results: of the study.
        name: one of `PAGES`.
        replayed: verdict of the baseline's replays; without it the page says nothing of replays.
        figures: of founding-figures; without it a short table stands for that of every figure.
    """
    words, arms, effects = labels(PAGES[name]), rows_by_arm(results), effects_of(results)
    environment = results["environment"]
    return _template(f"{name}.j2").render(
        words=words,
        table=_table,
        number=_number,
        results=results,
        names=", ".join(f"`{name}`" for name in results["sets"]),
        hours=results["core_seconds"] / 3600,
        cpu=environment.get("processor") or environment.get("cpu_capability", "CPU"),
        torch=environment.get("torch", "?"),
        count=Counter(claim["verdict"] for claim in results["claims"]),
        arms={kind: [arm for arm, found in effects.items() if found.kind == kind] for kind in _KINDS},
        higher=[arm for arm, found in effects.items() if _beyond(found.height, 1.0) > 0],
        lower=[arm for arm, found in effects.items() if _beyond(found.height, 1.0) < 0],
        has_runs=bool(_document_runs(results)),
        spikes=spike_table(_document_runs(results)).rows,
        printed=None if figures is None else printed_section(results, figures, words),
        beside=[_beside(arm, arms[arm]) for arm in DOCUMENT_RUNS if arm in arms],
        mechanism=_mechanism(arms),
        claims=results["claims"],
        claims_table=[_verdict(claim, words) for claim in results["claims"]],
        document=document,
        ratio=document.largest_ratio(),
        earliest=min(document.onsets().items(), key=lambda onset: onset[1]),
        better=document.better_after_best(),
        peaks=", ".join(f"{max(loss for _, loss in curve)} ({run})" for run, curve in document.CURVES.items()),
        correct=round(document.ACCURACY * document.VALIDATION_TARGETS),
        effects=[_effect(arm, found, words) for arm, found in effects.items()],
        replayed=None if replayed is None else replayed_section(replayed, results, words),
        tables=", ".join(f"[{name}]({name})" for name in _TABLES),
    )


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(name)


def _table(header: str | Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; templates write a header as "one|two"."""
    return markdown_table(header.split("|") if isinstance(header, str) else header, rows)


def _document_runs(results: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the rows of the document's runs, as far as there was time for them."""
    arms = rows_by_arm(results)
    return {arm: arms[arm] for arm in DOCUMENT_RUNS if arm in arms}


def _beyond(interval: Interval | None, value: float) -> int:
    """Return 1 or -1 where the whole interval lies above or below a value, else 0."""
    if interval is None or interval.low is None or interval.high is None:
        return 0
    return 1 if interval.low > value else -1 if interval.high < value else 0


def _beside(arm: str, rows: Sequence[Row]) -> tuple[str, ...]:
    onsets = document.onsets()
    ours = [row["validation_onset"] for row in rows if row["validation_spiked"]]
    return (
        arm,
        f"{document.BEST_VALIDATION[arm]:.4f}",
        f"{statistics.median(row['best_validation'] for row in rows):.4f}",
        str(document.BEST_EPOCH[arm]),
        f"{statistics.median(row['best_epoch'] for row in rows):.0f}",
        str(onsets.get(arm, "-")),
        f"{statistics.median(ours):.0f}" if ours else "-",
    )


def _mechanism(arms: Mapping[str, Sequence[Row]]) -> list[tuple[str, ...]]:
    signals = {
        "context_norm_before": "{:.3g}",
        "context_norm_at_onset": "{:.3g}",
        "lyapunov_at_onset": "{:.2f}",
        "gradient_before": "{:.2g}",
        "gradient_highest": "{:.3g}",
        "update_before": "{:.2g}",
        "update_at_onset": "{:.2g}",
        "activation_growth": "{:.3g}",
    }
    return [
        (arm, *(span(arms[arm], name, None, form) for name, form in signals.items()))
        for arm in (*DOCUMENT_RUNS, *_BESIDE)
        if arm in arms
    ]


def _verdict(claim: Mapping[str, Any], words: Labels) -> tuple[str, ...]:
    return claim["id"], words.claim_texts[claim["id"]], f"**{words.verdicts[claim['verdict']]}**"


def _number(value: Any) -> str:
    """Write a number, an interval (estimate, low, high), a list or numbers by name."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_number(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        if len(value) == 3 and any(isinstance(item, float) for item in value):
            return f"{_number(value[0])}{bounds(Interval(*value), '{:.3g}')}"
        return ", ".join(_number(item) for item in value)
    if isinstance(value, float):
        return f"{value:.3g}"
    return "-" if value is None else str(value)


def _effect(arm: str, found: Effect, words: Labels) -> tuple[str, ...]:
    return (
        arm,
        words.arm_purposes[arm],
        words.effects[found.kind],
        f"{found.remedied.estimate:.2f}{bounds(found.remedied, '{:.2f}')}",
        f"{found.on_validation.estimate:.2f}{bounds(found.on_validation, '{:.2f}')}",
        words.never if found.onset is None else f"{found.onset:.0f}",
        "-" if found.height is None else f"{found.height.estimate:.2f}{bounds(found.height, '{:.2f}')}",
    )
