"""The figures of a training as TensorBoard event files, written as they come: losses, accuracies, speed, gradient norm.

Each start of a run writes a file of its own. It begins with the mark by which TensorBoard drops what earlier ones say
of the same steps and later ones, so that a run that was killed and resumed has every step once.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from training.loop import Trainer
from training.progress import say


class EventFiles:
    """Writes the rows of `Trainer.history` into a folder; a disk that fails ends the writing, not the run."""

    def __init__(self, folder: Path, trainer: Trainer) -> None:
        """`trainer`: new, or resumed; what the folder holds of its later steps no longer counts."""
        self.folder = folder
        self.n_written = sum(row["step"] < trainer.n_steps for row in trainer.history)
        earlier = [row for row in trainer.history[: self.n_written] if "learning_rate" in row]
        self.before: Mapping[str, Any] | None = earlier[-1] if earlier else None
        self.writer: EventsWriter | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The library's name for a file tells seconds alone, and two starts in one would share it.
            self.writer = EventsWriter(str(folder / "events"), f".{time.time_ns()}.{os.getpid()}")
            start = SessionLog(status=SessionLog.START)
            self.writer.write_event(Event(wall_time=time.time(), step=trainer.n_steps, session_log=start))
            self.writer.flush()
        except OSError as error:
            self._give_up(error)

    def __enter__(self) -> EventFiles:
        return self

    def __exit__(self, *unused: object) -> None:
        self._close()

    def update(self, trainer: Trainer) -> None:
        """Writes what came into the history since the last call; after every step and at the end."""
        rows = trainer.history[self.n_written :]
        self.n_written = len(trainer.history)
        if not rows or not self.writer:
            return
        try:
            for row in rows:
                values = [Summary.Value(tag=tag, simple_value=value) for tag, value in self._figures(row)]
                self.writer.write_event(Event(wall_time=time.time(), step=row["step"], summary=Summary(value=values)))
            self.writer.flush()
        except OSError as error:
            self._give_up(error)

    def _figures(self, row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        """(tag, value) of each figure of a row; valid_he/she_both becomes valid/he-she_both, as "/" makes groups."""
        is_training = "learning_rate" in row
        for name, value in row.items():
            if (
                (is_training or name != "tokens")
                and name not in ("step", "elapsed_seconds")
                and isinstance(value, int | float)
            ):
                group, _, rest = name.partition("_")
                grouped = f"{group}/{rest.replace('/', '-')}" if group in ("train", "valid") else f"run/{name}"
                yield grouped, float(value)
        if is_training:
            if self.before and (seconds := row["elapsed_seconds"] - self.before["elapsed_seconds"]) > 0:
                yield "run/tokens_per_second", (row["tokens"] - self.before["tokens"]) / seconds
            self.before = row

    def _close(self) -> None:
        writer, self.writer = self.writer, None
        if writer:
            with contextlib.suppress(OSError):
                writer.close()

    def _give_up(self, error: OSError) -> None:
        self._close()
        say(f"warning: {self.folder} cannot be written ({error.strerror or error}): no more TensorBoard files")
