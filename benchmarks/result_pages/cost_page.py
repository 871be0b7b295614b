"""Tables of recorder-cost.json and ring-cost.json."""

from typing import Any

from markdown_tables import machine_line, number, ranged, table


def recorder(result: dict[str, Any]) -> str:
    """Return what recording costs."""
    parts = ["# What recording costs\n", "`python -m benchmarks --only recorder-cost`\n", machine_line(result)]
    for model in result["results"]:
        rows = [
            [name, f"{cost['cost']} %", f"{cost['spread'][0]} to {cost['spread'][1]} %"]
            for name, cost in model["cost_percent"].items()
        ]
        step = f"{model['milliseconds_unrecorded']} ms of processor time a step unrecorded"
        parts += [f"## {model['model']}, {step}\n", table(["", "cost", "bootstrap interval"], rows)]
    parts += [f"{name}: not installed\n" for name in result["missing"]]
    return "\n".join(parts)


def ring(result: dict[str, Any]) -> str:
    """Return what holding the last states costs."""
    heads = [
        "preset",
        "parameters",
        "ms a step",
        "inside ring and watch, %",
        "ratio of trainings, %",
        "of none twice, %",
    ]
    rows = [
        [
            one["preset"], f"{one['parameters']:,}", number(one["milliseconds_a_step"]["median"]),
            *[ranged(one[key]) for key in ("own_percent", "cost_percent", "again_percent")],
        ]
        for one in result["results"]
    ]  # fmt: skip
    return "\n".join(
        [
            "# What the ring costs\n",
            "`python -m benchmarks --only ring-cost`\n",
            machine_line(result),
            table(heads, rows),
        ]
    )
