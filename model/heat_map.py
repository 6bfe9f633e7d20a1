"""SVG of a trace: tokens across, at the same place in every drawing of a page; layers or units down.

Knows geometry and colour classes, whose colours the page's style sheet sets (model/picture.py); knows no HTML page.
Lengths are CSS pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from model.cells import Array
from model.labels import display_width, shortened, visible

LEFT_MARGIN = 76
"""Room for "layer 0 →" and for unit numbers."""
CHARACTER_WIDTH = 8
"""A generous average at the labels' 13 pixels."""
NARROW_COLUMN, WIDEST_PAGE = 24, 1150
LONGEST_LABEL = 24
"""Narrow characters of a label; longer ones are cut here, and whole in the table below."""
LEVELS = 20
"""Steps of colour between 0 and the end of the scale."""
LAYER_HEIGHT = 34


@dataclass(frozen=True)
class Columns:
    """Where the tokens stand: side by side like a line of text, or slanted where that would be too wide."""

    labels: tuple[str, ...]
    blanks: frozenset[int]
    """Indices of the tokens that fill a blank."""
    edges: tuple[int, ...]
    """Left edge of each column, and the right edge of the last."""
    slanted: bool
    label_height: int

    @classmethod
    def of(cls, texts: Sequence[str], blanks: Iterable[int]) -> Columns:
        """Columns for tokens with these texts."""
        labels = tuple(shortened(visible(text), LONGEST_LABEL) for text in texts)
        widths = [max(NARROW_COLUMN, CHARACTER_WIDTH * display_width(label) + 10) for label in labels]
        longest = max(map(display_width, labels))
        slanted = LEFT_MARGIN + sum(widths) > WIDEST_PAGE and longest > 2
        if slanted:
            widths = [NARROW_COLUMN] * len(labels)
        edges = np.cumsum([LEFT_MARGIN, *widths])
        # sin(60°) of the longest label, or one line
        label_height = 22 + int(0.87 * CHARACTER_WIDTH * longest) if slanted else 24
        return cls(labels, frozenset(blanks), tuple(int(edge) for edge in edges), slanted, label_height)

    @property
    def width(self) -> int:
        """Of the whole drawing; slanted labels lean out to the right."""
        return self.edges[-1] + (self.label_height * 6 // 10 if self.slanted else 6)

    def centre(self, column: int) -> int:
        """The middle of a column."""
        return (self.edges[column] + self.edges[column + 1]) // 2

    def token_labels(self, y: int) -> str:
        """The tokens, in a band of `label_height` that begins at `y`."""
        drawn = []
        for column, label in enumerate(self.labels):
            kind = f"token{' blank' * (column in self.blanks)}{' slanted' * self.slanted}"
            x, y_base = self.centre(column) + 4 * self.slanted, y + self.label_height - 7
            turn = f' transform="rotate(-60 {x} {y_base})"' if self.slanted else ""
            drawn.append(f'<text class="{kind}" x="{x}" y="{y_base}"{turn}>{escape(label)}</text>')
        return "".join(drawn)


def heat_map(columns: Columns, units: Sequence[int], values: Array, scale: float, label: str) -> str:
    """Units down, coloured by value: class `high` above 0, `low` below, as opaque as |value| / scale.

    values (n_tokens, U) in -scale .. scale. `label`: what a screen reader says.
    """
    row = 18 if len(units) <= 40 else 6
    gap = 1 if row > 8 else 0
    top = columns.label_height
    steps = np.rint(np.clip(values / scale, -1, 1) * LEVELS).astype(int)  # (n_tokens, U)
    cells: dict[int, list[str]] = {}
    for column, row_number in np.argwhere(steps):
        x, width = columns.edges[column], columns.edges[column + 1] - columns.edges[column] - gap
        square = f"M{x} {top + row * row_number}h{width}v{row - gap}h-{width}z"
        cells.setdefault(int(steps[column, row_number]), []).append(square)
    coloured = "".join(
        f'<path class="{"high" if step > 0 else "low"}" fill-opacity="{abs(step) / LEVELS:g}" d="{"".join(squares)}"/>'
        for step, squares in sorted(cells.items())
    )
    every = -(-14 // row)  # a unit number needs 14 pixels
    numbers = "".join(
        f'<text class="unit" x="{LEFT_MARGIN - 8}" y="{top + row * index + row // 2 + 4}">{units[index]}</text>'
        for index in range(0, len(units), every)
    )
    numbers += f'<text class="unit" x="{LEFT_MARGIN - 8}" y="{top - 7}">unit</text>'
    height = top + row * len(units)
    return (
        f'<svg class="map" width="{columns.width}" height="{height + 2}" data-top="{top}" data-row="{row}" '
        f'tabindex="0" role="img" aria-label="{escape(label)}">{columns.token_labels(0)}{numbers}'
        f'<path class="field" d="M{LEFT_MARGIN} {top}H{columns.edges[-1]}V{height}H{LEFT_MARGIN}z"/>{coloured}'
        f'<rect class="cursor" height="{row}" visibility="hidden"/></svg>'
    )


def structure_map(
    columns: Columns, n_layers: int, directions: Sequence[str], remembers: bool, reads: Sequence[str]
) -> str:
    """The network unrolled in time: forward layers upwards from the tokens, backward layers downwards.

    remembers: whether a layer passes its state on to the next moment. reads: the directions whose last layer's state
    beside each blank is marked, as what predicts it.
    """
    band = n_layers * LAYER_HEIGHT  # the tokens lie below the forward stack
    below = band + columns.label_height + 8
    height = below + (band if "backward" in directions else 0)
    centres = [columns.centre(column) for column in range(len(columns.labels))]
    boxes: list[str] = []
    lines: list[str] = []
    read_boxes: list[str] = []
    read_lines: list[str] = []
    numbers: list[str] = []
    for direction in directions:
        onward = 1 if direction == "forward" else -1  # to the right, and this many pixels of y towards the tokens
        for layer in range(n_layers):
            away = layer * LAYER_HEIGHT + LAYER_HEIGHT // 2
            y = band - away if onward == 1 else below + away
            arrow = "→" if onward == 1 else "←"
            numbers.append(f'<text class="unit" x="{LEFT_MARGIN - 6}" y="{y + 4}">layer {layer} {arrow}</text>')
            for column, x in enumerate(centres):
                after = column + onward
                is_last = layer == n_layers - 1 and after in columns.blanks and direction in reads
                (read_boxes if is_last else boxes).append(f"M{x - 8} {y - 8}h16v16h-16z")
                lines.append(f"M{x} {y + onward * 24}v{-onward * 14}m-3 {onward * 4}l3 {-onward * 4}l3 {onward * 4}")
                if remembers and 0 <= after < len(centres):
                    end = centres[after] - onward * 10
                    lines.append(f"M{x + onward * 8} {y}H{end}m{-onward * 4} -3l{onward * 4} 3l{-onward * 4} 3")
                if is_last:
                    gutter = columns.edges[after if onward == 1 else after + 1]
                    end = band + 6 if onward == 1 else below - 4
                    read_lines.append(f"M{x + onward * 8} {y}H{gutter}V{end - onward * 12}L{centres[after]} {end}")
    return (
        f'<svg class="structure" width="{columns.width}" height="{height}" role="img" '
        f'aria-label="The network unrolled in time: {n_layers} layers, {" and ".join(directions)}">'
        f'<path class="line" d="{"".join(lines)}"/><path class="read line" d="{"".join(read_lines)}"/>'
        f'<path class="box" d="{"".join(boxes)}"/><path class="read box" d="{"".join(read_boxes)}"/>'
        f"{columns.token_labels(band + 4)}{''.join(numbers)}</svg>"
    )
