"""studies/founding/README.md, README.ja.md and their plots, from results.json, figures.json and replay.json alone."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from newllm.checksum import write_checked
from newllm.files import write_bytes
from newllm.plotting.verdict import draw_verdict
from newllm.statistics import Interval
from newllm.study.design import Row
from newllm.study.tables import markdown_table
from newllm.trace import Verdict

from . import document, words_en, words_ja
from .arms import DOCUMENT_RUNS
from .effects import Effect, effect
from .figures import draw_effects, draw_runs
from .printed_section import printed_data, printed_section, read_figures
from .replay_file import read_replay
from .replayed_section import FIGURE, replayed_section
from .tables import bounds, rows_by_arm, span, spike_table

PAGES: dict[str, ModuleType] = {"README.md": words_en, "README.ja.md": words_ja}
_TRAINS_ALIKE = "validation-known"  # the baseline's own training, another validation: it has no effect
_BESIDE = ("zero-context", "norm-write", "residual", "sgd")  # whose signals stand beside the document's runs
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
        draw_verdict(replayed, folder / FIGURE)
    if figures is not None:
        languages = {"en": words_en, "ja": words_ja}
        write_checked(folder / "printed.json", printed_data(results, figures, languages))
    for name, words in PAGES.items():
        write_bytes(folder / name, page(results, words, replayed, figures).encode())


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
    words: ModuleType,
    replayed: Verdict | None = None,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """Return the page in the language of `words`.

    Args:
        results: of the study.
        words: of the page.
        replayed: verdict of the baseline's replays; without it the page says nothing of replays.
        figures: of founding-figures; without it a short table stands for that of every figure.
    """
    effects = effects_of(results)
    parts = [
        f"# {words.WORDS['title']}",
        words.WORDS["lead"],
        _size(results, words),
        f"## {words.WORDS['short']}",
        _short(results, effects, words),
        _runs(results, words),
        _beside_table(results, words) if figures is None else printed_section(results, figures, words),
        _mechanism(results, words),
        _claims(results, words),
        f"## {words.WORDS['arithmetic']}",
        _bullets(_arithmetic(words)),
        _effects(effects, words),
        *([] if replayed is None else [replayed_section(replayed, results, words)]),
        f"## {words.WORDS['limits']}",
        words.WORDS["limits_text"],
        f"## {words.WORDS['files']}",
        words.WORDS["files_text"].format(tables=", ".join(f"[{name}]({name})" for name in _TABLES)),
    ]
    return "\n\n".join(parts) + "\n"


def _size(results: Mapping[str, Any], words: ModuleType) -> str:
    environment = results["environment"]
    return words.WORDS["size"].format(
        seeds=results["seeds"],
        sets=len(results["sets"]),
        names=", ".join(f"`{name}`" for name in results["sets"]),
        arms=len(results["arms"]),
        cells=len(results["rows"]),
        hours=results["core_seconds"] / 3600,
        cpu=environment.get("processor") or environment.get("cpu_capability", "CPU"),
        torch=environment.get("torch", "?"),
    )


def _short(results: Mapping[str, Any], effects: Mapping[str, Effect], words: ModuleType) -> str:
    verdicts = [claim["verdict"] for claim in results["claims"]]
    lines = [
        words.WORDS["short_verdicts"].format(
            holds=verdicts.count("holds"),
            part=verdicts.count("holds in part"),
            fails=verdicts.count("does not hold"),
            undecided=verdicts.count("undecided"),
        )
    ]
    kinds = {name: name for name in ("removes", "delays", "keeps", "hastens", "plants", "unclear")}
    for key, kind in {**kinds, "probe": "removes on the probe", "slow": "too slow"}.items():
        named = [arm for arm, found in effects.items() if found.kind == kind]
        if named or key == "removes":
            lines.append(words.WORDS[f"short_{key}"].format(arms=_named(named, words)))
    lines.insert(1, words.WORDS["short_lead"])
    higher = [arm for arm, found in effects.items() if _beyond(found.height, 1.0) > 0]
    lower = [arm for arm, found in effects.items() if _beyond(found.height, 1.0) < 0]
    if higher or lower:
        lines.append(words.WORDS["short_higher"].format(higher=_named(higher, words), lower=_named(lower, words)))
    return _bullets(lines)


def _beyond(interval: Interval | None, value: float) -> int:
    """Return 1 or -1 where the whole interval lies above or below a value, else 0."""
    if interval is None or interval.low is None or interval.high is None:
        return 0
    return 1 if interval.low > value else -1 if interval.high < value else 0


def _runs(results: Mapping[str, Any], words: ModuleType) -> str:
    ours = _document_runs(results)
    table = spike_table(ours)
    parts = [
        f"## {words.WORDS['runs']}",
        words.WORDS["runs_lead"],
        *([f"![{words.WORDS['runs_figure']}](runs.png)"] if ours else []),
        markdown_table(words.WORDS["runs_header"].split("|"), table.rows),
    ]
    return "\n\n".join(parts)


def _document_runs(results: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the rows of the document's runs, as far as there was time for them."""
    arms = rows_by_arm(results)
    return {arm: arms[arm] for arm in DOCUMENT_RUNS if arm in arms}


