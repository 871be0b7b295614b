"""Did a refactoring change anything that a user sees? Record it before and after, and compare.

    python benchmarks/golden/run.py record DIR [--commit C] [--only PART ...]
    python benchmarks/golden/run.py compare A B

`record` writes text files: what commands print on fixed runs and logs, their pages, their error lines, every loss.
With --commit it runs the sources of that commit, in a temporary git worktree, else those of this checkout as they are.
`compare` prints a unified diff by file, nothing where the recordings are equal; exit code 1 if anything differs.
Times, dates, ports, process ids and folders are blanked (blanking.py). Losses are compared to the bit: record both on
one machine.
"""

import argparse
import concurrent.futures
import signal
import sys
import tempfile
import time
from pathlib import Path

import interventions
import log_files
import page_answers
import study_results
import trainings
import wrong_calls
from difference import differences
from recording import open_recordings, recording, sources

PARTS = {
    "trained": trainings.record,
    "interventions": interventions.record,
    "pages": page_answers.record,
    "logs": log_files.record,
    "bad_input": wrong_calls.record,
    "studies": study_results.record,
}
"""By name, the longest first."""
USUAL = [name for name in PARTS if name != "interventions"]
"""What is recorded where no part is named."""


def record(out: Path, commit: str | None, parts: list[str], at_once: int) -> int:
    """Record parts, some at once, and return how many failed."""
    failed = 0
    with sources(commit) as source, concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        running = {pool.submit(_part, name, source, out): name for name in parts}
        try:
            for done in concurrent.futures.as_completed(running):
                failed += done.exception() is not None
                print(f"{running[done]}: {done.exception() or f'{done.result():.0f} s'}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for one in list(open_recordings):
                one.stop()
            raise
    return failed


def _part(name: str, source: Path, out: Path) -> float:
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="golden-") as folder,
        recording(source, out / name, Path(folder).resolve() / "work") as to,
    ):
        PARTS[name](to)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recorded = commands.add_parser("record", help="write what a user sees into DIR")
    recorded.add_argument("out", type=Path, metavar="DIR")
    recorded.add_argument("--commit", metavar="C", help="the sources of this commit (default: this checkout's)")
    recorded.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        metavar="PART",
        help=f"of {', '.join(PARTS)} (default: all but interventions)",
    )
    recorded.add_argument("--at-once", type=int, default=2, metavar="N", help="parts at a time (default 2)")
    compared = commands.add_parser("compare", help="print what differs between two recordings")
    compared.add_argument("first", type=Path, metavar="A")
    compared.add_argument("second", type=Path, metavar="B")
    compared.add_argument("--only", nargs="+", choices=PARTS, metavar="PART")
    compared.add_argument("--no-additions", action="store_true", help="leave out what only B has, as new keys of JSON")
    options = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):  # in the background, too
        signal.signal(ending, signal.default_int_handler)
    if options.command == "record":
        return 1 if record(options.out, options.commit, options.only or USUAL, options.at_once) else 0
    for folder in (options.first, options.second):
        if not folder.is_dir():
            parser.error(f"'{folder}' is no directory: record into it first")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads the differences may stop
    pairs = [(options.first / part, options.second / part) for part in options.only or [""]]
    found = False
    for pair in pairs:
        for line in differences(*pair, additions=not options.no_additions):
            found = True
            print(line)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
