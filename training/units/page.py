"""The page of a study: bars, a scatter, gates' courses, a map of one story; one file that needs no internet.

Knows what is shown and in which order; what the figures are is `report.py`'s and `study.py`'s.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from training.evaluation.metrics import Interval
from training.evaluation.tables import Table
from training.page import figures, filled, table, tables
from training.pictures import BLUE, COLOURS, GREEN, INK, MARKERS, ORANGE, Line, Panel, Picture, drawing, picture
from training.units.new_subject import AROUND
from training.units.report import comparison_table, forgetting
from training.units.report import tables as report_tables
from training.units.study import Measured, Study
from training.units.subjects import AGAIN, OTHER, SAME

SHOWN_BARS = 16
MAP_COLOURS = "RdBu"
"""Below 0 red, above 0 blue, as far as the largest value."""


def units_page(studies: Sequence[Study], making: Mapping[str, Any]) -> str:
    """The page, HTML. `making`: what the figures depend on, by name."""
    names = [study.bundle.name for study in studies]
    rows = tuple((name, str(value)) for name, value in making.items())
    return filled(
        "units.html",
        title=html.escape("Units that carry gender: " + " · ".join(names)),
        comparison=table(comparison_table(studies)) if len(studies) > 1 else "",
        bundles="\n".join(_bundle(study, number) for number, study in enumerate(studies)),
        making=table(Table("", ("what", "value"), rows)),
    )


def _bundle(study: Study, number: int) -> str:
    name = f"bundle-{number}"
    pictures = [
        _bars(study, f"{name}-bars"),
        picture(f"{name}-groups", "Several units at once", [_groups_panel(one) for one in study.measured]),
        _scatter(study, f"{name}-scatter"),
        picture(f"{name}-gates", "The gate around a mention, top units", _gate_panels(study)),
        _map(study, f"{name}-map"),
    ]
    return "\n".join([f"<h2>{html.escape(study.bundle.name)}</h2>", figures(pictures), tables(report_tables(study))])


def _bars(study: Study, name: str) -> Picture:
    """The largest effects with their intervals, and where the random units lie."""
    units = study.ranked()[:SHOWN_BARS]
    svgs, told = [], []
    for number, one in enumerate(study.measured):
        effects = [one.units[unit] for unit in units]
        random = [one.units[unit].log_odds for unit in study.controls]

        def draw(axes: Axes, effects: Any = effects, random: Any = random, one: Measured = one) -> None:
            at = np.arange(len(units))
            lost = np.array([effect.log_odds for effect in effects])
            low = [max(effect.log_odds - effect.interval.low, 0.0) for effect in effects]
            high = [max(effect.interval.high - effect.log_odds, 0.0) for effect in effects]
            axes.barh(
                at, lost, xerr=[low, high], color=BLUE, error_kw={"ecolor": INK, "elinewidth": 1.0}, label="ranked"
            )
            axes.plot(random, [len(units) + 0.5] * len(random), "|", color=ORANGE, markersize=12, label="random units")
            axes.set_yticks([*at, len(units) + 0.5], [*map(str, units), "random units"], fontsize=9)
            axes.invert_yaxis()
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.grid(visible=False, axis="y")
            axes.set_xlabel("log-odds lost, nats")
            axes.set_title(one.name, loc="left", fontsize=12)

        words = ", ".join(f"{unit} {effect.log_odds:.3f}" for unit, effect in zip(units, effects, strict=True))
        description = (
            f"{one.name}: log-odds lost without {words}; without random units at most {max(random, default=0):.3f}."
        )
        svgs.append(drawing(f"{name}-{number}", one.name, description, draw, size=(5.0, 5.4)))
        told.append(description)
    return Picture("One unit at a time", " ".join(told), "\n".join(svgs))


def _scatter(study: Study, name: str) -> Picture:
    """Selectivity against effect: ranked units by stack, random ones beside them."""

    def draw(axes: Axes) -> None:
        for number, (stack, units) in enumerate(study.ranking.items()):
            x = [study.selectivity[unit].auc for unit in units]
            y = [study.effect(unit) for unit in units]
            style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
            axes.plot(x, y, linestyle="none", markersize=5, label=stack, **style)
        x = [study.selectivity[unit].auc for unit in study.controls]
        axes.plot(
            x, [study.effect(unit) for unit in study.controls], "x", color="#888888", markersize=4, label="random"
        )
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.axvline(0.5, color=INK, linewidth=0.8)
        axes.set_xlabel("AUC of the subject's gender, held-out stories")
        axes.set_ylabel("log-odds lost, nats")

    best = max(study.selectivity, key=lambda unit: study.selectivity[unit].auc)
    description = f"The most selective unit is {best} with an AUC of {study.selectivity[best].auc:.3f}."
    return Picture(
        "Selectivity and effect", description, drawing(name, "Selectivity and effect", description, draw, legend=True)
    )


def _groups_panel(one: Measured) -> Panel:
    places = [float(k) for k in range(len(one.groups))]
    random = [[effect.log_odds for effect in group.random] for group in one.groups]
    lines = [
        Line("top k", places, [g.top.log_odds for g in one.groups], BLUE, True, [g.top.interval for g in one.groups]),
        Line(
            "k random others (least to most)",
            places,
            [float(np.mean(lost)) for lost in random],
            ORANGE,
            True,
            [Interval(min(lost), max(lost)) for lost in random],
            "s",
        ),
    ]
    names = [str(group.size) for group in one.groups]
    return Panel(
        one.name, "log-odds lost, nats", lines, ("all units", one.all_lost), across="units held at once", names=names
    )


def _gate_panels(study: Study) -> list[Panel]:
    panels = []
    for stack, of_stack in study.gates.items():
        found = of_stack["top"]
        lines = []
        styles = zip((OTHER, SAME, AGAIN), (BLUE, ORANGE, GREEN), MARKERS, strict=False)
        for kind, colour, marker in styles:
            there = [(float(k), level) for k, level in enumerate(found.course[kind]) if level is not None]
            if there:
                x, levels = zip(*there, strict=True)
                lines.append(
                    Line(kind, x, [o.mean for o in levels], colour, True, [o.interval for o in levels], marker)
                )
        names = [f"{shift:+d}" if shift else "0" for shift in range(-AROUND, AROUND + 1)]
        across = "tokens after the word that tells who is meant, in reading order"
        panels.append(Panel(stack, found.gate.replace("_", " "), lines, across=across, names=names))
    return panels


def _map(study: Study, name: str) -> Picture:
    """The memory of the top units of the layer that carries most, over one story."""
    story, drawn = study.example
    forward = {k: sum(map(study.effect, units)) for k, units in study.ranking.items() if k.endswith("forward")}
    stack = forgetting(study)[0] if study.gates else max(forward, key=lambda key: forward[key])
    values = drawn[stack].T  # (K, T)
    numbers = [unit.number for unit in study.ranking[stack]][: len(values)]
    highest = max(float(np.abs(values).max()), 1e-6)

    def draw(axes: Axes) -> None:
        axes.pcolormesh(values, cmap=MAP_COLOURS, vmin=-highest, vmax=highest, edgecolors="none")
        axes.invert_yaxis()
        axes.set_xticks(
            np.arange(len(story.texts)) + 0.5,
            [t.replace("$", r"\$") for t in story.texts],
            rotation=60,
            ha="right",
            fontsize=8,
        )
        axes.set_yticks(np.arange(len(numbers)) + 0.5, [f"unit {n}" for n in numbers], fontsize=9)
        axes.grid(visible=False)
        axes.set_title(f"{stack}, {study.activation.replace('_', ' ')}", loc="left", fontsize=12)

    description = (
        f"{stack}: from {-highest:.2f} (red) to {highest:.2f} (blue), over the story: {' '.join(story.texts[1:-1])}"
    )
    svg = drawing(name, "One story", description, draw, size=(10.0, 3.4))
    return Picture("The top units over one story", description, svg)
