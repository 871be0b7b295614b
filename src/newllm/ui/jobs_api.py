"""Start a doctor or a replay of a run, and stop it."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.errors import UserError
from newllm.ui.jobs import Jobs
from newllm.ui.request_values import run_of, sent_object
from newllm.ui.responses import Data
from newllm.ui.texts import texts_for


async def _start(request: Request) -> Response:
    place = await run_of(request)
    jobs: Jobs = request.app.state.jobs
    asked = await sent_object(request)
    budget = asked.get("budget")
    if budget is not None and not isinstance(budget, int | float):
        raise HTTPException(400, f"a budget of {str(budget)[:40]!r}: give seconds")
    try:
        job = await jobs.start(str(asked.get("kind"))[:40], request.path_params["id"], place, budget)
    except UserError as error:
        raise HTTPException(409 if "going on" in str(error) else 400, str(error)) from error
    return Data(job.as_dict(texts_for(request).words), 201)


async def _list(request: Request) -> Response:
    await run_of(request)
    jobs: Jobs = request.app.state.jobs
    words = texts_for(request).words
    return Data({"jobs": [job.as_dict(words) for job in jobs.of(request.path_params["id"])]})


async def _stop(request: Request) -> Response:
    jobs: Jobs = request.app.state.jobs
    job = jobs.get(request.path_params["job"])
    if job is None:
        raise HTTPException(404, "there is no such job")
    jobs.stop(job)
    return Data(job.as_dict(texts_for(request).words))


routes = [
    Route("/api/run/{id}/jobs", _start, methods=["POST"]),
    Route("/api/run/{id}/jobs", _list),
    Route("/api/jobs/{job}/stop", _stop, methods=["POST"]),
]