def _beside_table(results: Mapping[str, Any], words: ModuleType) -> str:
    arms = rows_by_arm(results)
    rows = [_beside(arm, arms[arm]) for arm in DOCUMENT_RUNS if arm in arms]
    table = markdown_table(words.WORDS["beside_header"].split("|"), rows)
    return f"### {words.WORDS['beside']}\n\n{table}"


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


def _mechanism(results: Mapping[str, Any], words: ModuleType) -> str:
    arms = rows_by_arm(results)
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
    rows = [
        (arm, *(span(arms[arm], name, None, form) for name, form in signals.items()))
        for arm in (*DOCUMENT_RUNS, *_BESIDE)
        if arm in arms
    ]
    parts = [
        f"## {words.WORDS['mechanism']}",
        words.WORDS["mechanism_lead"],
        markdown_table(words.WORDS["mechanism_header"].split("|"), rows),
    ]
    return "\n\n".join(parts)


def _claims(results: Mapping[str, Any], words: ModuleType) -> str:
    claims = results["claims"]
    table = [(claim["id"], words.CLAIM_TEXTS[claim["id"]], _verdict(claim, words)) for claim in claims]
    parts = [
        f"## {words.WORDS['claims']}",
        words.WORDS["claims_lead"],
        markdown_table(words.WORDS["claims_header"].split("|"), table),
        *(_claim(claim, words) for claim in claims),
    ]
    return "\n\n".join(parts)


def _verdict(claim: Mapping[str, Any], words: ModuleType) -> str:
    return f"**{words.VERDICTS[claim['verdict']]}**"


def _claim(claim: Mapping[str, Any], words: ModuleType) -> str:
    colon, stop = words.COLON, words.STOP
    numbers = [f"{words.NUMBERS.get(name, name)}{colon}{_number(value)}" for name, value in claim["numbers"].items()]
    if claim["p"] is not None:
        numbers.append(words.WORDS["p"].format(p=claim["p"], adjusted=claim["p_holm"]))
    parts = [
        f"### {claim['id']}. {words.CLAIM_TEXTS[claim['id']]}",
        f"{_verdict(claim, words)}{stop}{words.WORDS['measure']}{colon}{words.CLAIM_MEASURES[claim['id']]}",
        _bullets(numbers),
        f"{words.WORDS['arms_of_claim']}{colon}{_named(claim['arms'], words)}{stop.rstrip()}",
    ]
    return "\n\n".join(parts)


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


def _arithmetic(words: ModuleType) -> list[str]:
    lines = []
    for found in document.perplexities():
        if found.agrees:
            lines.append(
                words.WORDS["arithmetic_perplexity_right"].format(run=found.run, epoch=found.epoch, listed=found.listed)
            )
        elif found.belongs_to is not None:
            other, other_epoch = found.belongs_to
            lines.append(
                words.WORDS["arithmetic_perplexity_wrong"].format(
                    run=found.run,
                    epoch=found.epoch,
                    listed=found.listed,
                    computed=found.computed,
                    other=other,
                    other_epoch=other_epoch,
                )
            )
    run, epoch, ratio = document.largest_ratio()
    lines.append(words.WORDS["arithmetic_ratio"].format(run=run, epoch=epoch, ratio=ratio))
    earliest = min(document.onsets().items(), key=lambda onset: onset[1])
    lines.append(words.WORDS["arithmetic_window"].format(run=earliest[0], epoch=earliest[1]))
    if (better := document.better_after_best()) is not None:
        run, best, loss, later, lower = better
        lines.append(words.WORDS["arithmetic_best"].format(run=run, best=best, loss=loss, later=later, lower=lower))
    peaks = ", ".join(f"{max(loss for _, loss in curve)} ({run})" for run, curve in document.CURVES.items())
    lines.append(words.WORDS["arithmetic_size"].format(peaks=peaks))
    correct = document.ACCURACY * document.VALIDATION_TARGETS
    lines.append(
        words.WORDS["arithmetic_accuracy"].format(
            accuracy=document.ACCURACY,
            correct=round(correct),
            targets=document.VALIDATION_TARGETS,
            vocabulary=document.VOCABULARY,
        )
    )
    return [*lines, words.WORDS["arithmetic_overflow"]]


def _effects(effects: Mapping[str, Effect], words: ModuleType) -> str:
    rows = [
        (
            arm,
            words.ARM_CLAIMS[arm],
            words.EFFECTS[found.kind],
            f"{found.remedied.estimate:.2f}{bounds(found.remedied, '{:.2f}')}",
            f"{found.on_validation.estimate:.2f}{bounds(found.on_validation, '{:.2f}')}",
            words.WORDS["never"] if found.onset is None else f"{found.onset:.0f}",
            "-" if found.height is None else f"{found.height.estimate:.2f}{bounds(found.height, '{:.2f}')}",
        )
        for arm, found in effects.items()
    ]
    parts = [
        f"## {words.WORDS['effects']}",
        words.WORDS["effects_lead"],
        *([f"![{words.WORDS['effects_figure']}](effects.png)"] if effects else []),
        markdown_table(words.WORDS["effects_header"].split("|"), rows),
    ]
    return "\n\n".join(parts)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _named(arms: Sequence[str], words: ModuleType) -> str:
    return ", ".join(f"`{arm}`" for arm in arms) or words.WORDS["nobody"]
