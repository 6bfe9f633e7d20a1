"""`anaphora train --find-learning-rate`: the loss while the rate rises from far too small to far too large.

The range test of Smith (2017, "Cyclical learning rates for training neural networks"): a hundred steps, each at a rate
a constant factor above the one before. Where the loss falls fastest a training learns fastest; beyond its lowest point
steps undo each other. Knows a trainer; saves nothing of it.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.errors import DivergedError
from training.evaluation.tables import Table
from training.loop import Trainer
from training.page import figures, table
from training.pictures import BLUE, GREEN, ORANGE, Line, Panel, picture

LOWEST, HIGHEST = 1e-6, 1.0
N_STEPS = 100
MEMORY = 0.9
"""Of the running mean that smooths the loss: ten steps or so."""
TOO_HIGH = 2.0
"""The search ends where the smoothed loss is so many times its lowest value."""
N_UNSETTLED = 5
"""The running mean of the first steps is not yet to be trusted."""
MAX_SHOWN_ROWS = 25


@dataclass(frozen=True)
class RateSearch:
    """What was seen, step by step."""

    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]

    @property
    def lowest(self) -> int:
        """The step at which the smoothed loss is lowest."""
        return int(np.argmin(self.smoothed))

    @property
    def suggestion(self) -> float | None:
        """The rate at which the smoothed loss falls fastest, per factor of the rate; None where it never falls."""
        settled = np.asarray(self.smoothed)[N_UNSETTLED : self.lowest + 1]
        if len(settled) < 3:
            return None
        slopes = np.gradient(settled, np.log(np.asarray(self.rates)[N_UNSETTLED : self.lowest + 1]))
        return float(self.rates[N_UNSETTLED + int(np.argmin(slopes))]) if slopes.min() < 0 else None

    @property
    def advice(self) -> str:
        """What to make of it, a sentence or two."""
        if self.suggestion is None:
            return (
                "The loss did not fall at any rate: the training is at its best already, or something else is wrong. "
                "Keep the rate that you have."
            )
        return (
            f"Suggestion: --learning-rate {self.suggestion:.1g} (the loss falls fastest there; it is lowest at "
            f"{self.rates[self.lowest]:.1g}, which is too high for a whole training)."
        )

    def table(self) -> Table:
        """Every few steps: rate, loss, smoothed loss."""
        every = max(1, -(-len(self.rates) // MAX_SHOWN_ROWS))
        rows = tuple(
            (f"{self.rates[n]:.2e}", f"{self.losses[n]:.4f}", f"{self.smoothed[n]:.4f}")
            for n in range(0, len(self.rates), every)
        )
        return Table("", ("learning rate", "loss", "smoothed"), rows)


def search(trainer: Trainer, listener: Callable[[Trainer], None] = lambda trainer: None) -> RateSearch:
    """Steps at rising rates until the loss runs away; the trainer is of no use for anything else afterwards.

    Raises DivergedError when the first steps, at next to no rate, already give no finite loss.
    """
    rates = np.geomspace(LOWEST, HIGHEST, N_STEPS).tolist()
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    trainer.network.train()
    for number, rate in enumerate(rates):
        if trainer.stop_requested:
            break
        try:
            trainer.step(rate)
        except DivergedError:
            if number < N_UNSETTLED:
                raise
            break
        losses.append(trainer.latest_loss)
        mean = MEMORY * mean + (1 - MEMORY) * losses[-1]
        smoothed.append(mean / (1 - MEMORY ** (number + 1)))  # without the zero it began with
        listener(trainer)
        if smoothed[-1] > TOO_HIGH * min(smoothed):
            break
    return RateSearch(rates[: len(losses)], losses, smoothed)


def write_page(path: Path, found: RateSearch) -> None:
    """The curve, the advice and the table, as one HTML file that needs nothing else. Raises OSError."""
    title = "Looking for a learning rate"
    lines = [
        Line("loss of each step", found.rates, found.losses, ORANGE),
        Line("smoothed", found.rates, found.smoothed, BLUE),
    ]
    if found.suggestion is not None:
        smoothed = found.smoothed[list(found.rates).index(found.suggestion)]
        lines.append(Line("suggestion", [found.suggestion], [smoothed], GREEN, measured=True))
    panel = Panel("Loss by learning rate", "loss", lines, across="learning rate", logarithmic=True)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}
svg {{ max-width: 100%; height: auto; }}
th, td {{ text-align: right; padding: 0.1rem 1rem 0.1rem 0; font-weight: normal; }}
thead th {{ font-weight: bold; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{html.escape(found.advice)}</p>
{figures([picture("rates", title, [panel])])}
{table(found.table())}
</body>
</html>
"""
    part = path.with_name(path.name + ".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
