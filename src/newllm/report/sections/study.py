"""A study: what became of its claims, its arms with shares and intervals, and the environment it ran in.

Claims and arms keep the words of whoever wrote them, in the page's language where they gave them, else marked as
English.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.charts.forest_svg import forest_svg, scale
from newllm.report.markup import Html, block, english, folded, joined, listed, pairs, said_in, table, tag
from newllm.report.sections.study_arms import arms_section
from newllm.report.sections.study_curves import curves_section
from newllm.report.sections.study_texts import study_text
from newllm.report.source.study import Item, StudySource
from newllm.statistics.plain_data import interval_in, number_of
from newllm.words.labels import evidence_label
from newllm.words.numbers import value as evidence_value
from newllm.words.plain import plain
from newllm.words.studies import deciding_number, estimate_text, numbers_of, processors, verdict_text, waiting
from newllm.words.tables import Table

VERDICTS = {"holds": ("good", "●"), "holds in part": ("warning", "◐"), "does not hold": ("fault", "○"),
            "undecided": ("note", "?")}  # fmt: skip
"""Each with its mood and a sign, so that it is read without its colour."""
_LONG = 2000
_LONGEST_TEXT = 4000  # characters of a printed text


def study_sections(study: StudySource, words: Catalogue) -> list[Section]:
    """Return the sections of a study's page; what it has nothing of is left out.

    The verdict of its replay is not among them: `study.replay` goes through the sections of a run.
    """
    made = [
        _claims(study, words),
        _printed_section(study, words),
        arms_section(study, words),
        curves_section(study, words),
        _own_section(study, words),
        _about(study, words),
    ]
    return [section for section in made if section is not None]


def study_lead(study: StudySource, words: Catalogue) -> Html:
    """Return what stands under the study's name: its title, its size, what had no time and what could not be read."""
    sets, unrun = study.about.get("sets"), waiting(study.about.get("waiting"))
    each = min(Counter(row["arm"] for row in study.rows).values(), default=0)
    sizes = {
        "each": each if len(study.rows) == each * len(study.arms) else 0,
        "seeds": f"{len({row['seed'] for row in study.rows}):,}", "arms": f"{len(study.arms):,}",
        "runs": f"{len(study.rows):,}", "sets": f"{len(sets) if isinstance(sets, list) else 1:,}",
        "hours": f"{(number_of(study.about.get('core_seconds')) or 0.0) / 3600:,.1f}",
    }  # fmt: skip
    parts = [
        tag("p", study_text(study, words, study.title)) if study.title else Html(),
        tag("p", words("study-size", **sizes), kind="muted"),
        tag("p", plain(words.text(unrun), _LONG)) if unrun is not None else Html(),
        *(tag("p", plain(words.text(remark), _LONG)) for remark in processors(study.about)),
        listed(said_in(words, problem) for problem in study.problems),
    ]
    return joined(parts)


def _claims(study: StudySource, words: Catalogue) -> Section | None:
    if not study.claims:
        return None
    tally = Counter(str(claim["verdict"]) for claim in study.claims)
    summary = joined(
        (
            tag("span", tag("strong", str(tally[verdict])), " ", _sign(verdict, words))
            for verdict in VERDICTS
            if tally[verdict]
        ),
        " ",
    )
    heads = ["", words("study-claim"), words("study-verdict"), words("study-by"), words("study-interval"), ""]
    rows = [_claim_row(study, claim, words) for claim in study.claims]
    parts = [
        tag("p", summary, kind="verdicts"),
        tag("p", words("study-about_claims"), kind="muted"),
        table(heads, rows, about=words("study-claims"), text=(1, 2, 3, 5)),
        folded(words("study-each_claim"), joined(_claim_in_full(study, claim, words) for claim in study.claims)),
    ]
    return Section("study-claims", words("study-claims"), joined(parts))


def _sign(verdict: str, words: Catalogue) -> Html:
    mood, sign = VERDICTS.get(verdict, ("note", "?"))
    text = plain(verdict_text(verdict, words))
    return tag("span", tag("span", sign, aria_hidden="true"), " ", text, kind=f"holds {mood}")


