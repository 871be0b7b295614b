"""The server of models over HTTP, in the formats of OpenAI's API. It imports no torch: a worker process a model does.

Keys, limits and sessions are here, formats in `openai/`; tokens are made in `newllm.inference`, which this package
starts and talks to in frames (`newllm.frames`). `server.py` serves, `app.py` has the routes.
"""
