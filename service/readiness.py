"""Where the service stands in its life: starting, ready, draining or failed. Knows no HTTP."""

from __future__ import annotations

from typing import Literal

State = Literal["starting", "ready", "draining", "failed"]


class Readiness:
    """One a service. Draining is final: a service that was told to stop never becomes ready again."""

    def __init__(self) -> None:
        self.state: State = "starting"

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"

    @property
    def is_draining(self) -> bool:
        return self.state == "draining"

    def become_ready(self) -> None:
        if self.state == "starting":
            self.state = "ready"

    def drain(self) -> None:
        """No new requests should be sent here; those that come all the same are still answered."""
        self.state = "draining"

    def fail(self) -> None:
        self.state = "failed"
