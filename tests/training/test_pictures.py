"""Pictures: one SVG a panel, told in words, with everything that it is asked to draw."""

from __future__ import annotations

import re

from training.evaluation.metrics import Interval
from training.pictures import BLUE, Line, Panel, picture

NAMED = Line("one", [0, 1], [0.6, 0.7], BLUE, measured=True, intervals=[Interval(0.5, 0.7), Interval(0.6, 0.8)])


def test_each_panel_is_an_svg_with_ids_of_its_own() -> None:
    panels = [Panel("left", "accuracy", [NAMED], names=["near", "far"]), Panel("empty", "accuracy", [])] * 2
    drawn = picture("p", "Two", panels)
    assert drawn is not None
    assert drawn.svg.count("<svg") == 2
    ids = re.findall(r'\bid="([^"]*)"', drawn.svg)
    assert len(ids) == len(set(ids))
    assert all(found in ids for found in re.findall(r'(?:url\(|href=")#([^")]*)', drawn.svg))


def test_a_panel_is_told_in_words_place_by_place() -> None:
    drawn = picture("p", "One", [Panel("left", "accuracy", [NAMED], names=["near", "far"])])
    assert drawn is not None
    assert drawn.description == "left, one: 0.600 at near, 0.700 at far."
    assert ">near</text>" in drawn.svg


def test_what_is_drawn_beside_the_lines_stands_in_the_legend() -> None:
    plain = Panel("t", "u", [Line("one", [0.1, 0.9], [0.2, 0.8], BLUE)])
    for panel, told in (
        (Panel("t", "u", plain.lines, constant=("a coin", 0.5)), "a coin"),
        (Panel("t", "u", plain.lines, diagonal="perfect"), "perfect"),
    ):
        drawn = picture("p", "One", [panel])
        assert drawn is not None
        assert f">{told}</text>" in drawn.svg


def test_without_a_line_there_is_no_picture() -> None:
    assert picture("p", "None", [Panel("left", "accuracy", [])]) is None
    assert picture("p", "None", []) is None


def test_a_long_label_is_broken_and_not_cut() -> None:
    panel = Panel(
        "t", "u", [NAMED], names=["a", "b"], across="words to the nearest earlier name or noun of the right gender"
    )
    drawn = picture("p", "One", [panel])
    assert drawn is not None
    assert "words to the nearest earlier name or noun of the" not in drawn.svg
    assert "the right gender" in drawn.svg
