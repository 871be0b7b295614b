"""The local page: watch, compare, replay and play with the runs below a directory. It never imports torch."""

from newllm.ui.app import build_app
from newllm.ui.server import serve

__all__ = ["build_app", "serve"]
