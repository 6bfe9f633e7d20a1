"""Interventions: chosen units of a site set, scaled or frozen over chosen tokens, for the length of one call.

A value is changed the moment it is computed and before anything reads it (`observe` in cells.py): an edited cell state
is what the hidden state is computed from, an edited hidden state is what passes upward and onward. What reads with
edits is equations.py; what may be asked is checked here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.cells import Array
from model.config import NetworkConfig
from model.errors import InterventionError, SiteError, TooManyError
from model.sites import Site, parse_site

LARGEST = 1e6
"""What a value is set to or scaled by goes no further from 0, nor does a scaled value, nor a state that comes of edited
values: nothing may overflow."""
STATES = ("hidden_state", "cell_state")


@dataclass(frozen=True)
class Intervention:
    """One edit as it is asked for: exactly one of `set`, `scale` and `freeze`."""

    site: str
    """The name of an activation, such as layer0.forward.forget_gate."""
    units: tuple[int, ...] | str
    """Numbers of units, or "all"."""
    tokens: tuple[int, int]
    """The first and the last token, both edited, counted as in a trace: <s> is 0, and a blank is one token."""
    set: float | None = None
    """The value that the units get."""
    scale: float | None = None
    """What their values are multiplied by."""
    freeze: bool = False
    """Whether they keep the value of the step before, in the direction's own order of reading; at the first step,
    which has none before it, a state stays at 0 and a gate or candidate as it is."""


FORM = "SITE:UNITS:FIRST-LAST:set=NUMBER, scale=NUMBER or freeze"


def parse_intervention(words: str) -> Intervention:
    """One intervention as it is written in one word, such as layer0.forward.forget_gate:0-7,12:1-4:set=0.

    UNITS: `all`, or numbers and ranges with commas between them. Raises ValueError, which says what is expected.
    """
    fields = words.split(":")
    if len(fields) != 4 or not fields[0]:
        raise ValueError(f"{words!r:.80} should be {FORM}")
    site, units, tokens, what = fields
    chosen = "all" if units == "all" else tuple(unit for part in units.split(",") for unit in _stretch(part, words))
    first_and_last = _stretch(tokens, words)
    edit = Intervention(site, chosen, (first_and_last[0], first_and_last[-1]))
    name, _, number = what.partition("=")
    if what == "freeze":
        return replace(edit, freeze=True)
    if name not in ("set", "scale"):
        raise ValueError(f"{words!r:.80} should end in set=NUMBER, scale=NUMBER or freeze")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{number!r:.40} in {words!r:.80} should be a number, as in {name}=0.5")
    return replace(edit, set=value) if name == "set" else replace(edit, scale=value)


def _stretch(part: str, words: str) -> range:
    """The numbers of 3 or of 3-7."""
    first, dash, last = part.partition("-")
    if not all(
        number.isascii() and number.isdigit() and len(number) < 7 for number in (first, last if dash else first)
    ):
        raise ValueError(f"{part!r:.40} in {words!r:.80} should be numbers such as 3 or 0-7")
    if int(last or first) < int(first):
        raise ValueError(f"{part!r:.40} in {words!r:.80} runs backwards; the smaller number comes first")
    return range(int(first), int(last or first) + 1)


@dataclass(frozen=True)
class Edit:
    """An intervention that has been checked against a network."""

    site: Site
    units: tuple[int, ...]
    first: int
    last: int
    set: float | None
    scale: float | None

    @property
    def freezes(self) -> bool:
        return self.set is None and self.scale is None

    def applied(self, value: Array, tokens: NDArray[np.int64], before: Array | None) -> Array:
        """value (B, H) as edited in the rows whose token (B,) is meant; `before`: the value one step earlier, NaN if
        there was no such step, needed where the edit freezes."""
        rows = np.flatnonzero((self.first <= tokens) & (tokens <= self.last))
        if not len(rows):
            return value
        place = np.ix_(rows, np.array(self.units))
        edited = value.copy()
        if self.set is not None:
            edited[place] = self.set
        elif self.scale is not None:
            edited[place] = np.clip(value[place] * value.dtype.type(self.scale), -LARGEST, LARGEST)
        elif before is not None:
            edited[place] = np.where(np.isnan(before[place]), value[place], before[place])
        return edited


def check_interventions(
    interventions: Sequence[Intervention], config: NetworkConfig, n_tokens: int, limit: int
) -> tuple[Edit, ...]:
    """The edits, in the order given, for a text of `n_tokens` tokens. Raises InterventionError, TooManyError."""
    if len(interventions) > limit:
        raise TooManyError(
            f"{len(interventions)} interventions in one request; the limit is {limit}. An intervention takes any "
            "number of units, and tokens from a first to a last.",
            "interventions",
        )
    return tuple(_checked(one, number, config, n_tokens) for number, one in enumerate(interventions))


def _checked(one: Intervention, number: int, config: NetworkConfig, n_tokens: int) -> Edit:
    def check(is_right: bool, sentence: str) -> None:
        if not is_right:
            raise InterventionError(f"interventions[{number}]: {sentence}", f"interventions[{number}]")

    try:
        site = parse_site(one.site, config)
    except SiteError as error:
        raise InterventionError(f"interventions[{number}]: {error}", f"interventions[{number}]") from None
    n_asked = (one.set is not None) + (one.scale is not None) + bool(one.freeze)
    check(n_asked == 1, f"exactly one of set, scale and freeze is expected; got {n_asked or 'none'} of them.")
    for name, value in (("set", one.set), ("scale", one.scale)):
        check(
            value is None or (math.isfinite(value) and abs(value) <= LARGEST),
            f"{name} is {value!r:.60}; expected a number from {-LARGEST:,.0f} to {LARGEST:,.0f}.",
        )
    units = tuple(range(config.hidden_size)) if one.units == "all" else one.units
    check(not isinstance(units, str), f'units is {units!r:.60}; expected numbers of units, or "all".')
    assert not isinstance(units, str)
    check(
        bool(units) and len(set(units)) == len(units), f"units is {list(units)!r:.60}; expected one or more, each once."
    )
    for unit in units:
        check(
            type(unit) is int and 0 <= unit < config.hidden_size,
            f"there is no unit {unit!r:.60}; the layers have units 0 to {config.hidden_size - 1}.",
        )
    first, last = one.tokens
    check(
        type(first) is type(last) is int and 0 <= first <= last < n_tokens,
        f"tokens is {list(one.tokens)!r:.60}; expected the first and the last token of a stretch of the text, which "
        f"has tokens 0 (<s>) to {n_tokens - 1} (</s>) with each blank as one.",
    )
    return Edit(site, units, first, last, one.set, one.scale)
