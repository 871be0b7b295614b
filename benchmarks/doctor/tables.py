"""The benchmark's numbers as Markdown."""

from typing import Any

from score import CLASSES


def markdown(found: dict[str, Any]) -> str:
    """Return the tables of one half."""
    tools = {name: scores for name, scores in found["tools"].items() if "classes" in scores}
    parts = [_summary(tools), _kinds(tools), *_failures(found["tools"])]
    return "\n\n".join(parts) + "\n"


def _summary(tools: dict[str, Any]) -> str:
    rows = [
        ["", *tools],
        ["---"] * (1 + len(tools)),
        *(
            [f"found, visible in the {name}", *(_share(of["classes"][name]["found"]) for of in tools.values())]
            for name in CLASSES
        ),
        *(
            [f"any warning, {name}", *(_share(of["classes"][name]["any_warning"]) for of in tools.values())]
            for name in CLASSES
        ),
        *(
            [f"found or noted, {name}", *(_share(of["classes"][name]["found_or_noted"]) for of in tools.values())]
            for name in CLASSES
        ),
        *([f"kinds found, {name}", *(_kinds_found(of["classes"][name]) for of in tools.values())] for name in CLASSES),
        ["false alarms a healthy run", *(f"{of['false_alarms_per_healthy_run']:.3f}" for of in tools.values())],
        ["healthy runs with an alarm", *(_share(of["healthy_with_an_alarm"]) for of in tools.values())],
        ["healthy runs with a note", *(_share(of["healthy_with_a_note"]) for of in tools.values())],
        *([f"right cause first, {name}", *(_cause(of["classes"][name]) for of in tools.values())] for name in CLASSES),
        *([f"lead in steps, {name}", *(_lead(of["classes"][name]) for of in tools.values())] for name in CLASSES),
    ]
    return _table(rows)


def _kinds(tools: dict[str, Any]) -> str:
    kinds = next(iter(tools.values()))["kinds"]
    rows = [["fault", "shows in", "runs", *tools], ["---"] * (3 + len(tools))]
    for kind, of in kinds.items():
        rows.append(
            [kind, of["visible"], str(of["runs"]), *(str(tool["kinds"][kind]["found"]) for tool in tools.values())]
        )
    return _table(rows)


def _failures(tools: dict[str, Any]) -> list[str]:
    lines = [f"{name}: {scores['failed']}" for name, scores in tools.items() if scores.get("failed")]
    return ["Could not be read or run: " + "; ".join(lines)] if lines else []


def _share(of: dict[str, Any]) -> str:
    if not of["of"]:
        return "-"
    return f"{of['hits']} of {of['of']}: {of['share']:.0%} [{of['low']:.0%}, {of['high']:.0%}]"


def _kinds_found(of: dict[str, Any]) -> str:
    return f"{of['kinds_found']} of {of['kinds']}"


def _cause(of: dict[str, Any]) -> str:
    return _share(of["right_cause"]) if of["right_cause"].get("hits") else "-"


def _lead(of: dict[str, Any]) -> str:
    lead = of["lead_steps"]
    if not lead["runs"]:
        return "-"
    return f"{lead['median']:g} [{lead['quartiles'][0]:g}, {lead['quartiles'][1]:g}] of {lead['runs']} runs"


def _table(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
