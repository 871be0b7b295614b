"""Put runs in order: tags, notes and the archive, another name, the trash and back.

What was changed is answered with what it was before, so that one click takes it back.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.errors import UserError
from newllm.report.source.files import RunFiles
from newllm.trace.labels import NAME, Labels, checked_note, checked_tags, labels_of
from newllm.ui.index import Index, id_of
from newllm.ui.moving import move, rename
from newllm.ui.request_values import run_of, sent_object
from newllm.ui.responses import Data
from newllm.ui.trash import Trash
from newllm.words.plain import plain

_MOST = 5000  # runs of one request
_IS_WRITTEN = ("running", "recording")


async def _label(request: Request) -> Response:
    """Change tags, notes and the archive of some runs: what is not named stays as it is."""
    asked = await sent_object(request)
    changed = _change(asked)

    def label(index: Index, id: str) -> dict[str, Any]:
        place = _place(index, id)
        before = _labels(place)
        _write(place, before, changed(before))
        return {"id": id, "before": _plain(before)}

    return await _each(request, _names(asked, "ids"), label)


async def _delete(request: Request) -> Response:
    """Move some runs into the trash."""
    asked, moved = await sent_object(request), list[Path]()

    def delete(index: Index, id: str) -> dict[str, Any]:
        _check_idle(request, index, id)
        place = _place(index, id)
        deleted = Trash(index.root).delete(place)
        moved.append(place)
        return {"id": id, **deleted.as_dict()}

    answer = await _each(request, _names(asked, "ids"), delete)
    await request.app.state.players.close_of(moved)
    return answer


async def _restore(request: Request) -> Response:
    """Move some runs back from the trash."""
    asked = await sent_object(request)

    def restore(index: Index, key: str) -> dict[str, Any]:
        place = Trash(index.root).restore(key)
        return {"trash": key, "id": id_of(str(place.relative_to(index.root)))}

    return await _each(request, _names(asked, "trash"), restore)


async def _edit(request: Request) -> Response:
    """Change the labels of one run and, where it is given another name, that of its directory: both or neither."""
    place, asked = await run_of(request), await sent_object(request)
    index: Index = request.app.state.index
    changed, name = _change(asked), asked.get("name")

    def edit() -> dict[str, Any]:
        index.refresh()  # it may have begun to run again a moment ago
        now, before = place, _labels(place)
        if name is not None and name != place.name:
            _check_idle(request, index, request.path_params["id"])
            now = rename(place, index.root, str(name))
        try:
            _write(now, before, changed(before))
        except UserError:
            if now != place:
                move(now, place)
            raise
        index.refresh()
        shown = str(now.relative_to(index.root))
        return {"id": id_of(shown), "name": plain(shown), "before": {"name": place.name, **_plain(before)}}

    async with request.app.state.changing:
        try:
            answer = await run_in_threadpool(edit)
        except UserError as error:
            raise HTTPException(409, str(error)) from error
        await request.app.state.players.close_of([place] if answer["id"] != request.path_params["id"] else [])
    return Data(answer)


async def _trash(request: Request) -> Response:
    """Answer with what is in the trash, the newest first, and where that is."""
    trash = Trash(request.app.state.index.root)
    found = await run_in_threadpool(lambda: [one.as_dict() for one in trash])
    return Data({"place": str(trash.place), "runs": found[:_MOST]})


async def _each(request: Request, names: Sequence[str], change: Callable[[Index, str], dict[str, Any]]) -> Response:
    """Change one after another; of what is refused say why, and go on with the others."""
    index: Index = request.app.state.index

    def change_all() -> dict[str, Any]:
        index.refresh()  # one may have begun to run again a moment ago
        done, refused = [], []
        for name in names:
            try:
                done.append(change(index, name))
            except UserError as error:
                entry = index.entry(name)
                refused.append({"name": entry.name if entry else plain(name, 60), "why": str(error)})
        index.refresh()  # so that who asks next sees it
        return {"done": done, "refused": refused}

    async with request.app.state.changing:  # two tabs may press at once
        return Data(await run_in_threadpool(change_all))


def _change(asked: dict[str, Any]) -> Callable[[Labels], Labels]:
    """Return what a request makes of labels; what it asks for is checked before anything is written."""
    try:
        given = checked_tags(asked["tags"]) if isinstance(asked.get("tags"), list) else None
        added, removed = (checked_tags(_names(asked, name, least=0)) for name in ("add", "remove"))
        note = checked_note(asked["note"]) if "note" in asked else None
    except UserError as error:
        raise HTTPException(400, str(error)) from error
    archived = asked.get("archived")

    def changed(before: Labels) -> Labels:
        tags = set(before.tags if given is None else given) - set(removed) | set(added)
        return Labels(
            checked_tags(tags),
            before.note if note is None else note,
            archived if isinstance(archived, bool) else before.archived,
        )

    return changed


def _write(run: Path, before: Labels, after: Labels) -> None:
    if after != before:
        after.write(run)


def _plain(labels: Labels) -> dict[str, Any]:
    return {"tags": labels.tags, "note": labels.note, "archived": labels.archived}


def _labels(run: Path) -> Labels:
    """Return the labels of a run as they are now: another tab may have changed them.

    Raises:
        UserError: what stands there cannot be read, and would be lost.
    """
    files = RunFiles(run)
    labels = labels_of(files.table(NAME))
    if files.problems:
        raise UserError(f"{files.problems[0]}: mend '{run / NAME}', or move it away")
    return labels


def _place(index: Index, id: str) -> Path:
    place = index.lookup(id)
    if place is None or index.entry(id) is None:
        raise UserError("it is gone: look at the list again")
    return place


def _check_idle(request: Request, index: Index, id: str) -> None:
    """Refuse to move what is being written."""
    entry = index.entry(id)
    if entry is not None and entry.status in _IS_WRITTEN:
        raise UserError(f"'{entry.name}' is {entry.status}: wait for its end, or stop it first")
    if any(job.goes_on for job in request.app.state.jobs.of(id)):
        raise UserError("a doctor or a replay of this run is going on: wait for its end, or stop it first")


def _names(asked: dict[str, Any], name: str, least: int = 1) -> list[str]:
    listed = asked.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise HTTPException(400, f"{name}={str(listed)[:40]!r} is no list of names")
    if not least <= len(listed) <= _MOST:
        raise HTTPException(400, f"{len(listed)} {name}: give {least} to {_MOST:,}")
    return list(dict.fromkeys(listed))


routes = [
    Route("/api/runs/labels", _label, methods=["POST"]),
    Route("/api/runs/delete", _delete, methods=["POST"]),
    Route("/api/runs/restore", _restore, methods=["POST"]),
    Route("/api/run/{id}/edit", _edit, methods=["POST"]),
    Route("/api/trash", _trash),
]
