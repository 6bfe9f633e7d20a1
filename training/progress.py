"""What the person who waits for a training sees, on standard error; standard output stays free."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from training.loop import Trainer


def say(message: str) -> None:
    """One line, above the progress bar."""
    tqdm.write(message, file=sys.stderr)


class ProgressBar:
    """Share done, tokens a second, time left, and the latest figures, on standard error."""

    def __init__(self, trainer: Trainer) -> None:
        self.bar = tqdm(
            total=1000,
            initial=min(round(1000 * trainer.progress), 1000),
            file=sys.stderr,
            bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
            mininterval=1.0,
            miniters=0,
        )
        self.latest: dict[str, Any] = {}

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *unused: object) -> None:
        self.bar.close()

    def update(self, trainer: Trainer) -> None:
        """Called after every step."""
        for row in trainer.history[-2:]:  # figures of training and, at times, of a validation
            self.latest |= row
        parts = [f"step {trainer.n_steps:,}", f"{trainer.n_tokens / max(trainer.elapsed_seconds, 1e-9):,.0f} tokens/s"]
        pair = trainer.pairs.default.name
        context = "both" if f"valid_{pair}_both" in self.latest else "left"
        for label, name in (("loss", "train_left_nats"), (f"{pair} right", f"valid_{pair}_{context}")):
            if self.latest.get(name) is not None:
                parts.append(f"{label} {self.latest[name]:.3f}")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update(min(round(1000 * trainer.progress), 1000) - self.bar.n)
