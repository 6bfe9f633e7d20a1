"""Pictures for a page: systems of axes with lines, drawn by matplotlib, each an inline SVG.

The colour of text and axes is the page's own, so that a picture reads on light and dark ground; each panel is an SVG by
itself, so that a narrow page can set them one below the other. Knows lines; knows neither pages nor what is measured.
"""

from __future__ import annotations

import html
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from training.evaluation.metrics import Interval

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
COLOURS = ("#3f8fd2", "#d9822b", "#3aa675", "#c65fa0", "#8a6fd6", "#b8960b", "#d65a5a")
"""Seen on white and on black, and apart by the colour-blind; the markers tell them apart as well."""
BLUE, ORANGE, GREEN = COLOURS[:3]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH, HEIGHT = 5.0, 3.6
"""Inches of one panel."""
SPREAD, STEP = 0.64, 0.16
"""Over how much of the space of a name the points of several lines are spread, and at most how far from each other."""
ACROSS_CHARACTERS = 46
"""A longer label of the horizontal scale is broken."""
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: small, and read aloud
    "font.family": "sans-serif",
    "font.size": 11,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#888888",
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Line:
    """A quantity against another."""

    label: str
    x: Sequence[float]
    """With named places (`Panel.names`): their numbers, from 0."""
    values: Sequence[float]
    colour: str
    measured: bool = False
    """Measured now and then (drawn with markers), rather than logged all the time."""
    intervals: Sequence[Interval] = ()
    """95 % intervals of the values; none, or one each."""
    marker: str = "o"

    def told(self, names: Sequence[str] = ()) -> str:
        """The line in words, for those who do not see it."""
        if names:
            places = zip(self.x, self.values, strict=True)
            return f"{self.label}: " + ", ".join(f"{value:.3f} at {names[int(x)]}" for x, value in places)
        return f"{self.label}: {self.values[0]:.4g} at first, {self.values[-1]:.4g} at the end"


@dataclass(frozen=True)
class Panel:
    """One system of axes."""

    title: str
    unit: str
    """Of the vertical scale."""
    lines: Sequence[Line]
    constant: tuple[str, float] | None = None
    """A level to compare with: what it is, and where."""
    least: float | None = None
    """Where the vertical scale begins, unless a value lies below; it ends at 1 then. None: where the values do."""
    across: str = "tokens read"
    """What the horizontal scale is."""
    names: Sequence[str] = ()
    """The places of the horizontal scale, where they are names and not numbers."""
    last_apart: bool = False
    """Whether the last of the names does not go on from those before it, so that no line leads to it."""
    logarithmic: bool = False
    """Whether equal factors of the horizontal scale are equally far apart."""
    diagonal: str | None = None
    """Both scales go from 0 to 1, and the diagonal is drawn: what it is."""

    def told(self) -> str:
        """The panel in words."""
        return "; ".join(f"{self.title}, {line.told(self.names)}" for line in self.lines)


@dataclass(frozen=True)
class Picture:
    """A drawn figure of one or more panels."""

    title: str
    description: str
    svg: str


def picture(name: str, title: str, panels: Sequence[Panel]) -> Picture | None:
    """The panels that have a line, drawn; None where none has. `name`: of the ids, once on a page."""
    drawn = [panel for panel in panels if panel.lines]
    if not drawn:
        return None
    svgs = [_svg(f"{name}-{number}" if number else name, panel) for number, panel in enumerate(drawn)]
    return Picture(title, "; ".join(panel.told() for panel in drawn) + ".", "\n".join(svgs))


def standalone(drawn: Picture) -> str:
    """The picture as an SVG file by itself, its panels side by side, for documents that show it as an image."""
    panels = re.findall(r'<svg role="img".*?</svg>', drawn.svg, flags=re.DOTALL)
    boxes = [[float(side) for side in re.findall(r'viewBox="([^"]*)"', panel)[0].split()] for panel in panels]
    width, height = sum(box[2] for box in boxes), max(box[3] for box in boxes)
    placed, x = [], 0.0
    for panel, box in zip(panels, boxes, strict=True):
        at = f'<svg x="{x:g}" y="0" width="{box[2]:g}" height="{box[3]:g}"'
        placed.append(re.sub(r'<svg role="img" aria-labelledby="[^"]*"', at, panel, count=1))
        x += box[2]
    content, style = _small("".join(placed))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">'
        f"<title>{html.escape(drawn.title)}</title><desc>{html.escape(drawn.description)}</desc>"
        f"<style>{STANDALONE_STYLE}{style}</style>\n{content}\n</svg>\n"
    )


STANDALONE_STYLE = "svg{color:#1d2329}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}"
"""A file has no page to take its ink from."""


