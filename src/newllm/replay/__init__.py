"""Takes a run back to before a spike and replays it with one thing changed."""

# For now: this room is about to be called `replays`, since `newllm.replay` is the function of the Python interface.
import sys
import types


class _Callable(types.ModuleType):
    def __call__(self, *args, **kwargs):
        from newllm.api.replayed import replay

        return replay(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
