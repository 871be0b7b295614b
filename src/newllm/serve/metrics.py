"""What is counted, in the text form of Prometheus: requests, tokens, times, rows, sessions, restarts."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All that is counted of one server."""

    def __init__(self) -> None:
        disable_created_metrics()
        self.registry = CollectorRegistry()
        own = {"registry": self.registry}
        self._requests = Counter("newllm_requests", "Requests.", ["endpoint", "status"], **own)
        self._tokens = Counter(
            "newllm_tokens", "Tokens: written; of finished requests read, cached.", ["model", "kind"], **own
        )
        self._restarts = Counter("newllm_worker_restarts", "Workers started again after one died.", ["model"], **own)
        self.first = Times("newllm_first_token_seconds", "From the request to its first token.", self.registry)
        self.gap = Times("newllm_token_gap_seconds", "Between two tokens of one text.", self.registry)
        self._rows = Gauge("newllm_rows", "Texts that are being read or written.", ["model"], **own)
        self._waiting = Gauge("newllm_waiting", "Texts that wait for a row.", ["model"], **own)
        self._steps = Gauge("newllm_steps", "Steps of the batch since the worker began.", ["model"], **own)

    def request(self, endpoint: str, status: int) -> None:
        """Count a finished request."""
        self._requests.labels(endpoint, str(status)).inc()

    def model(self, name: str) -> "ModelMetrics":
        """Return what is counted of a model."""
        return ModelMetrics(self, name)

    def watch(self, read: Callable[[], dict[str, float]]) -> None:
        """Show numbers that are read whenever somebody looks: by name, without the prefix."""
        self.registry.register(_Read(read))

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        return generate_latest(self.registry)


class ModelMetrics:
    """What is counted of one model.

    Args:
        metrics: of the server.
        name: the model's.

    Attributes:
        first: seconds from a request to its first token.
        gap: seconds between two tokens of one text.
    """

    def __init__(self, metrics: Metrics, name: str) -> None:
        self.first, self.gap = metrics.first.of(name), metrics.gap.of(name)
        self.restarted: Callable[[], None] = metrics._restarts.labels(name).inc
        self._rows, self._waiting = metrics._rows.labels(name), metrics._waiting.labels(name)
        self._steps = metrics._steps.labels(name)
        self._read, self._cached, self._written = (
            metrics._tokens.labels(name, kind) for kind in ("read", "cached", "written")
        )

    def stats(self, frame: dict[str, Any]) -> None:
        """Take what a worker says of itself."""
        self._rows.set(frame["rows"])
        self._waiting.set(frame["waiting"])
        self._steps.set(frame["steps"])

    def wrote(self, tokens: int) -> None:
        """Count tokens as they are written, those of requests that are cancelled too."""
        self._written.inc(tokens)

    def finished(self, prompt: int, cached: int) -> None:
        """Count the prompt of a finished choice: the tokens that were read now, and the cached ones."""
        self._read.inc(prompt - cached)
        self._cached.inc(cached)


class Spread:
    """Counts of seconds by bucket: one is added for every token, at a fifth of what prometheus_client takes for it."""

    def __init__(self) -> None:
        self.counts, self.sum = [0] * (len(_SECONDS) + 1), 0.0

    def add(self, seconds: float) -> None:
        """Count a time."""
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.sum += seconds


class Times:
    """A histogram of times, by model.

    Args:
        name: of the metric.
        about: its help.
        registry: that shows it.
    """

    def __init__(self, name: str, about: str, registry: CollectorRegistry) -> None:
        self._name, self._about, self._by_model = name, about, dict[str, Spread]()
        registry.register(self)

    def of(self, model: str) -> Spread:
        """Return where the times of a model are counted."""
        return self._by_model.setdefault(model, Spread())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield it as Prometheus has it: each bucket counts those below it too."""
        family = HistogramMetricFamily(self._name, self._about, labels=["model"])
        for model, spread in self._by_model.items():
            limits = [*map(str, _SECONDS), "+Inf"]
            family.add_metric([model], list(zip(limits, accumulate(spread.counts), strict=True)), spread.sum)
        yield family


class _Read:
    """A collector of numbers that are kept elsewhere."""

    def __init__(self, read: Callable[[], dict[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield a gauge for each number."""
        for name, value in self._read().items():
            yield GaugeMetricFamily(f"newllm_{name}", name.replace("_", " ").capitalize() + ".", value=value)
