"""What the person who waits for a training sees, on standard error; standard output stays free."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any

from tqdm import tqdm

from training.distributed import rank_of_this_process
from training.loop import Trainer

RECENT_SECONDS = 60.0
"""Over how long the speed is taken, which may change: another program, a slower clock."""


def say(message: str) -> None:
    """One line, above the progress bar; of several processes only the first one speaks."""
    if rank_of_this_process() == 0:
        tqdm.write(message, file=sys.stderr)


class Pace:
    """How fast a training has been going lately."""

    def __init__(self) -> None:
        self.marks: deque[tuple[float, int, float]] = deque()
        """(moment, tokens read, progress), at most two a second and not older than RECENT_SECONDS but for one."""

    def note(self, moment: float, n_tokens: int, progress: float) -> None:
        """Where the training stands at a moment, in seconds of any clock."""
        if len(self.marks) > 1 and moment - self.marks[-2][0] < 0.5:
            self.marks.pop()
        self.marks.append((moment, n_tokens, progress))
        while len(self.marks) > 2 and moment - self.marks[1][0] >= RECENT_SECONDS:
            self.marks.popleft()

    @property
    def tokens_per_second(self) -> float | None:
        """Of late; None before there are two marks."""
        seconds, n_tokens, _ = self._span()
        return n_tokens / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Until the end, at the pace of late; None before there is any."""
        seconds, _, progress = self._span()
        return max(1 - self.marks[-1][2], 0) * seconds / progress if progress > 0 else None

    def _span(self) -> tuple[float, int, float]:
        if len(self.marks) < 2:
            return 0.0, 0, 0.0
        first, last = self.marks[0], self.marks[-1]
        return last[0] - first[0], last[1] - first[1], last[2] - first[2]


class _Bar(tqdm):  # type: ignore[type-arg]
    """tqdm's bar with our time left: its own counts whole units alone, and one of a thousand may take minutes."""

    left = "?"

    @property
    def format_dict(self) -> Any:
        return {**super().format_dict, "left": self.left}


class ProgressBar:
    """Share done, time left, tokens a second of late, and the latest figures, on standard error."""

    def __init__(self, trainer: Trainer) -> None:
        self.bar = _Bar(
            total=1000,
            initial=min(round(1000 * trainer.progress), 1000),
            file=sys.stderr,
            bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{left}{postfix}",
            mininterval=1.0,
            miniters=0,
        )
        self.latest: dict[str, Any] = {}
        self.pace = Pace()
        self.pace.note(time.monotonic(), trainer.n_tokens, trainer.progress)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *unused: object) -> None:
        self.bar.close()

    def update(self, trainer: Trainer) -> None:
        """Called after every step."""
        for row in trainer.history[-2:]:  # figures of training and, at times, of a validation
            self.latest |= {name: value for name, value in row.items() if value is not None}
        self.pace.note(time.monotonic(), trainer.n_tokens, trainer.progress)
        left = self.pace.seconds_left
        self.bar.left = "?" if left is None else tqdm.format_interval(left)
        self.bar.set_postfix_str(self.words(trainer), refresh=False)
        self.bar.update(min(round(1000 * trainer.progress), 1000) - self.bar.n)

    def words(self, trainer: Trainer) -> str:
        """The step, the speed, and the latest loss and accuracies: of the batches, then of the last validation."""
        parts = [f"step {trainer.n_steps:,}"]
        if (speed := self.pace.tokens_per_second) is not None:
            parts.append(f"{speed:,.0f} tokens/s")
        pair = trainer.pairs.default.name
        shown = (
            ("loss", ("train_loss",)),
            ("pronouns right", ("train_right_both", "train_right_left")),
            (f"held-out {pair}", (f"valid_{pair}_both", f"valid_{pair}_left")),
        )
        for label, names in shown:
            if values := [self.latest[name] for name in names if name in self.latest]:
                parts.append(f"{label} {values[0]:.3f}")
        return ", ".join(parts)
