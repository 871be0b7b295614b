"""What does the doctor say of the versions that one person makes of a training, one after the other?

    python benchmarks/public_code/histories.py [--all]

Reads histories.tar.zst and histories-14.tar.zst: fifteen published trainings, six versions each, recorded into one
directory (histories.toml says what was changed). Each is judged by itself, and as `newllm doctor RUN` judges it, beside
the versions before it. Prints which versions were alarmed, and with --all every sentence. histories-judged.toml has
what readers who had not seen the doctor thought of the answers of 806aa028 (batch 13) and d1e7ccae (14), which had the
programs too; these are not stored, as not all of them may be copied.
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
        for archive in HERE.glob("histories*.tar.zst"):
            unpack(archive, Path(folder), {one["name"] for one in histories})
        for history in histories:
            for version in history["version"]:
                run = Path(folder) / history["name"] / "runs" / str(version["number"])
                kind = f"{version['kind']} of batch {history['batch']}"
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