def _claim_row(study: StudySource, claim: Item, words: Catalogue) -> list[object]:
    """Return a claim with the number that decided it, or what nothing could be decided for want of."""
    deciding, drawn = deciding_number(claim), Html()
    name, estimate = deciding.name, deciding.estimate
    if estimate is not None:
        share = name.startswith("share")
        ends = (0.0, max(1.0, *(end for end in estimate if end is not None))) if share else scale([estimate], 0.0)
        drawn = forest_svg(
            [estimate], ends, (0.5, 0.0, 1.0) if share else (0.0,), VERDICTS.get(str(claim["verdict"]), ("note",))[0]
        )
    by: object = "-" if deciding.missing is None else plain(words.text(deciding.missing))
    if estimate is not None:
        by = study_text(study, words, name, evidence_label(words, name))
    return [
        str(claim["id"]), study_text(study, words, claim["text"]), _sign(str(claim["verdict"]), words),
        by, "-" if estimate is None else estimate_text(estimate), drawn,
    ]  # fmt: skip


def _claim_in_full(study: StudySource, claim: Item, words: Catalogue) -> Html:
    """Return how a claim was measured, all its numbers, and the arms that decided it."""
    measured: list[tuple[object, object]] = [
        (study_text(study, words, name, evidence_label(words, name)), _number(words, value))
        for name, value in numbers_of(claim).items()
    ]
    p, adjusted = number_of(claim.get("p")), number_of(claim.get("p_holm"))
    if p is not None:
        measured.append((words("study-p"), f"{p:.2g}"))
    if adjusted is not None:
        measured.append((words("study-p_holm"), f"{adjusted:.2g}"))
    arms = claim.get("arms")
    parts = [
        tag(
            "h3",
            str(claim["id"]),
            ". ",
            study_text(study, words, claim["text"]),
            " ",
            _sign(str(claim["verdict"]), words),
        ),
        tag("p", study_text(study, words, claim.get("measure", ""))),
        pairs(measured),
        tag("p", words("study-arms_of_claim"), " ", _names(arms)) if isinstance(arms, list) else Html(),
    ]
    return tag("div", *parts, kind="claim")


def _names(names: Sequence[Any]) -> Html:
    return joined((tag("code", plain(name, 80)) for name in names), ", ")


def _number(words: Catalogue, value: Any) -> str:
    found = interval_in(value)
    return estimate_text(found) if found is not None else evidence_value(words, value)


def _about(study: StudySource, words: Catalogue) -> Section:
    """Return what one needs to run it again."""
    environment, failed = study.about.get("environment"), study.about.get("failed")
    machine = (
        [(plain(name, 60), evidence_value(words, value)) for name, value in environment.items()]
        if isinstance(environment, Mapping)
        else []
    )
    lost = [f"{name}: {why}" for name, why in failed.items()] if isinstance(failed, Mapping) else []
    parts = [
        tag("p", tag("code", f"newllm study {plain(study.name, 80)}", kind="command")),
        pairs(machine),
        block(words("study-failed"), listed(english(words, plain(line, _LONG)) for line in lost)),
    ]
    return Section("study-about", words("configuration"), joined(parts))


def _own_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the tables that the study itself makes, None where it makes none."""
    parts = []
    for own in study.tables:
        heads = [study_text(study, words, head) for head in own.header]
        parts += [
            tag("h3", study_text(study, words, own.title)) if own.title else Html(),
            *(tag("p", study_text(study, words, text)) for text in own.texts),
            table(heads, own.rows, about=own.title or words("study-tables"), text=own.words) if heads else Html(),
        ]
    return Section("study-tables", words("study-tables"), joined(parts)) if parts else None


def _printed_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the printed figures, None where there is no such file or nothing in it in this language or in English."""
    found = study.printed.get(words.lang) or study.printed.get("en")
    if not isinstance(found, Mapping):
        return None
    title = plain(str(found.get("title") or "printed.json"), 200)
    tables = [Table.from_dict(one) for one in _listed(found.get("tables")) if isinstance(one, Mapping)]
    texts = [tag("p", plain(str(text), _LONGEST_TEXT)) for text in _listed(found.get("texts"))]
    parts = [*texts, *(_table_part(one, title) for one in tables)]
    return Section("study-printed", title, joined(parts)) if parts else None


def _table_part(part: Table, about: str) -> Html:
    heading = [tag("h3", part.title)] if part.title else []
    columns = [table(part.header, part.rows, about=part.title or about, text=part.words)] if part.header else []
    return joined([*heading, *(tag("p", text) for text in part.texts), *columns])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