def _small(svg: str) -> tuple[str, str]:
    """The same drawing in a third of the bytes, and the style it needs: short ids, no idle groups, fonts by their
    family alone, hundredths of a point, each style written once."""
    referred = re.findall(r'(?:url\(#|href="#)([^)"]*)', svg)
    short = {name: f"i{number}" for number, name in enumerate(dict.fromkeys(referred))}
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{short[found[1]]}"' if found[1] in short else "", svg)
    svg = re.sub(r'(url\(#|href="#)([^)"]*)', lambda found: found[1] + short[found[2]], svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", svg)
    svg = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), svg)
    svg = re.sub(r"\s+", " ", re.sub(r">\s+<", "><", svg))
    styles = {style: f"s{number}" for number, style in enumerate(dict.fromkeys(re.findall(r' style="([^"]*)"', svg)))}
    svg = re.sub(r' style="([^"]*)"', lambda found: f' class="{styles[found[1]]}"', svg)
    kept: list[bool] = []

    def group(found: re.Match[str]) -> str:
        if found[0] != "</g>":
            kept.append(found[0] != "<g>")
            return found[0] if kept[-1] else ""
        return found[0] if kept.pop() else ""

    svg = re.sub(r"<g(?: [^>]*)?>|</g>", group, svg)
    return svg, "".join(f".{name}{{{style}}}" for style, name in styles.items())


def _svg(name: str, panel: Panel) -> str:
    has_legend = len(panel.lines) > 1 or panel.constant is not None or panel.diagonal is not None
    return drawing(name, panel.title, panel.told() + ".", lambda axes: _draw(axes, panel), legend=has_legend)


def drawing(
    name: str,
    title: str,
    description: str,
    draw: Callable[[Axes], object],
    *,
    size: tuple[float, float] = (WIDTH, HEIGHT),
    legend: bool = False,
) -> str:
    """One system of axes as an inline SVG, drawn by `draw` in the page's style. size: inches."""
    style: Any = STYLE | {"svg.hashsalt": name}  # matplotlib types every key by itself
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        if legend:
            figure.legend(loc="outside lower left", ncols=2, borderaxespad=0.1, columnspacing=1.2)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _inline(stream.getvalue(), name, title, description)


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=12)
    n_others = len(panel.lines) - 1
    step = min(STEP, SPREAD / n_others) if panel.names and n_others else 0.0
    for number, drawn in enumerate(panel.lines):
        _draw_line(axes, panel, drawn, step * (number - n_others / 2))
    if panel.constant is not None:
        label, level = panel.constant
        axes.axhline(level, color=INK, linestyle="--", linewidth=1.0, alpha=0.6, label=label)
    if panel.least is not None:
        values = [value for drawn in panel.lines for value in drawn.values]
        values += [interval.low for drawn in panel.lines for interval in drawn.intervals]
        axes.set_ylim(min(panel.least, min(values) - 0.02), 1.01 if panel.names else 1.0)
    if panel.diagonal is not None:
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.0, alpha=0.6, label=panel.diagonal)
        axes.set_xlim(-0.02, 1.02)  # room for the markers at the ends
        axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("\n".join(textwrap.wrap(panel.across, ACROSS_CHARACTERS)))
    axes.set_ylabel(panel.unit)
    if panel.names:
        axes.set_xticks(range(len(panel.names)), panel.names, fontsize=9)
        axes.set_xlim(-0.6, len(panel.names) - 0.4)
        axes.grid(visible=False, axis="x")
    elif panel.logarithmic:
        axes.set_xscale("log")
    elif panel.diagonal is None and max(x for drawn in panel.lines for x in drawn.x) >= 1000:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _draw_line(axes: Axes, panel: Panel, drawn: Line, shift: float) -> None:
    x = [place + shift for place in drawn.x]
    faint = any(line.measured for line in panel.lines) and not drawn.measured
    if drawn.intervals:
        low = [max(value - i.low, 0.0) for value, i in zip(drawn.values, drawn.intervals, strict=True)]
        high = [max(i.high - value, 0.0) for value, i in zip(drawn.values, drawn.intervals, strict=True)]
        axes.errorbar(x, drawn.values, yerr=[low, high], fmt="none", ecolor=drawn.colour, elinewidth=1.2, alpha=0.7)
    is_last = [panel.last_apart and place == len(panel.names) - 1 for place in drawn.x]
    style: dict[str, Any] = {
        "color": drawn.colour,
        "marker": drawn.marker if drawn.measured or len(drawn.values) == 1 else None,
        "markersize": 4.5 if panel.names else 3.5,
        "alpha": 0.5 if faint else 1.0,
        "linewidth": 1.0 if faint or panel.names else 1.8,
    }
    n = is_last.index(True) if True in is_last else len(x)
    axes.plot(x[:n], drawn.values[:n], label=drawn.label, **style)
    axes.plot(x[n:], drawn.values[n:], **style)


def _inline(svg: str, name: str, title: str, description: str) -> str:
    """The SVG as part of a page: its own ids, the page's ink, a title and a description."""
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    opening = (
        f'<svg role="img" aria-labelledby="{name}-title {name}-description"'
        + svg[len("<svg") : svg.index(">") + 1]
        + f'<title id="{name}-title">{html.escape(title)}</title>'
        + f'<desc id="{name}-description">{html.escape(description)}</desc>'
    )
    return opening + svg[svg.index(">") + 1 :]
