"""What newllm says of the silent errors: the check before the first step, the recorder and doctor during training.

    python benchmarks/silent/judge.py [--quick] [--only NAME ...] [--held-out] [--out FILE]

Each program runs in a process of its own: the check on its parts and its step (and its loader, where it has one), then
the program built anew and recorded for `STEPS` steps. A case is found where something is said of the program with the
fault (a probe is wrong, or a finding of warning or worse) that is not said of its fixed twin. A fixed program of which
the check says that something is wrong is a false alarm; findings of the doctor on so few steps of a toy are listed, not
counted. A case of two processes is recorded by each of them into one directory, and not checked.

Held-out cases are left out unless asked for: they are scored once, when nothing is changed any more.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "shared")]
STEPS = 40
QUICK = ("no_causal_mask", "layers_in_a_list", "autocast_does_nothing")


def judged(name: str, fixed: bool) -> dict[str, Any]:
    """Return what is said of one program: wrong probes, and findings by kind."""
    import torch

    import newllm
    from cases import CASES

    torch.set_num_threads(1)
    training = CASES[name].build(fixed, 0)
    numbers = itertools.count()
    report = newllm.check(
        training.model,
        training.optimizer,
        training.loss,
        training.batches(0),
        loader=training.loader,
        step=lambda _: training.step(next(numbers)),
        seconds=60,
    )
    with tempfile.TemporaryDirectory() as place:
        said = _recorded(name, fixed, f"{place}/run") or _findings(f"{place}/run")
    return {
        "wrong": {outcome.probe: str(outcome.sentence) for outcome in report.wrong},
        "seconds": round(report.seconds, 2),
        "findings": said,
    }


def judged_in_two_ranks(name: str, fixed: bool) -> dict[str, Any]:
    """Return the same of a program of two processes, without the check."""
    from two_ranks import in_two_ranks

    with tempfile.TemporaryDirectory() as place:
        refused, _ = in_two_ranks(_recorded, name, fixed, f"{place}/run")
        return {"wrong": {}, "seconds": 0.0, "findings": refused or _findings(f"{place}/run")}


def _recorded(name: str, fixed: bool, out: str) -> dict[str, Any]:
    """Train and record; return what the recorder refuses, by its reason."""
    import newllm
    from cases import CASES

    training = CASES[name].build(fixed, 0)
    try:
        with newllm.record(training.model, training.optimizer, out, every=5) as recorder:
            for number in range(STEPS):
                recorder.step(training.step(number))
    except newllm.UserError as error:  # the recorder says what is wrong, in a line
        return {f"refused: {error}": 0}
    return {}


def _findings(out: str) -> dict[str, Any]:
    """Return the kinds of the doctor's warnings, each with its first step, counted from 0."""
    import newllm

    found = sorted((one.kind, one.first_step) for one in newllm.doctor(out).findings if one.severity != "note")
    return {kind: None if step is None else int(step) - 1 for kind, step in reversed(found)}


def _in_a_process(name: str, fixed: bool) -> dict[str, Any]:
    call = [sys.executable, __file__, "--program", name, *(["--fixed"] if fixed else [])]
    done = subprocess.run(call, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1:], "wrong": {}, "findings": {}}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three cases")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--held-out", action="store_true", help="the held-out cases, and only those")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    parser.add_argument("--program", help=argparse.SUPPRESS)
    parser.add_argument("--fixed", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.program:
        from cases import CASES

        judge = judged if CASES[arguments.program].processes == 1 else judged_in_two_ranks
        print(json.dumps(judge(arguments.program, arguments.fixed)))
        return
    import machine
    from answers import give
    from cases import CASES

    chosen = [case for case in CASES.values() if case.held_out == arguments.held_out]
    wanted = arguments.only or (QUICK if arguments.quick else None)
    results: list[dict[str, Any]] = []
    for case in chosen:
        if wanted is not None and case.name not in wanted:
            continue
        faulty, fixed = (_in_a_process(case.name, one) for one in (False, True))
        told = sorted({*faulty["wrong"], *faulty["findings"]} - {*fixed["wrong"], *fixed["findings"]})
        results.append(
            {"case": case.name, "before": case.can_be_seen_before, "told": told, "faulty": faulty, "fixed": fixed}
        )
        print(
            f"{case.name:36} {', '.join(told) or '-':60} fixed: {', '.join(fixed['wrong']) or 'silent'}",
            file=sys.stderr,
        )

    def by_the_check(rows: list[dict[str, Any]]) -> int:
        return sum(bool(set(one["faulty"]["wrong"]) - set(one["fixed"]["wrong"])) for one in rows)

    found = [one for one in results if one["told"]]
    before = [one for one in results if one["before"]]
    summary = {
        "cases": len(results),
        "found": len(found),
        "seen before": len(before),
        "found by the check": by_the_check(results),
        "found before": by_the_check(before),
        "fixed with a wrong probe": sum(bool(one["fixed"]["wrong"]) for one in results),
    }
    print(summary, file=sys.stderr)
    give(
        {"question": "silent errors", "machine": machine.describe(), "steps": STEPS, **summary, "results": results},
        arguments.out,
    )


if __name__ == "__main__":
    main()
