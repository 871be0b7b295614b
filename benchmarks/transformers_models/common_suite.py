"""Does our model pass what every model of transformers has to pass? The common test suite of its sdist, on ours.

The sdist carries `tests/test_modeling_common.py` and `test_configuration_common.py`, which no wheel has. It lacks
`generation/test_utils.py`, `exporters/test_export.py` and `utils/test_configuration_utils.py`; empty stubs take their
places, so generation is not in it (tests/unit/integrations has that). Nothing of the sdist is in this project: it is
fetched in the version that is installed. What is skipped is listed with the reason.

    python benchmarks/transformers_models/common_suite.py [--body NAME ...] [--sdist DIRECTORY] [--out FILE]

It needs `pip install 'newllm[hf]' pytest parameterized` and a package index, or --sdist with an unpacked sdist.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import transformers

import newllm

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

BODIES = ("stack", "cell", "attention", "lstm")
STUBS = {
    "exporters/test_export.py": "class ExportTesterMixin: pass\n",
    "generation/test_utils.py": "class GenerationTesterMixin: pass\n",
    "utils/test_configuration_utils.py": "config_common_kwargs = {}\n",
}
OURS = Path(__file__).with_name("common_suite_tests.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", nargs="+", default=BODIES, help="bodies of the model")
    parser.add_argument("--sdist", type=Path, help="an unpacked sdist of the installed version")
    parser.add_argument("--out", type=Path, help="write all results here, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source = given.sdist.resolve() if given.sdist else fetch(Path(place))
        root = prepare(source, Path(place) / "suite")
        found = {body: run(root, body, Path(place) / f"{body}.xml") for body in given.body}
    for body, outcomes in found.items():
        print(f"{body}: " + ", ".join(f"{count} {name}" for name, count in Counter(kind_of(outcomes)).items()))
        for name, reason in outcomes["failed"].items():
            print(f"  failed: {name}: {reason}")
    for reason, names in skipped_by_reason(found).items():
        print(f"skipped, {reason}: {', '.join(names)}")
    if given.out:
        result = {"command": " ".join(sys.argv), "machine": machine.describe(), "bodies": found}
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(any(outcomes["failed"] for outcomes in found.values()))


def fetch(place: Path) -> Path:
    """Return the unpacked sdist of the version that is installed."""
    wanted = f"transformers=={transformers.__version__}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "transformers", wanted]
    subprocess.run([*pip, "--dest", str(place)], check=True)
    with tarfile.open(next(place.glob("transformers-*.tar.gz"))) as archive:
        archive.extractall(place, filter="data")
    return place / f"transformers-{transformers.__version__}"


def prepare(source: Path, root: Path) -> Path:
    """Copy the suite's own files beside the stubs and ours; return the folder that pytest begins in."""
    tests = root / "tests"
    for name in ("", "exporters", "generation", "utils", "models", "models/newllm"):
        (tests / name).mkdir(parents=True)
        (tests / name / "__init__.py").touch()
    for path in (source / "tests").glob("*.py"):
        (tests / path.name).write_bytes(path.read_bytes())
    for name, text in STUBS.items():
        (tests / name).write_text(text, encoding="utf-8")
    (tests / "models" / "newllm" / "test_modeling_newllm.py").write_bytes(OURS.read_bytes())
    (root / "src").symlink_to(Path(transformers.__file__).parents[1])  # where the suite looks for the sources
    return root


def run(root: Path, body: str, report: Path) -> dict[str, Any]:
    """Run the suite on one body; return passed and failed tests and those that were skipped, with why."""
    places = os.pathsep.join(map(str, (root, Path(newllm.__file__).parents[1])))  # as the suite begins in `root`
    environment = os.environ | {"NEWLLM_SUITE_BODY": body, "HF_HUB_OFFLINE": "1", "PYTHONPATH": places}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    subprocess.run([*command, "tests/models/newllm"], cwd=root, env=environment, stdout=subprocess.DEVNULL, check=False)
    outcomes: dict[str, Any] = {"passed": [], "failed": {}, "skipped": {}}
    for case in ElementTree.parse(report).iter("testcase"):
        problem = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        name = case.get("name", "")
        if problem is None:
            outcomes["passed"].append(name)
        else:
            kind = "skipped" if problem.tag == "skipped" else "failed"
            outcomes[kind][name] = (problem.get("message") or "").splitlines()[0][:200]
    return outcomes


def kind_of(outcomes: dict[str, Any]) -> list[str]:
    """Return the outcome of each test."""
    return [kind for kind, tests in outcomes.items() for _ in tests]


def skipped_by_reason(found: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Return tests by the reason for which some body skipped them."""
    reasons: dict[str, set[str]] = defaultdict(set)
    for outcomes in found.values():
        for name, reason in outcomes["skipped"].items():
            reasons[reason].add(name)
    return {reason: sorted(names) for reason, names in reasons.items()}


if __name__ == "__main__":
    sys.exit(main())
