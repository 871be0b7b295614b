"""What does the doctor say of the versions that one person makes of a training, one after the other?

    python benchmarks/public_code/histories.py [--all]

Reads histories.tar.zst: eight published trainings, six versions each, recorded into one directory (histories.toml says
what was changed). Each is judged by itself, and as `newllm doctor RUN` judges it, beside the versions before it. Prints
which versions were alarmed, and with --all every sentence. histories-judged.toml has what two readers who had not seen
the doctor thought of the answers of 806aa028, which had the programs too; these are not stored, as not all of them may
be copied.
"""

import argparse
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

import newllm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.strangers.score import unpack  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="print every sentence")
    given = parser.parse_args()
    histories = tomllib.loads((HERE / "histories.toml").read_text(encoding="utf-8"))["history"]
    counted: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        unpack(HERE / "histories.tar.zst", Path(folder), {one["name"] for one in histories})
        for history in histories:
            for version in history["version"]:
                run, kind = Path(folder) / history["name"] / "runs" / str(version["number"]), version["kind"]
                beside = newllm.doctor(run)
                alone = beside.alone or beside
                counted[kind, "all"] += 1
                counted[kind, "by itself"] += alone.wrong
                counted[kind, "beside those before"] += beside.wrong
                alarms = [one.kind for one in beside.findings if one.severity != "note"]
                print(f"{history['name']} {version['number']} ({kind}): {', '.join(alarms) or 'no alarm'}")
                if given.all:
                    print(*(f"    {one.severity}: {one.sentence}" for one in beside.findings), sep="\n")
    for kind in dict.fromkeys(kind for kind, _ in counted):
        numbers = ", ".join(f"{how} {counted[kind, how]}" for how in ("by itself", "beside those before"))
        print(f"{kind}: of {counted[kind, 'all']} alarmed {numbers}")


if __name__ == "__main__":
    main()
