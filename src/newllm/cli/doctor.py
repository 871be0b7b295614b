"""Diagnose a run, with evidence: a run directory, or a log that any other tool wrote.

It reads a run of newllm.record or newllm train, CSV, JSON lines, console output, trainer_state.json, and directories of
TensorBoard, Lightning, MLflow and others. Of a directory of several runs or logs it judges each, and shows the worst in
full. The logs of a training's ranks, or torchrun's --log-dir, are read together, and compared.
Exit code: 0 healthy, 1 warning or fault, 2 not enough data.

A run of newllm.record is held against the newest one beside it that the same program recorded and in which nothing is
found; --against names another, and --alone none. A run directory of newllm gets findings.json, with what is said of the
run by itself; nothing is written beside a log of another tool, nor with --against.

  newllm doctor runs/my-text
  newllm doctor runs
  newllm doctor train_rank0.log train_rank1.log
  newllm doctor metrics.csv --vocab 50257
  newllm doctor metrics.csv --loss objective --step counter --role learning_rate=eta
  newllm doctor ppo.csv --kind reinforcement --role reward=score --note 2000=curriculum
  newllm doctor runs/my-text --watch
  newllm doctor runs/new --against runs/last-week
  newllm doctor metrics.csv --html page.html
  newllm doctor metrics.csv --lang ja
"""

import argparse
import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.cli.parser import language_of, run_named
from newllm.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "log",
        type=run_named,
        nargs="+",
        metavar="RUN_OR_LOG",
        help="a run directory, a log file, a directory of runs or logs, or the logs of one training's ranks",
    )
    parser.add_argument("--ranks", action="store_true", help="the logs are those of one training's ranks")
    parser.add_argument("--vocab", type=int, metavar="N", help="vocabulary size")
    add_column_arguments(parser)
    add_sound_arguments(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write the page as one HTML file")
    parser.add_argument("--watch", action="store_true", help="follow a run while it trains, until its end or Ctrl-C")


def add_sound_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which sound runs a run is held against, for every command that judges one."""
    parser.add_argument(
        "--against",
        type=run_named,
        metavar="SOUND",
        action="append",
        default=[],
        help="a sound run or log of the same program: tell what differs from it (again for another seed of it)",
    )
    parser.add_argument("--alone", action="store_true", help="hold it against no other run")


def add_column_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which columns of a log are meant, for every command that reads one."""
    parser.add_argument("--loss", metavar="COLUMN", help="column of the training loss in a log")
    parser.add_argument("--step", metavar="COLUMN", help="column of the step in a log")
    parser.add_argument("--kind", metavar="KIND", help="kind of training: reinforcement, adversarial, vae, ...")
    parser.add_argument(
        "--role",
        metavar="ROLE=COLUMN",
        action="append",
        default=[],
        help="what a column is: learning_rate, gradient_norm, reward, ...",
    )
    parser.add_argument(
        "--note", metavar="STEP=TEXT", action="append", default=[], help="a planned change: what follows is a note"
    )


def check_sound(arguments: argparse.Namespace) -> None:
    """Refuse a run that is to be held against others and against none."""
    if arguments.alone and arguments.against:
        raise UserError("--alone and --against cannot both be: give one of them")


def intent_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return kind, roles and planned changes as they were given."""
    from newllm.diagnosis.intent import parse_planned
    from newllm.diagnosis.roles import parse_role

    return {
        "kind": arguments.kind,
        "roles": dict(map(parse_role, arguments.role)),
        "notes": dict(map(parse_planned, arguments.note)),
    }


def run(arguments: argparse.Namespace) -> int:
    """Diagnose, and show it."""
    from newllm import api
    from newllm.words.diagnosis import headline

    words = language_of(arguments)
    if arguments.html is not None:
        _check_free(arguments.html)
    names = {"vocabulary": arguments.vocab, "loss": arguments.loss, "step": arguments.step, **intent_of(arguments)}
    check_sound(arguments)
    alone = arguments.alone or arguments.watch  # a run that goes on is judged again and again
    names |= {"ranks": arguments.ranks, "against": arguments.against or (() if alone else None)}
    log = arguments.log[0] if len(arguments.log) == 1 else arguments.log
    diagnose = functools.partial(api.doctor, log, **names)
    if arguments.watch:
        if len(arguments.log) > 1 or arguments.ranks:
            raise UserError("--watch follows one run or log: name one, without --ranks")
        from newllm.cli.doctor_watch import watch

        diagnosis, ended = watch(log, diagnose, words, quiet=arguments.quiet or arguments.json)
    else:
        ended = None
        each, unread = api.doctor_each(log, **names)
        if len(each) > 1:
            from newllm.cli.doctor_several import show_several

            diagnosis = show_several(log, each, unread, words, arguments)
            for one in each:
                _write(one, arguments.html if one is diagnosis else None, words, names["notes"])
            return max(_exit_code(one) for one in each if one.wrong == diagnosis.wrong)
        diagnosis = each[0]
    _show(diagnosis, arguments, words)
    _write(diagnosis, arguments.html, words, names["notes"])
    if not diagnosis.judged and (arguments.quiet or arguments.json):  # the page says so itself
        print(f"newllm: {headline(words, diagnosis.trace, diagnosis.findings, diagnosis.facts)}", file=sys.stderr)
    if ended is not None:
        return ended
    return _exit_code(diagnosis)


def _exit_code(diagnosis: Any) -> int:
    return 1 if diagnosis.wrong else 0 if diagnosis.judged else 2


def _show(diagnosis: Any, arguments: argparse.Namespace, words: Any) -> None:
    if arguments.json:
        # In ASCII: what a log brought must not reach a terminal as a control character of eight bits.
        print(json.dumps(diagnosis.as_dict(), allow_nan=False))
        return
    from newllm.cli.doctor_page import finding_line, full_page
    from newllm.cli.paper import PageConsole, say

    if not arguments.quiet:
        console = PageConsole(sys.stdout, words)
        console.show(full_page(diagnosis, console.paper))
        return
    for finding in diagnosis.findings:
        if finding.severity != "note":
            say(f"{finding_line(diagnosis, finding, words)}\n", sys.stdout)


def _check_free(path: Path) -> None:
    from newllm.cli.page_file import check_free
    from newllm.report.diagnosis_page import PAGE_NAME

    check_free(path, PAGE_NAME, "doctor", "--html")


def _write(diagnosis: Any, page: Path | None, words: Any, notes: Mapping[float, str]) -> None:
    """Write RUN/findings.json, RUN/notes.json where something was planned, and the page where one is asked for."""
    from newllm import api
    from newllm.demo import shown
    from newllm.report import diagnosis_page

    if page is not None:
        from newllm.files import write_bytes

        other = next(iter(diagnosis.against), None)
        sound = None if other is None else (shown(other.path), other.trace)
        html = diagnosis_page(
            shown(diagnosis.path), diagnosis.trace, diagnosis.facts, diagnosis.findings, words, sound=sound
        )
        write_bytes(page, html.encode())
    try:
        api.keep_notes(diagnosis.path, notes)
        api.write_findings(diagnosis)
    except UserError as error:  # someone else's run, or a full disk: what was found has been told all the same
        note = words("remark_line-note", remark=" ".join(str(error).splitlines()))
        print(f"newllm: {note}", file=sys.stderr)
