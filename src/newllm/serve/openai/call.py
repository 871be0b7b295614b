"""What all requests for text have in common: the body, the model, how to sample, where to go on from, admission."""

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request

from newllm.serve.api_errors import ApiError, bad_value
from newllm.serve.generation import Generation
from newllm.serve.keys import Key
from newllm.serve.log import Entry
from newllm.serve.model import Model
from newllm.serve.openai.body import read_fields
from newllm.serve.openai.fields import LARGEST, Fields
from newllm.serve.openai.usage import Usage
from newllm.serve.service import Service
from newllm.serve.worker import Ready

MOST_TOKENS = 1_000_000
"""That one request may write."""

TOKENS = 1024
"""That a chat or a response may have where nothing is said."""

MOST_CHOICES = 128
MOST_STOPS = 16
LONGEST_STOP = 1024
MOST_LOGPROBS = 20
"""Alternatives that are reported for each token."""

_WINDOW = 1024
_REPORTED = 350  # bytes of memory of a token whose probability is reported, or of a rival of it
_SEEDS = 2**31  # of seeds that we draw: every reader of JSON can hold them


@dataclass
class Call:
    """A request for text whose body has been read.

    Attributes:
        request: of HTTP.
        service: what is asked.
        entry: its line in the log.
        fields: of its body.
        size: of its body, in bytes.
        model: that is asked.
        ready: what its worker says of it.
    """

    request: Request
    service: Service
    entry: Entry
    fields: Fields
    size: int
    model: Model
    ready: Ready

    @property
    def key(self) -> Key | None:
        """Whose request it is."""
        return self.request.scope["newllm.key"]

    @property
    def owner(self) -> str:
        """Whose the responses are that it stores."""
        return self.key.name if self.key else ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the response: which fields nobody took."""
        self.entry.ignored = self.fields.ignored()
        return {"x-newllm-ignored": ", ".join(self.entry.ignored)} if self.entry.ignored else {}

    def flow(self) -> str:
        """Take who asks: turns are fair among keys; without keys among what the requests call their users."""
        users = [self.fields.text(name) for name in ("safety_identifier", "user")]
        user = next((one for one in users if one), None)
        client = self.request.client
        return self.owner or (user or (client.host if client else ""))[:64]

    def state(self) -> bytes:
        """Take the state that the client has kept, empty where there is none."""
        given = self.fields.text("state")
        try:
            return base64.b64decode(given, validate=True) if given else b""
        except binascii.Error as error:
            raise ApiError(
                400, f"state is no base64 ({error}): send it as it came", param="state", code="invalid_state"
            ) from None

    async def ask(self, requests: list[tuple[dict[str, Any], bytes]], *, keeps_logprobs: bool) -> Generation:
        """Send requests to the worker, if there is room for them.

        Args:
            requests: as the worker takes them, each with the state that it goes on from.
            keeps_logprobs: whether those of all tokens are kept until the end.

        Raises:
            ApiError: there is none, or the worker is not there.
        """
        requests = [
            ({name: value for name, value in one.items() if value is not None}, state) for one, state in requests
        ]
        texts = sum(request["n"] for request, _ in requests)
        held = self.size + sum(len(state) + _reported(one, self.size, keeps_logprobs) for one, state in requests)
        leave = self.service.limits.admit(self.key, texts, held)
        try:
            generation = await self.model.ask(requests)
        except BaseException:
            leave()
            raise
        generation.when_closed(leave)
        return generation

    def account(self, usage: Usage) -> None:
        """Note what was read and written."""
        self.entry.prompt_tokens += usage.prompt
        self.entry.cached_tokens += usage.cached
        self.entry.completion_tokens += usage.written
        self.model.metrics.finished(usage.prompt, usage.cached)


async def begin(request: Request) -> Call:
    """Read the body of a request and find its model.

    Raises:
        ApiError: it has none that can be asked.
    """
    service, entry = cast(Service, request.app.state.service), cast(Entry, request.scope["newllm.entry"])
    key, held = request.scope["newllm.key"], 0

    def hold(size: int) -> None:
        nonlocal held
        service.limits.hold(key, size)
        held += size

    try:
        fields, size = await read_fields(request, hold)
    finally:
        service.limits.let_go(key, held)  # `Call.ask` counts it with the rest
    model = service.model(fields.text("model"))
    entry.model = model.name
    return Call(request, service, entry, fields, size, model, model.check_ready())


def sampling(fields: Fields) -> dict[str, Any]:
    """Take how tokens are chosen, as the worker wants it. Temperature is 1 where nothing is said, as at OpenAI."""
    seed = fields.whole("seed", None)
    return {
        "temperature": fields.number("temperature", 1.0, 0.0),
        "top_p": fields.number("top_p", 1.0, 0.0, 1.0, above=True),
        "top_k": fields.whole("top_k", 0),
        "min_p": fields.number("min_p", 0.0, 0.0, 1.0),
        "repetition_penalty": fields.number("repetition_penalty", 1.0, 0.01, 100.0),
        "repetition_window": fields.whole("repetition_window", 64, 0, _WINDOW),
        "seed": secrets.randbelow(_SEEDS) if seed is None else seed,
        "stop": fields.strings("stop", MOST_STOPS, LONGEST_STOP),
    }


def choices(fields: Fields, seed: int) -> int:
    """Take how many texts are wanted; the i-th is sampled with seed + i."""
    wanted = fields.whole("n", 1, 1, MOST_CHOICES)
    if seed + wanted - 1 > LARGEST:
        raise bad_value("seed", seed, f"at most {LARGEST - wanted + 1} for {wanted} choices")
    return wanted


def _reported(request: dict[str, Any], prompt: int, keeps_all: bool) -> int:
    """Return how many bytes of log probabilities a request to the worker may bring at once.

    Args:
        request: as the worker takes it.
        prompt: its bytes; no token is shorter than one.
        keeps_all: whether those of what is written are kept too.
    """
    if request.get("logprobs") is None:
        return 0
    tokens = (prompt if request["echo"] else 0) + (request["max_tokens"] if keeps_all else 0)
    return request["n"] * tokens * _REPORTED * (1 + request["logprobs"])


def encoded(state: bytes) -> str:
    """Return a state as a client keeps it."""
    return base64.b64encode(state).decode()
