"""The benchmark's numbers as Markdown."""

from typing import Any

from verdict_scores import WAYS


def markdown(found: dict[str, Any]) -> str:
    """Return the summary and the table by kind."""
    return "\n\n".join([_summary(found), _kinds(found)]) + "\n"


def _summary(found: dict[str, Any]) -> str:
    runs = f"{found['injected']} injected runs, {found['healthy']} healthy ones"
    rows = [
        [runs, *WAYS],
        ["---"] * (1 + len(WAYS)),
        ["first cause is the injected one", *(_share(found["right_first"][way]) for way in WAYS)],
        ["names nothing", *(_share(found["nothing_named"][way]) for way in WAYS)],
        ["calls a cause necessary", _share(found["cause_named"]), "-", "-"],
        ["... and it is the injected one", _share(found["right_cause"]), "-", "-"],
        ["... and it is wrong", _share(found["wrong_cause"]), "-", "-"],
        ["... in a healthy run", _share(found["wrong_cause_healthy"]), "-", "-"],
        ["healthy runs with something to replay", _share(found["replayed_healthy"]), "-", "-"],
        ["seconds a verdict, median [quartiles], longest", _seconds(found["seconds"]), "0", "0"],
    ]
    return _table(rows)


def _kinds(found: dict[str, Any]) -> str:
    rows = [["kind", "runs", *WAYS, "called cause: right", "wrong"], ["---"] * (4 + len(WAYS))]
    for kind, of in found["kinds"].items():
        right = [str(of["right_first"][way]) for way in WAYS]
        rows.append([kind, str(of["runs"]), *right, str(of["right_cause"]), str(of["wrong_cause"])])
    return _table(rows)


def _share(of: dict[str, Any]) -> str:
    if not of["of"]:
        return "-"
    return f"{of['hits']} of {of['of']}: {of['share']:.0%} [{of['low']:.0%}, {of['high']:.0%}]"


def _seconds(of: dict[str, float]) -> str:
    return f"{of['median']:.0f} [{of['low']:.0f}, {of['high']:.0f}], {of['longest']:.0f}" if of else "-"


def _table(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
