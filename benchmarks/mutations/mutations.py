"""Do the tests notice a mistake? Single random changes to the sources, each against the tests of its own area.

    python benchmarks/mutations/mutations.py --seed N [--area NAME ...] [--each K] [--seconds S] [--out FILE]

Twelve areas, K changes in each; every line of an area is as likely to be changed. The sources are copied and changed in
a temporary folder, the checkout stays as it is. Test files run in the order in which they may have to do with the
change: those that import its module, those that bear its name, those that name it, the others; until a test fails.
That test must pass without the change, or it is left out and the change tried again. What does not end is noticed where
the test that it is at ends without the change; what takes longer than `LIMIT` in all without failing is not.

What is not noticed is real, unless harmless_mutations.json says why it changes nothing that matters.
With --seconds no further change is begun after so many. Exit status 1: fewer than nine in ten real ones were noticed.
"""

import argparse
import collections
import compileall
import contextlib
import hashlib
import json
import os
import py_compile
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from markdown_tables import table
from mutation_sites import Mutant, draw, sites

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AREAS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "training": (("training",), ("unit/training", "faults")),
    "engines": (("engines",), ("unit/engines",)),
    "trace": (("trace",), ("unit/trace", "fuzz")),
    "data": (("data",), ("unit/data",)),
    "checks": (("checks", "loss_form.py", "batch_norm.py"), ("unit/checks", "unit/recorder/test_asked.py")),
    "diagnosis": (("diagnosis",), ("unit/diagnosis",)),
    "report": (("report", "messages", "words"), ("unit/report", "unit/messages", "unit/words")),
    "ui": (("ui", "playground", "demo"), ("unit/ui", "unit/playground", "unit/demo")),
    "replays": (("replays",), ("unit/replays",)),
    "bisection": (("bisection", "reruns"), ("unit/bisection", "unit/reruns")),
    "recorder": (("recorder",), ("unit/recorder",)),
    "integrations": (("integrations", "hf.py", "lightning.py", "lm_eval.py"), ("unit/integrations",)),
    "tracking": (("tracking",), ("unit/tracking",)),
    "generation": (("generation",), ("unit/generation", "numerics/generation")),
    "serve": (("serve", "servers"), ("unit/serve", "unit/cli/test_serve.py", "unit/ui/test_server.py")),
    "inference": (("inference", "frames.py"), ("unit/inference", "unit/test_frames.py")),
    "model": (("model", "recurrence", "kernels"), ("numerics/model", "numerics/recurrence", "numerics/kernels")),
    "recall": (("recall",), ("unit/recall",)),
    "study": (("study", "statistics", "studies"), ("unit/study", "unit/statistics")),
    "command line": (("cli", "api", "plotting", "version.py",
                      "launcher.py", "files.py", "checksum.py", "storage.py", "time_limit.py", "chance.py",
                      "child_process.py", "extras.py", "machine.py", "__main__.py"),
                     ("unit/cli", "unit/api", "unit/plotting", "unit/test_extras.py",
                      "unit/test_machine.py", "unit/test_child_process.py", "unit/test_files.py",
                      "unit/test_checksum.py", "unit/test_storage.py")),
}  # fmt: skip
"""By name: what of src/newllm is changed, or the folder of studies, and which tests are its own."""
STUDIES = "studies"  # stands beside src
COMPILED = ("kernels", "recurrence/scan", "model/chain", "generation/compiled_step")
"""Folders of src/newllm whose sources become machine code, which numba keeps by the date of one of them alone."""
AIM = 0.9
LIMIT = 240.0  # seconds for the tests of a change
ONE = 60.0  # seconds for a single test: it hangs
KEY = ("file", "function", "code", "change")  # what one looked at is found again by, wherever the line has moved
MEMORY = 16 * 2**30  # bytes of addresses: a change may ask for any number


