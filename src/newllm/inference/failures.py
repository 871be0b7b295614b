"""How a request is told that it has failed: a frame with one line, and whose matter it is.

`kind` is "request" (its fields), "state" (the state that it brought) or "internal" (the model, or a defect of ours).
"""

from typing import Any

from newllm.generation.sampling import diverged
from newllm.inference.request import Request


def error_frame(number: Any, why: str, kind: str) -> dict[str, Any]:
    """Return the header of the frame that ends a request; its id is null where what came had none."""
    return {"op": "error", "id": number if type(number) is int else None, "error": why, "kind": kind}


def one_line(error: Exception) -> str:
    """Return what an error says."""
    return " ".join(str(error).split())


def defect(error: Exception) -> str:
    """Return what is told of an error that nobody has foreseen."""
    return f"defect of newllm: {type(error).__name__}: {one_line(error)}"


def not_finite(request: Request, best: float) -> tuple[str, str]:
    """Return why a request ends whose prediction is not finite, and the kind of that."""
    if request.resumes:  # its numbers are finite, but none that the model comes to
        return f"the model predicts {best} after the state of this request: give one that an answer brought", "state"
    return str(diverged(best)), "internal"
