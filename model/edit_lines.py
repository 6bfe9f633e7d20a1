"""Interventions in words, a line an edit: what was edited, where, at which tokens, and what became of it.

The words are those of the service's page. A name of a token is isolated, so that its direction stays its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from model.interventions import Intervention
from model.labels import shortened, visible

EDITS_SHOWN, STRETCHES_SHOWN, LABEL_WIDTH = 5, 6, 20
"""How many edits, and how many stretches of units of one, are told; cells of a token's name."""
ISOLATE, POP = "\u2068", "\u2069"


def edit_lines(interventions: Sequence[Intervention], tokens: Sequence[str]) -> list[str]:
    """A line for each of the first edits, and one for the number of the others; none without edits.

    `tokens`: the texts of the trace's tokens, among which the edits lie.
    """
    lines = [_line(one, tokens) for one in interventions[:EDITS_SHOWN]]
    more = len(interventions) - len(lines)
    if more:
        lines.append(f"and {more} more edit{'s' * (more > 1)}")
    return lines


def _line(one: Intervention, tokens: Sequence[str]) -> str:
    first, last = one.tokens
    names = " to ".join(
        f"“{ISOLATE}{shortened(visible(tokens[token]), LABEL_WIDTH)}{POP}”" for token in dict.fromkeys((first, last))
    )
    numbers = f"token {first}" if first == last else f"tokens {first} to {last}"
    return f"{one.site}, {_units(one.units)}, at {names} ({numbers}): {_doing(one)}"


def _doing(one: Intervention) -> str:
    if one.set is not None:
        return f"set to {one.set:g}"
    return "as it was before" if one.scale is None else f"times {one.scale:g}"


def _units(units: tuple[int, ...] | str) -> str:
    """As stretches of numbers that follow one another: 0 to 7, 12."""
    if isinstance(units, str):
        return f"{units} units"
    stretches: list[list[int]] = []
    for unit in sorted(units):
        if stretches and unit == stretches[-1][1] + 1:
            stretches[-1][1] = unit
        else:
            stretches.append([unit, unit])
    told = [str(low) if low == high else f"{low} to {high}" for low, high in stretches[:STRETCHES_SHOWN]]
    if len(stretches) > STRETCHES_SHOWN:
        return f"{len(units)} units ({', '.join(told)}, …)"
    return f"unit{'s' * (len(units) > 1)} {', '.join(told)}"
