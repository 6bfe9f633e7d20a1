"""Interventions in words: all that was edited is told, and what would be too long is cut with its number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.edit_lines import EDITS_SHOWN, edit_lines
from model.interventions import Intervention, parse_intervention

TOKENS = ["<s>", "Mary", "packed", "a" * 50, "", "שלום", "\u202eso\x07", "</s>"]
EDIT = Intervention("layer0.forward.forget_gate", (3,), (1, 1), set=0.0)


def test_an_edit_is_told_with_site_units_tokens_and_kind() -> None:
    at = "at “\u2068Mary\u2069” to “\u2068packed\u2069” (tokens 1 to 2)"
    for kind, doing in (("set=-0.5", "set to -0.5"), ("scale=2", "times 2"), ("freeze", "as it was before")):
        edit = parse_intervention(f"layer0.forward.forget_gate:0-7,12:1-2:{kind}")
        assert edit_lines([edit], TOKENS) == [f"layer0.forward.forget_gate, units 0 to 7, 12, {at}: {doing}"]


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ("all", "all units"),
        ((3,), "unit 3"),
        ((9, 8), "units 8 to 9"),
        (tuple(range(0, 12, 2)), "units 0, 2, 4, 6, 8, 10"),
        (tuple(range(0, 60, 2)), "30 units (0, 2, 4, 6, 8, 10, …)"),
    ],
)
def test_units_are_told_as_stretches_and_cut_where_they_are_many(units: tuple[int, ...] | str, told: str) -> None:
    (line,) = edit_lines([replace(EDIT, units=units)], TOKENS)
    assert f"forget_gate, {told}, at " in line


def test_one_token_is_named_once_and_none_is_too_long_or_steers_the_line() -> None:
    def named(token: int) -> str:
        (line,) = edit_lines([replace(EDIT, tokens=(token, token))], TOKENS)
        assert f"(token {token}): set to 0" in line
        return line.partition("\u2068")[2].partition("\u2069")[0]

    assert [named(token) for token in range(len(TOKENS))] == [
        "<s>", "Mary", "packed", "a" * 19 + "…", "␣", "שלום", "\ufffdso\ufffd", "</s>",
    ]  # fmt: skip


def test_many_edits_are_told_in_part_with_the_number_of_the_others() -> None:
    assert edit_lines([], TOKENS) == []
    assert len(edit_lines([EDIT] * EDITS_SHOWN, TOKENS)) == EDITS_SHOWN
    assert edit_lines([EDIT] * (EDITS_SHOWN + 1), TOKENS)[-1] == "and 1 more edit"
    assert edit_lines([EDIT] * 64, TOKENS)[EDITS_SHOWN:] == [f"and {64 - EDITS_SHOWN} more edits"]
