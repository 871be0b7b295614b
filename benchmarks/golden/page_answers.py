"""What the local page answers: its pages and its data, in English and Japanese."""

import contextlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from log_files import PACKED
from recording import HERE, Recording
from study_results import founding_results
from trainings import TINY, TORCH, fix_times, settings, spiking_run, text_file

_LANGUAGES = ("en", "ja")
_PLAYED: tuple[dict[str, Any], ...] = (
    {"verb": "about"},
    {"verb": "branch", "name": "main"},
    {"verb": "read", "branch": "main", "text": "the whale"},
    {"verb": "write", "branch": "main", "tokens": 8, "seed": 3},
    {"verb": "branch", "name": "second", "from": "main"},
    {"verb": "save", "branch": "main", "name": "first"},
    {"verb": "contexts"},
    {"verb": "restore", "branch": "main", "name": "first"},
    {"verb": "surprise", "text": "the sea was white"},
    {"verb": "drop", "branch": "second"},
    {"verb": "write", "branch": "none", "tokens": 8},
    {"verb": "write", "branch": "main", "tokens": -1},
    {"verb": "sing"},
)


class Page:
    """A server that answers, whose answers are recorded."""

    def __init__(self, to: Recording, address: str) -> None:
        self._to, self._host = to, urlsplit(address).netloc
        self.static: set[str] = set()

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Return status and body of an answer."""
        connection = http.client.HTTPConnection(self._host, timeout=120)
        with contextlib.closing(connection):
            sent = {"Content-Type": "application/json"} if body is not None else {}
            sent |= {name.replace("_", "-"): value for name, value in headers.items()}
            content = None if body is None else body if isinstance(body, str) else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, body=content, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def record(self, name: str, path: str, body: Any = None, **headers: str) -> None:
        """Record an answer."""
        status, content = self.ask(path, body, **headers)
        if path == "/api/runs":  # in the order in which the folders were found, which is no promise
            data = json.loads(content)
            content = json.dumps(data | {"runs": sorted(data["runs"], key=lambda run: run["name"])})
        self.static |= set(re.findall(r"/static/[\w.-]+\?v=[0-9a-f]{16}", content))
        text = self._to.blanks.html(content) if content.startswith("<") else self._to.blanks.output(content)
        asked = f"{'GET' if body is None else 'POST'} {path}{'' if body is None else ' ' + json.dumps(body)}"
        self._to.write(name, f"{asked}\nstatus {status}\n{text}\n", append=True)


@contextlib.contextmanager
def served(to: Recording) -> Iterator[Page]:
    """Serve the runs of a recording."""
    module, _, function = to.entry.partition(":")
    start = f"import sys; from {module} import {function} as main; sys.argv[0] = 'newllm'; sys.exit(main())"
    command = [sys.executable, "-c", start, "ui", "runs", "--port", "0", "--json"]
    process = subprocess.Popen(command, cwd=to.work, env=to.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Page(to, json.loads(process.stdout.readline())["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _prepare(to: Recording) -> None:
    """Make the runs and studies that are shown."""
    text_file(to.work / "text.txt")
    (to.work / "runs").mkdir()
    for name, more in (("cell", ("model.body=cell",)), ("stack", ()), ("stack-2", ("seed=2",))):
        to.made("train", "text.txt", *settings(*TINY, *TORCH, *more), "--out", f"runs/{name}", "--quiet")
    spiking_run(to, "runs/spiking")
    to.made("doctor", "runs/spiking")
    to.made("replay", "runs/spiking", "--only", "half-learning-rate", "--budget", "3000", "--quiet")
    for name in ("cell", "stack", "stack-2", "spiking"):
        fix_times(to.work / "runs" / name)
    to.ask("unpacked", PACKED, script=str(HERE / "unpacked.py"))
    recorded = [run for run in sorted((to.work / "unpacked").iterdir()) if run.is_dir()]
    for run in recorded[:: max(1, len(recorded) // 3)][:3]:
        shutil.copytree(run, to.work / "runs" / run.name)
    for name, summary in (
        ("damaged", "{ not what it was ]"), ("gone", '{"status": "running", "pid": 99999999, "step": 3, "steps": 8}'),
    ):  # fmt: skip
        shutil.copytree(to.work / "runs/cell", to.work / "runs" / name)
        (to.work / "runs" / name / "summary.json").write_text(summary)
    founding_results(to)
    to.ask("founding", script=str(HERE / "founding_again.py"))
    shutil.copytree(to.work / "founding", to.work / "runs/founding")


def record(to: Recording) -> None:
    """Record all of it."""
    _prepare(to)
    with served(to) as page:
        runs = _listed(page)
        _lists(page, runs)
        for name, run in runs.items():
            _run(page, name, run)
        _studies(page)
        _compared(page, runs)
        _refused(page, runs)
        _played(page, runs["cell"])
        _job(page, runs["stack"])
        _lists(page, runs)
        to.write("static", "\n".join(sorted(page.static)) + "\n")


def _listed(page: Page) -> dict[str, str]:
    """Return ids by name, as soon as the list is whole."""
    for _ in range(200):
        content = json.loads(page.ask("/api/runs")[1])
        if content["ready"]:
            break
        time.sleep(0.1)
    return {run["name"]: run["id"] for run in sorted(content["runs"], key=lambda run: run["name"])}


def _lists(page: Page, runs: dict[str, str]) -> None:
    for lang in _LANGUAGES:
        page.record(f"list-{lang}", f"/?lang={lang}")
    page.record("list-ja", "/", Accept_Language="ja,en;q=0.5")
    page.record("list", "/api/runs")
    page.record("list", f"/api/findings?ids={','.join(runs.values())}")
    page.record("list", f"/api/sparks?ids={','.join(runs.values())}")


def _run(page: Page, name: str, run: str) -> None:
    for lang in _LANGUAGES:
        page.record(f"run-{name}/{lang}", f"/run/{run}?lang={lang}")
        page.record(f"run-{name}/{lang}", f"/api/run/{run}/sections?lang={lang}")
        page.record(f"run-{name}/{lang}", f"/run/{run}/play?lang={lang}")
    page.record(f"run-{name}/data", f"/api/run/{run}/window?name=loss&name=gradient_norm&from=3&to=40&points=30")
    page.record(f"run-{name}/data", f"/api/run/{run}/jobs")


def _studies(page: Page) -> None:
    for lang in _LANGUAGES:
        page.record(f"studies-{lang}", f"/studies?lang={lang}")
        listed = page.ask("/studies")[1]
        for study in sorted({part.partition('"')[0] for part in listed.split('href="/study/')[1:]}):
            page.record(f"studies-{lang}", f"/study/{study}?lang={lang}")
            page.record(f"studies-{lang}", f"/api/study/{study}/sections?lang={lang}")


def _compared(page: Page, runs: dict[str, str]) -> None:
    ids = ",".join(runs[name] for name in ("stack", "stack-2", "cell", "spiking"))
    for lang in _LANGUAGES:
        page.record(f"compare-{lang}", f"/compare?runs={ids}&lang={lang}")
        for more in ("", "&signal=validation_loss", "&x=token", "&x=progress", "&view=difference", "&view=arms"):
            page.record(f"compare-{lang}", f"/api/compare?runs={ids}&lang={lang}{more}")


def _refused(page: Page, runs: dict[str, str]) -> None:
    run = runs["cell"]
    for path in ("/none", "/run/none", "/api/run/none/sections", "/study/none", "/api/compare?x=mood", "/static/none",
                 f"/api/run/{run}/window?from=soon", f"/api/compare?runs={','.join(map(str, range(30)))}"):  # fmt: skip
        page.record("refused", path)
        page.record("refused", path, Accept_Language="ja")
    page.record("refused", "/", Host="example.com")
    page.record("refused", "/", Origin="http://example.com")
    page.record("refused", f"/api/run/{run}/jobs", {"kind": "surgery"})
    page.record("refused", f"/api/run/{run}/jobs", {"kind": "replay", "budget": "soon"})
    page.record("refused", f"/api/run/{run}/jobs", "[")
    page.record("refused", f"/api/run/{run}/jobs", {"kind": "doctor"}, Content_Type="text/plain")
    page.record("refused", "/api/jobs/none/stop", {})
    page.record("refused", f"/api/run/{run}/play", {"verb": "about"})


def _played(page: Page, run: str) -> None:
    for number, asked in enumerate(_PLAYED):
        page.record("playground", f"/api/run/{run}/play", {"id": f"{number}", **asked})


def _job(page: Page, run: str) -> None:
    """Record a doctor that the page starts, and what it has become."""
    job = json.loads(page.ask(f"/api/run/{run}/jobs", {"kind": "doctor"})[1])
    for _ in range(600):
        jobs = json.loads(page.ask(f"/api/run/{run}/jobs")[1])["jobs"]
        if all(one["state"] != "running" for one in jobs if one["id"] == job["id"]):
            break
        time.sleep(0.1)
    page.record("job", f"/api/run/{run}/jobs")
    page.record("job", f"/api/run/{run}/sections?lang=en&ids=verdict,findings")
