"""What studies show: the founding study's pages and tables from its results, and a tiny study that is run."""

import shutil

from recording import HERE, ROOT, Recording

WRITTEN = ("*.md", "*.csv", "printed.json", "results.json")


def founding_results(to: Recording) -> None:
    """Copy the founding study's results to `founding`, without what is made from them."""
    (to.work / "founding").mkdir()
    for name in ("results.json", "figures.json", "replay.json", "study.json"):
        shutil.copy(ROOT / "studies/founding" / name, to.work / "founding" / name)


def record(to: Recording) -> None:
    """Record all of it."""
    founding_results(to)
    done = to.ask("founding", script=str(HERE / "founding_again.py"))
    to.write("founding", f"exit code {done['code']}\n{done['out']}{to.blanks.text(done['err'])}")
    to.files("founding", to.work / "founding", WRITTEN)
    to.call("forms", "study", "--list")
    to.call("forms", "study", "--list", "--json")
    to.call("forms", "study", "founding", "--out", "founding")
    shutil.copy(HERE / "tiny_study.py", to.work / "tiny.py")
    to.call("tiny", "study", "tiny.py", "--out", "tiny", "--workers", "1")
    to.call("tiny", "study", "tiny.py", "--out", "tiny", "--workers", "1", "--json")
    to.call("tiny", "study", "tiny.py", "--out", "quick", "--workers", "1", "--quick", "--seeds", "1")
    to.files("tiny", to.work / "tiny", WRITTEN)
    for name in ("founding", "tiny"):
        for lang in ("en", "ja"):
            to.call("report", "report", name, "--lang", lang, "--out", f"{name}-{lang}.html")
            to.page(f"{name}-{lang}", to.work / f"{name}-{lang}.html")
