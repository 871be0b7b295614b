"""The server of models over HTTP, in the formats of OpenAI's API. It never imports torch: a worker process a model does.

`newllm.serve.server` serves; `newllm.serve.app` has the routes. Keys, limits, formats and sessions are here,
tokens are made in `newllm.inference`, which this package starts and talks to in frames (`newllm.frames`).
"""

from newllm.serve.server import Settings, serve

__all__ = ["Settings", "serve"]
