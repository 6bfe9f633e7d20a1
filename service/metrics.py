"""What the service counts and times, for Prometheus; the unit is in the name.

Each app has a registry of its own, so that two in one process never mix.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS_BUCKETS = tuple(0.0001 * 2**power for power in range(19))
"""0.1 ms to 26 s, each twice the one before."""
COUNT_BUCKETS = tuple(float(2**power) for power in range(8))
TOKEN_BUCKETS = tuple(float(2**power) for power in range(3, 16))


class Metrics:
    """The service's numbers. Safe to call from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "anaphora_requests_total",
            "Requests answered, by route and status; paths that no route has are counted together.",
            ["route", "code"],
            registry=self.registry,
        )
        self.failures = Counter(
            "anaphora_request_failures_total",
            "Requests answered with an error, by its code.",
            ["reason"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "anaphora_request_duration_seconds",
            "From a request's first line to the end of its answer.",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.under_way = Gauge(
            "anaphora_inference_requests", "Inference requests waiting or under way.", registry=self.registry
        )
        self._queue_size = Gauge(
            "anaphora_queue_size", "Texts waiting for a batch, by model.", ["model"], registry=self.registry
        )
        self._queue_duration = self._histogram("queue_duration_seconds", "How long a text waited for its batch.")
        self.tokenization = self._histogram("tokenization_duration_seconds", "Preparing the texts of one request.")
        self._inference = self._histogram("inference_duration_seconds", "Computing one batch.")
        self._batch_size = self._histogram("batch_size", "Texts in one batch.", COUNT_BUCKETS)
        self._batch_tokens = self._histogram("batch_tokens", "Tokens in one batch.", TOKEN_BUCKETS)
        self._model_info = Gauge(
            "anaphora_model_info",
            "1 for each served model, with the SHA-256 of its bundle.json.",
            ["name", "sha256"],
            registry=self.registry,
        )
        self.ready = Gauge(
            "anaphora_ready",
            "1 while new requests should be sent here: models loaded, not draining.",
            registry=self.registry,
        )

    def _histogram(self, name: str, help_: str, buckets: tuple[float, ...] = SECONDS_BUCKETS) -> Histogram:
        return Histogram(f"anaphora_{name}", help_, buckets=buckets, registry=self.registry)

    def of_model(self, name: str) -> ModelMetrics:
        """The observer of one model's batches (service/batcher.py)."""
        return ModelMetrics(
            self._queue_size.labels(name), self._queue_duration, self._inference, self._batch_size, self._batch_tokens
        )

    def set_models(self, sha256_by_name: Mapping[str, str]) -> None:
        """Name the models that are served now, and no others."""
        self._model_info.clear()
        for name, sha256 in sha256_by_name.items():
            self._model_info.labels(name, sha256).set(1)

    def text(self) -> bytes:
        """All of it in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)


class ModelMetrics:
    """What one model's batcher tells."""

    def __init__(
        self, queue_size: Gauge, queue_duration: Histogram, inference: Histogram, size: Histogram, tokens: Histogram
    ) -> None:
        self._queue_size = queue_size
        self._queue_duration = queue_duration
        self._inference = inference
        self._size = size
        self._tokens = tokens
        self._n_waiting = 0

    def queue_size(self, n_texts: int) -> None:
        self._queue_size.inc(n_texts - self._n_waiting)  # a model has two batchers
        self._n_waiting = n_texts

    def queue_waited(self, seconds: float) -> None:
        self._queue_duration.observe(seconds)

    def batch_computed(self, n_texts: int, n_tokens: int, seconds: float) -> None:
        self._size.observe(n_texts)
        self._tokens.observe(n_tokens)
        self._inference.observe(seconds)
