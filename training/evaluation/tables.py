"""Plain-text tables for a terminal: aligned columns, figures to the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.metrics import Interval

ABSENT = "-"


@dataclass(frozen=True)
class Table:
    """A title, a heading a column, and rows of as many cells."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        widths = [max(len(row[column]) for row in (self.header, *self.rows)) for column in range(len(self.header))]
        lines = [self.title]
        for row in (self.header, *self.rows):
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)


def told_apart(bundles: Sequence[tuple[str, str]]) -> list[str]:
    """(name, SHA-256) of bundles -> what they are called: those of one name by the beginning of the hash as well."""
    names = [name for name, _ in bundles]
    return [name if names.count(name) == 1 else f"{name} {sha256[:8]}" for name, sha256 in bundles]


def share(value: float) -> str:
    """A share of one, to three places."""
    return ABSENT if math.isnan(value) else f"{value:.3f}"


def number(value: float) -> str:
    """Any figure, to four significant places."""
    return ABSENT if math.isnan(value) else f"{value:.4g}"


def interval(value: Interval) -> str:
    """The bounds of an interval of shares, without their leading zeros."""
    if math.isnan(value.low):
        return ABSENT
    return f"{value.low:.3f}-{value.high:.3f}"
