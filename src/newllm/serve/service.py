"""What a server holds: models, sessions, keys, limits, and what is counted."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from newllm.serve.api_errors import ApiError
from newllm.serve.chat_template import ChatTemplate
from newllm.serve.conversations import Conversations
from newllm.serve.guard import Access
from newllm.serve.limits import Limits
from newllm.serve.log import Log
from newllm.serve.metrics import Metrics
from newllm.serve.model import Model
from newllm.serve.store import Store


class Service:
    """What the routes work with.

    Args:
        models: what is served.
        templates: the chat template of each model that has one, by its name.
        store: keeps responses.
        access: who may ask.
        log: is told what happens.
        metrics: counts.
        limits: how much may be asked at once.
    """

    def __init__(
        self,
        models: list[Model],
        templates: dict[str, ChatTemplate],
        store: Store,
        access: Access,
        log: Log,
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self.models = {model.name: model for model in models}
        self.templates, self.store, self.access, self.log, self.metrics = templates, store, access, log, metrics
        self.limits, self.conversations, self.began = limits, Conversations(), int(time.time())
        self.writing: dict[tuple[str, str], Callable[[], None]] = {}
        """Responses whose clients know of them already, by owner and id: each with what keeps it from being stored."""
        metrics.watch(self._numbers)

    @property
    def is_ready(self) -> bool:
        """Whether every model can be asked."""
        return all(model.ready is not None for model in self.models.values())

    def model(self, name: str | None) -> Model:
        """Return a model; without a name the only one.

        Raises:
            ApiError: there is none of that name, or none was named and there are several.
        """
        known = ", ".join(self.models)
        if name is None:
            if len(self.models) > 1:
                raise ApiError(400, f"several models are served, name one of them as model: {known}", param="model")
            return next(iter(self.models.values()))
        if name not in self.models:
            raise ApiError(
                404, f"there is no model '{name[:100]}': known: {known}", param="model", code="model_not_found"
            )
        return self.models[name]

    async def load(self) -> None:
        """Load all models, one after another: each wants the whole machine while it is loaded.

        Raises:
            UserError: one of them cannot be loaded.
        """
        for model in self.models.values():
            await model.start()

    async def reload(self) -> None:
        """Load every model's snapshot anew."""
        for model in self.models.values():
            await model.reload()

    async def close(self) -> None:
        """End all workers, and close the store."""
        await asyncio.gather(*(model.close() for model in self.models.values()))
        await asyncio.to_thread(self.store.close)

    def _numbers(self) -> dict[str, float]:
        stats = self.store.stats()
        numbers: dict[str, Any] = {
            "store_entries": stats.entries, "store_bytes": stats.bytes, "store_memory_entries": stats.memory_entries,
            "store_memory_bytes": stats.memory_bytes, "store_evicted": stats.evicted,
            "requests_in_progress": self.limits.texts, "conversation_bytes": self.conversations.bytes,
        }  # fmt: skip
        return {name: float(value) for name, value in numbers.items() if value is not None}
