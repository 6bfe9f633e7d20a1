"""`anaphora serve` as a process of its own, for tests of what only a process has: ports, signals, exit statuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


class Service:
    """A running `anaphora serve`."""

    def __init__(self, log: IO[str], *arguments: str, **variables: str) -> None:
        """`log`: where standard error goes; not a pipe, which would be full after some hundred requests."""
        self._log = log
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANAPHORA_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "anaphora", "serve", "--port", "0", *arguments],
            cwd=ROOT,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.first_line = ""

    @property
    def url(self) -> str:
        """Its address; waits until it is ready to answer."""
        if not self.first_line:
            assert self.process.stdout is not None
            self.first_line = self.process.stdout.readline()
        found = re.search(r"http://\S+", self.first_line)
        assert found, self.first_line or self.end()[1]
        return found[0]

    def end(self) -> tuple[int, str]:
        """Exit status and standard error; waits for the end."""
        self.process.communicate(timeout=60)
        self._log.seek(0)
        return self.process.returncode, self._log.read()


@contextmanager
def service(*arguments: str, **variables: str) -> Iterator[Service]:
    """A service that is gone afterwards, whatever happens."""
    with tempfile.TemporaryFile("w+") as log:
        running = Service(log, *arguments, **variables)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.process.kill()
            running.process.communicate()