class Copy:
    """A copy of the sources in an empty folder, with tests run on it."""

    def __init__(self, folder: Path) -> None:
        self.source, self._own = folder / "src", folder / "own"
        self._sound: dict[str, bool] = {}
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__"))
        if (ROOT / STUDIES).is_dir():  # tests import it by that name: from the copy, not from the checkout
            shutil.copytree(ROOT / STUDIES, self.source / STUDIES, ignore=shutil.ignore_patterns("__pycache__"))
            (folder / STUDIES).symlink_to(self.source / STUDIES)
        # By the content, not by the date: two changes in one second would be the same file.
        compileall.compile_dir(self.source, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        for path in ROOT.iterdir():  # what the sources find beside them
            if path.name not in ("src", STUDIES, ".git"):
                (folder / path.name).symlink_to(path)
        self._own.mkdir()

    def noticed(self, mutant: Mutant, files: Sequence[Path]) -> str | None:
        """Return which test notices a change, None where none does."""
        while True:
            by, fails = self._first_failure(mutant, files)
            if by in self._left_out():
                raise SystemExit(f"{by} fails without any change, and cannot be left out")
            if by is None or self._is_sound(by):
                return by if fails or by is None else f"{by} does not end"
            print(f"{by} fails without any change, and is left out", file=sys.stderr, flush=True)

    def _left_out(self) -> list[str]:
        return [test for test, is_sound in self._sound.items() if not is_sound]

    def _first_failure(self, mutant: Mutant, files: Sequence[Path]) -> tuple[str | None, bool]:
        """Return the test that a change makes fail or hang, and whether it fails."""
        before = mutant.apply(self.source)
        try:
            code, said = self.run([*map(str, files), *(f"--deselect={test}" for test in self._left_out())], LIMIT)
            if code is None:  # what it was at is begun once more, alone
                at = [line.partition(" PASSED")[0].strip() for line in said.splitlines() if "::" in line][-1:]
                return (at[0], False) if at and self.run(at, ONE)[0] is None else (None, False)
        finally:
            (self.source / mutant.file).write_text(before)
        failed = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", said, re.MULTILINE)
        return (failed[0] if failed else f"exit status {code}" if code else None), True

    def _is_sound(self, test: str) -> bool:
        """Whether a test passes, or a test file can be imported, without any change."""
        if test not in self._sound:
            arguments = [test] if "::" in test else ["--collect-only", test]
            self._sound[test] = test.startswith("exit status") or self.run(arguments, ONE)[0] == 0
        return self._sound[test]

    def machine_code(self) -> Path:
        """Return where numba keeps the machine code of the sources as they are: a change must not run the old one."""
        files = [file for folder in COMPILED for file in sorted((self.source / "newllm" / folder).rglob("*.py"))]
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        return self._own / f"machine-code-{digest[:12]}"

    def run(self, tests: Sequence[str], seconds: float) -> tuple[int | None, str]:
        """Run tests up to the first failure; return the exit status, None after so many seconds, and its words."""
        environment = os.environ | {
            "PYTHONPATH": str(self.source), "PYTHONUNBUFFERED": "1", "NEWLLM_CACHE": str(self._own / "cache"),
            "NUMBA_CACHE_DIR": str(self.machine_code()),
        }  # fmt: skip
        # -P and no pythonpath: `studies` comes from the copy, as newllm does
        command = [sys.executable, "-P", "-m", "pytest", "-v", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider",
                   "-o", "pythonpath=", f"--basetemp={self._own / 'tests'}", *tests]  # fmt: skip
        with (self._own / "output").open("w+") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_limited,
            )  # fmt: skip
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with contextlib.suppress(ProcessLookupError):  # whatever a test left behind, too
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            return code, output.read()


def tests_of(area: str, mutant: Mutant) -> list[Path]:
    """Return the test files of an area, those that have most to do with a change first."""
    places = [ROOT / "tests" / path for path in AREAS[area][1]]
    files = [file for path in places for file in ([path] if path.suffix else sorted(path.rglob("test_*.py")))]
    module = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    package, _, stem = module.rpartition(".")

    def distance(file: Path) -> tuple[int, int]:
        text = file.read_text()
        related = [
            module in text or re.search(rf"from {re.escape(package)} import .*\b{stem}\b", text) is not None,
            stem in file.stem,
            re.search(rf"\b{stem}\b", text) is not None,
            package in text,
            True,
        ]
        return related.index(True), len(text)

    return sorted(files, key=distance)


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def drawn(area: str, seed: int, count: int, source: Path) -> list[Mutant]:
    """Return the changes of an area that a seed stands for."""
    places = [source / name if name == STUDIES else source / "newllm" / name for name in AREAS[area][0]]
    files = [file for place in places for file in sorted(place.rglob("*.py") if place.is_dir() else [place])]
    return draw([one for file in files for one in sites(source, file)], count, random.Random(f"{seed} {area}"))


def summed(mutants: Sequence[dict[str, Any]]) -> str:
    """Return the table by area."""
    rows = []
    for area in [*dict.fromkeys(one["area"] for one in mutants), "all"]:
        own = collections.Counter(one["outcome"] for one in mutants if area in (one["area"], "all"))
        real = own["noticed"] + own["not noticed"]
        share = f"{100 * own['noticed'] / real:.0f} %" if real else "-"
        rows.append([area, f"{own.total()}", f"{own['harmless']}", f"{real}", f"{own['noticed']}", share])
    return table(["area", "changes", "harmless", "real", "noticed", "share"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--area", action="append", choices=AREAS)
    parser.add_argument("--each", type=int, default=8, metavar="K")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="S")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    ends = time.monotonic() + options.seconds
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    mutants: list[dict[str, Any]] = []
    result = {"seed": options.seed, "commit": told.stdout.strip(), "machine": machine.describe(), "mutants": mutants}
    with tempfile.TemporaryDirectory() as folder:
        copied = Copy(Path(folder).resolve())
        for area in options.area or AREAS:
            for mutant in drawn(area, options.seed, options.each, copied.source):
                if time.monotonic() > ends:
                    break
                began, by = time.monotonic(), copied.noticed(mutant, tests_of(area, mutant))
                outcome = "noticed" if by else "harmless" if why_harmless(mutant) else "not noticed"
                seconds = round(time.monotonic() - began, 1)
                mutants.append({"area": area, **asdict(mutant), "outcome": outcome, "by": by, "seconds": seconds})
                print(f"{area}: {outcome}: {mutant.file}:{mutant.line} {mutant.change}", file=sys.stderr, flush=True)
                if options.out:
                    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(summed(mutants))
    outcomes = collections.Counter(one["outcome"] for one in mutants)
    sys.exit(outcomes["noticed"] < AIM * (outcomes["noticed"] + outcomes["not noticed"]))


def why_harmless(mutant: Mutant) -> str | None:
    """Return why a change does nothing that matters, as somebody who looked at it wrote down."""
    for one in json.loads((HERE / "harmless_mutations.json").read_text()):
        if all(one[name] == getattr(mutant, name) for name in KEY):
            return one["why"]
    return None


if __name__ == "__main__":
    main()
