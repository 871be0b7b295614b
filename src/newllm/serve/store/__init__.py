"""Where responses are kept, with the state that a conversation goes on from: in memory, in a directory, or in Redis.

`open_store` opens one; `Store` says what all of them do. No store imports torch.
"""

from newllm.serve.store.opening import is_redis, open_store
from newllm.serve.store.store import (
    DamagedError,
    Limits,
    Stats,
    Store,
    StoredResponse,
    StoreError,
    StoreFull,
    is_response_id,
    new_response_id,
)

__all__ = [
    "DamagedError",
    "Limits",
    "Stats",
    "Store",
    "StoreError",
    "StoreFull",
    "StoredResponse",
    "is_redis",
    "is_response_id",
    "new_response_id",
    "open_store",
]
