"""Does the doctor find what is wrong with a run, and is it silent about a healthy one? And four other tools?

    python benchmarks/doctor/run.py [--fit] [--quick] [--traces DIR] [--cache DIR] [--out FILE] [--markdown]

Reads the stored runs (`generate.py` makes them again) and prints one JSON object, or tables with --markdown. Without
--fit the table is of the half that nothing was fitted on. What counts is said in README.md.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import newllm
from fault_kinds import KINDS
from ours import accepted, first_said, right_cause, warnings_of, wrong_cause
from peers import MEANINGS, VERSIONS, Said, ask_peer, ask_while_they_go_on
from score import Answer, Label, score
from stored import LABELS, PACKED, unpack
from tables import markdown


def our_answers(labels: list[Label], runs: Path, quick: bool) -> dict[str, Answer]:
    """Return what the doctor says of every run."""
    return {label["name"]: _our_answer(label, newllm.doctor(_path(label, runs)), quick) for label in labels}


def _our_answer(label: Label, diagnosis: newllm.Diagnosis, quick: bool) -> Answer:
    said = diagnosis.findings
    answer = Answer([finding.kind for finding in warnings_of(said)], [f.kind for f in said if f.severity == "note"])
    if label["kind"] in KINDS:
        kind = KINDS[label["kind"]]
        answer.accepted = bool(accepted(said, kind))
        answer.noted = any(finding.kind in kind.findings for finding in said)
        answer.cause = right_cause(said, kind)
        answer.wrong_cause = wrong_cause(said, kind)
        if answer.accepted and not quick:
            answer.first = first_said(diagnosis.trace, diagnosis.facts, kind)
    return answer


def peer_answers(tool: str, labels: list[Label], runs: Path, cache: Path) -> dict[str, Answer]:
    """Return what another tool says of every run, and when it would have said first what counts."""
    said = ask_peer(tool, [_path(label, runs) for label in labels], cache)
    answers = {label["name"]: _peer_answer(tool, label, said[label["name"]]) for label in labels}
    found = [label for label in labels if answers[label["name"]].accepted]
    meanwhile = ask_while_they_go_on(tool, [_path(label, runs) for label in found], cache)
    for label in found:
        then = {step: _peer_answer(tool, label, it) for step, it in meanwhile[label["name"]].items()}
        answers[label["name"]].first = next((step for step, answer in then.items() if answer.accepted), None)
    return answers


def _peer_answer(tool: str, label: Label, said: list[Said] | str) -> Answer:
    if isinstance(said, str):
        return Answer([], [], failed=said)
    answer = Answer(
        [kind for kind, is_warning, _ in said if is_warning], [kind for kind, warns, _ in said if not warns]
    )
    if label["kind"] in KINDS:
        wanted = set(KINDS[label["kind"]].findings)
        answer.accepted = any(wanted & set(MEANINGS[tool].get(kind, ())) for kind in answer.warnings)
        answer.noted = answer.accepted or any(wanted & set(MEANINGS[tool].get(kind, ())) for kind in answer.notes)
    return answer


def _path(label: Label, runs: Path) -> Path:
    suffix = {"recorder": "", "jsonl": ".jsonl"}.get(label["log"], ".csv")
    return runs / (label["name"] + suffix)


def results(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return everything that is printed."""
    half = "fit" if arguments.fit else "table"
    labels = [
        label
        for label in json.loads((arguments.traces / LABELS.name).read_text(encoding="utf-8"))
        if label["half"] == half
    ]
    labels = [label for label in labels if not label.get("ill")]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        runs = Path(directory)
        unpack(runs, arguments.traces / PACKED.name)
        scores = {"newllm": score(labels, our_answers(labels, runs, arguments.quick))}
        for tool in () if arguments.quick else VERSIONS:
            try:
                scores[tool] = score(labels, peer_answers(tool, labels, runs, arguments.cache))
            except subprocess.CalledProcessError as error:
                scores[tool] = {"failed": f"{error}: {error.stderr}"}
    question = "what the doctor finds in runs with an injected fault, and says of healthy ones"
    return {
        "question": question,
        "half": half,
        "seconds": time.perf_counter() - start,
        "versions": VERSIONS,
        "tools": scores,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="the half that thresholds may be fitted on")
    parser.add_argument("--quick", action="store_true", help="the doctor alone, without lead times")
    parser.add_argument("--traces", type=Path, default=PACKED.parent, help="packed runs, those that are stored")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "newllm" / "doctor-benchmark")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    parser.add_argument("--markdown", action="store_true", help="print tables instead of JSON")
    arguments = parser.parse_args()
    found = results(arguments)
    text = json.dumps(found, indent=2)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(markdown(found) if arguments.markdown else text)


if __name__ == "__main__":
    main()
