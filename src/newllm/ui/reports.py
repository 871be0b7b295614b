"""Reports as files, written from the page: of a run or a study into it, as `newllm report` does; else for a download.

`newllm report` makes them as a child process, one at a time: the page goes on meanwhile, and says what the command
says, its refusals too. Whoever wants one that is being made already waits for the same. Where nothing may be written,
in the demo, or there is no place for it, as of a comparison, the file is made when it is fetched. A written report is
only ever handed over as a download: at an address of ours its scripts would not be the page's own.
"""

import asyncio
import contextlib
import json
import tempfile
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.demo import is_demo, shown
from newllm.files import read_bytes
from newllm.report.document import PAGE_NAME
from newllm.ui.command import all_of, last_line_of, start_command
from newllm.ui.request_values import run_ids, run_of, study_of
from newllm.ui.responses import Data
from newllm.ui.texts import texts_for
from newllm.words.numbers import file_size

NAME = "report.html"
_HEAD = 200  # bytes in which a page says who made it
_LARGEST = 512 << 20


class Failed(Exception):  # noqa: N818 (what the command says, which is for a person)
    """The command has refused, or ended without a report."""


@dataclass(frozen=True)
class Written:
    """A report on disk.

    Attributes:
        file: its path, as the command names it.
        size: bytes.
    """

    file: str
    size: int


class Reports:
    """Makes reports, one at a time."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._going: dict[tuple[str, ...], asyncio.Task[Written]] = {}
        self._process: Process | None = None
        self._ends = False

    async def write(self, directory: Path, arguments: Sequence[str]) -> Written:
        """Write a report, or wait for the same that is being written.

        Args:
            directory: that the command runs in.
            arguments: of `newllm report`.

        Raises:
            Failed: it was not written.
        """
        key = str(directory), *arguments
        if key not in self._going:
            task = asyncio.create_task(self._written(directory, arguments))
            self._going[key] = task
            task.add_done_callback(lambda _: self._going.pop(key, None))
        return await asyncio.shield(self._going[key])  # whoever hangs up ends it for nobody else

    def end(self) -> None:
        """End what is being made; a report is there whole or not at all."""
        self._ends = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # which ends the command

    async def _written(self, directory: Path, arguments: Sequence[str]) -> Written:
        async with self._lock:
            try:
                process = await start_command(["report", *arguments, "--json"], directory=directory)
            except OSError as error:
                raise Failed(f"no report can be made ({error.strerror}): end other programs, then try again") from error
            assert process.stdout is not None
            assert process.stderr is not None
            self._process = process
            if self._ends:
                self.end()
            output, said = await asyncio.gather(all_of(process.stdout), last_line_of(process.stderr))
            code = await process.wait()
            self._process = None
        with contextlib.suppress(ValueError, LookupError, TypeError):
            content = json.loads(output)
            return Written(str(content["page"]), int(content["bytes"]))
        raise Failed(said.removeprefix("newllm: ") or f"newllm report ended with {code}")


async def _write(request: Request, place: Path) -> Response:
    """Write the report of a run or a study into it, and say where it is."""
    root = request.app.state.index.root
    try:
        written = await request.app.state.reports.write(root.parent, [_named(place, root), *_language(request)])
    except Failed as error:
        raise HTTPException(409, str(error)) from error
    return Data({"file": written.file, "bytes": written.size, "size": file_size(written.size)}, 201)


async def _fetch(request: Request, place: Path) -> Response:
    """Hand over the report that was written; in the demo, which nothing is written in, one that is made now."""
    if request.app.state.demo:
        return await _made(request, [place], place.name)
    try:
        content = await run_in_threadpool(_read, place / NAME)
    except (OSError, ValueError) as error:
        raise HTTPException(404, texts_for(request)("report_none")) from error
    return _download(content, place.name)


async def _compared(request: Request) -> Response:
    """Hand over a report of several runs."""
    index = request.app.state.index
    asked = run_ids(request)
    await index.until(lambda: all(index.entry(name) is not None for name in asked))  # a server that has just begun
    names = [name for name in asked if index.entry(name) is not None]
    runs = [place for place in map(index.lookup, names) if place is not None]
    if not runs:
        raise HTTPException(404)
    return await _made(request, runs, "comparison" if len(runs) > 1 else runs[0].name)


async def _made(request: Request, places: Sequence[Path], name: str) -> Response:
    root = request.app.state.index.root
    with tempfile.TemporaryDirectory(prefix="newllm-") as directory:
        out = Path(directory, NAME)
        arguments = [*(_named(place, root) for place in places), "--out", str(out), *_language(request)]
        try:
            await request.app.state.reports.write(root.parent, arguments)
            content = await run_in_threadpool(_read, out)
        except Failed as error:
            raise HTTPException(409, str(error)) from error
    return _download(content, name)


def _read(file: Path) -> bytes:
    """Return a report.

    Raises:
        OSError: there is none.
        ValueError: something else stands there, which is not ours to hand over.
    """
    if file.is_symlink():
        raise ValueError("a link")
    content = read_bytes(file, _LARGEST)
    if PAGE_NAME.encode() not in content[:_HEAD]:
        raise ValueError("no report")
    return content


def _download(content: bytes, name: str) -> Response:
    named = quote(f"{name}.{NAME}", safe="", errors="replace")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{named}"}
    return Response(content, media_type="text/html", headers=headers)


def _named(place: Path, root: Path) -> str:
    """Return how a person beside the directory of the runs would name a run; no name is taken for an option."""
    return shown(place) if is_demo(place) else f"./{place.relative_to(root.parent)}"


def _language(request: Request) -> list[str]:
    return ["--lang", texts_for(request).lang]


def _of(
    answer: Callable[[Request, Path], Awaitable[Response]], found: Callable[[Request], Awaitable[Path]]
) -> Callable[[Request], Awaitable[Response]]:
    async def answering(request: Request) -> Response:
        return await answer(request, await found(request))

    return answering


routes = [
    Route("/api/run/{id}/report", _of(_write, run_of), methods=["POST"]),
    Route("/api/study/{id}/report", _of(_write, study_of), methods=["POST"]),
    Route("/run/{id}/report.html", _of(_fetch, run_of)),
    Route("/study/{id}/report.html", _of(_fetch, study_of)),
    Route("/compare/report.html", _compared),
]
