"""What an operator may set: read from `ANAPHORA_*` variables when `Settings()` is built, never at import.

The flags of `anaphora serve` win over the variables. docs/service.md lists every setting (a test holds that).
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model.limits import Limits

PositiveInt = Annotated[int, Field(ge=1)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Frozen; every value is checked once, at the start, and a wrong one stops the process with a sentence."""

    model_config = SettingsConfigDict(env_prefix="ANAPHORA_", frozen=True, extra="forbid")

    # Where and what
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for every interface."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The TCP port to listen on; 0 takes a free one, which the first line of output names."""
    models: Annotated[tuple[Path, ...], NoDecode] = ()
    """Bundles, or folders of bundles, separated by ':'; given at all, they replace the shipped models."""
    default_model: str | None = None
    """The model of requests that name none; unset, the only one, else en-lstm, else the first by name."""
    api_keys: Annotated[SecretStr | None, NoDecode] = None
    """Keys separated by commas, one of which inference requests must bear; unset, no key is asked for."""

    # What one request may ask
    max_body_bytes: PositiveInt = 1_000_000
    """The largest request body, in bytes."""
    max_texts: PositiveInt = 64
    """The most texts in one request; on the fill-mask routes the most masks, over all its texts."""
    max_characters: PositiveInt = 32_768
    """The longest text, in characters; checked before a text is cut into tokens."""
    max_stream_characters: PositiveInt = 1_000_000
    """The longest text of a streamed belief, in characters; longer ones come in chunks with the state between."""
    max_tokens: PositiveInt = 1_024
    """The longest text, in tokens of the model."""
    max_targets: PositiveInt = Limits.max_targets
    """The most targets for one blank."""
    max_target_pieces: PositiveInt = Limits.max_target_pieces
    """The longest target, in pieces of the model."""
    max_top_k: PositiveInt = Limits.max_top_k
    """The largest top_k."""
    max_assignments: PositiveInt = Limits.max_assignments
    """The most combinations of targets over the blanks of one text."""
    max_tokens_read: PositiveInt = 65_536
    """The most tokens one request makes a network read, counting each way to fill each text, and evidence its steps."""
    max_trace_values: PositiveInt = 262_144
    """The most numbers in the traces of one request: tokens x units, summed over sites and texts."""
    max_interventions: PositiveInt = Limits.max_interventions
    """The most interventions in one request."""

    # How much at once
    threads: Annotated[int, Field(ge=0)] = 0
    """How many batches are computed at a time, one thread each; 0 is one a CPU, at most 8."""
    max_batch_texts: PositiveInt = 32
    """The most texts computed in one batch."""
    max_batch_tokens: PositiveInt = 4_096
    """The most tokens read in one batch; a single text may have more."""
    max_wait_seconds: Seconds = 0.002
    """How long a text may wait for neighbours to share its batch, while other batches are being computed."""
    max_queue: PositiveInt = 256
    """How many inference requests may be waiting or under way; one more is answered 429."""
    max_connections: PositiveInt = 1_000
    """How many connections are open or requests under way at most; one more gets a bare 503."""

    # How long
    deadline_seconds: PositiveSeconds = 10.0
    """How long an inference request may take, its body's arrival included; then it is answered 504."""
    max_stream_seconds: PositiveSeconds = 30.0
    """How long a streamed belief may take once begun, shutdown_seconds at most; then it ends with its state."""
    keep_alive_seconds: PositiveInt = 75
    """How long an idle connection is kept; longer than a load balancer's own limit avoids lost requests."""
    drain_seconds: Seconds = 0.0
    """How long, after SIGTERM, /ready says 503 while requests are still taken, before the port is closed."""
    shutdown_seconds: PositiveInt = 30
    """How long requests under way may take to finish once the port is closed."""

    # What is written
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, as JSON lines on standard error: info has a line a request, debug the probes' too."""

    @field_validator("models", mode="before")
    @classmethod
    def _split_paths(cls, value: Any) -> Any:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("api_keys")
    @classmethod
    def _some_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value().strip() and not _keys(value):
            raise ValueError("has commas but no key; separate keys by commas, or unset it to ask for none")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.shutdown_seconds < self.deadline_seconds:
            raise ValueError(
                f"shutdown_seconds ({self.shutdown_seconds}) is less than deadline_seconds ({self.deadline_seconds}), "
                "so requests under way could be cut off; raise the one or lower the other"
            )
        return self

    def keys(self) -> tuple[str, ...]:
        """The API keys in the clear; empty when none is asked for."""
        return _keys(self.api_keys) if self.api_keys is not None else ()

    def stream_seconds(self) -> float:
        """`max_stream_seconds`, or less: a stream must be over before requests are cut off at the end."""
        return min(self.max_stream_seconds, float(self.shutdown_seconds))

    def limits(self) -> Limits:
        """What one text may ask, as the models check it."""
        return Limits(**{each.name: getattr(self, each.name) for each in fields(Limits)})

    def n_threads(self) -> int:
        """`threads`, with 0 replaced by the CPUs that this process may use, at most 8."""
        return self.threads or min(8, n_usable_cpus())


def n_usable_cpus() -> int:
    """CPUs of this process's affinity mask, lowered by a container's CPU quota (cgroup version 2)."""
    n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(n_cpus, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return n_cpus


def _keys(secret: SecretStr) -> tuple[str, ...]:
    return tuple(key for key in (part.strip() for part in secret.get_secret_value().split(",")) if key)
