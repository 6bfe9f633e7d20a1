"""The drawings of a trace: every value at its place and in its colour, time at the same place in all of them."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from model.heat_map import LEFT_MARGIN, NARROW_COLUMN, Columns, heat_map, structure_map

WORDS = ["<s>", "Mary", "saw", "her", "</s>"]


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def by_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in svg.iter() if one.get("class", "").split() == name.split()]


def squares(path: ET.Element) -> list[tuple[int, int, int]]:
    """x, y and width of each."""
    return [(int(x), int(y), int(w)) for x, y, w in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d") or "")]


def test_a_value_is_drawn_in_its_column_and_row_as_opaque_as_it_is_large() -> None:
    columns = Columns.of(WORDS, [3])
    values = np.zeros((5, 2))
    values[1, 0], values[3, 1] = 0.5, -2.0
    svg = drawn(heat_map(columns, (17, 4), values, 2.0, "a map"))
    top, row = int(svg.get("data-top") or 0), int(svg.get("data-row") or 0)
    (high,), (low,) = by_class(svg, "high"), by_class(svg, "low")
    assert high.get("fill-opacity") == "0.25"
    assert squares(high) == [(columns.edges[1], top, columns.edges[2] - columns.edges[1] - 1)]
    assert low.get("fill-opacity") == "1"
    assert squares(low) == [(columns.edges[3], top + row, columns.edges[4] - columns.edges[3] - 1)]
    assert [one.text for one in by_class(svg, "unit")] == ["17", "4", "unit"]


def test_tokens_stand_in_a_line_of_text_above_their_columns() -> None:
    columns = Columns.of(WORDS, [3])
    svg = drawn(heat_map(columns, (0,), np.zeros((5, 1)), 1.0, "a map"))
    assert [one.text for one in by_class(svg, "token")] == ["<s>", "Mary", "saw", "</s>"]
    (blank,) = by_class(svg, "token blank")
    assert (blank.text, blank.get("x")) == ("her", str(columns.centre(3)))
    assert columns.edges[0] == LEFT_MARGIN
    assert not columns.slanted


def test_a_long_text_gets_narrow_columns_and_slanted_labels() -> None:
    columns = Columns.of(["incomprehensibilities"] * 12, [])
    assert columns.slanted
    assert set(np.diff(columns.edges)) == {NARROW_COLUMN}
    assert "rotate(-60" in columns.token_labels(0)
    assert columns.label_height > 21 * 6


def test_characters_are_never_slanted_however_many_there_are() -> None:
    assert not Columns.of(list("a" * 200), []).slanted


def test_wide_characters_get_wide_columns() -> None:
    latin, kanji = Columns.of(["abcd"], []), Columns.of(["日本語語"], [])
    assert kanji.edges[1] - kanji.edges[0] > 1.5 * (latin.edges[1] - latin.edges[0])


def test_many_units_get_low_rows_with_every_third_numbered() -> None:
    svg = drawn(heat_map(Columns.of(WORDS, []), range(100), np.ones((5, 100)), 1.0, "a map"))
    assert [one.text for one in by_class(svg, "unit")][:3] == ["0", "3", "6"]
    assert len(squares(by_class(svg, "high")[0])) == 500


@pytest.mark.parametrize("directions", [("forward",), ("forward", "backward")])
def test_the_structure_has_a_box_for_each_layer_direction_and_moment(directions: tuple[str, ...]) -> None:
    svg = drawn(structure_map(Columns.of(WORDS, [3]), 3, directions, True, directions))
    n_boxes = sum(len(squares(path)) for path in [*by_class(svg, "box"), *by_class(svg, "read box")])
    assert n_boxes == 3 * len(directions) * len(WORDS)
    arrows = {"forward": "→", "backward": "←"}
    expected = [f"layer {layer} {arrows[direction]}" for direction in directions for layer in range(3)]
    assert [one.text for one in by_class(svg, "unit")] == expected


def test_the_states_that_predict_the_blank_are_marked_on_both_sides_of_it() -> None:
    columns = Columns.of(WORDS, [3])
    svg = drawn(structure_map(columns, 2, ("forward", "backward"), True, ("forward", "backward")))
    (read,) = by_class(svg, "read box")
    (before, above, _), (after, below, _) = squares(read)
    assert before == columns.centre(2) - 8
    assert after == columns.centre(4) - 8
    assert above == 9  # the top layer of the forward stack
    assert below == max(y for path in by_class(svg, "box") for _, y, _ in squares(path))  # the last of the backward one


def test_with_the_left_context_only_the_forward_state_is_marked() -> None:
    columns = Columns.of(WORDS, [3])
    svg = drawn(structure_map(columns, 1, ("forward", "backward"), True, ("forward",)))
    assert [x for x, _, _ in squares(by_class(svg, "read box")[0])] == [columns.centre(2) - 8]


def test_only_what_remembers_has_arrows_along_time() -> None:
    n_horizontal = {}
    for remembers in (True, False):
        svg = drawn(structure_map(Columns.of(WORDS, []), 2, ("forward",), remembers, ()))
        n_horizontal[remembers] = len(re.findall(r"M\d+ \d+H", by_class(svg, "line")[0].get("d") or ""))
    assert n_horizontal == {True: 2 * 4, False: 0}
