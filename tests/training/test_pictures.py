"""Pictures: one SVG a panel, told in words, with everything that it is asked to draw."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from training.evaluation.metrics import Interval
from training.pictures import BLUE, Line, Panel, picture, standalone

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


def test_a_picture_that_stands_alone_is_whole_small_and_has_its_own_ink() -> None:
    panels = [Panel("left", "accuracy", [NAMED], names=["near", "far"]), Panel("right", "nats", [NAMED])]
    drawn = picture("p", "Two", panels)
    assert drawn is not None
    alone = standalone(drawn)
    svg = "{http://www.w3.org/2000/svg}"
    root = ET.fromstring(alone)  # well-formed: every group that was opened is closed
    inner = root.findall(f"{svg}svg")
    widths = [float(panel.attrib["viewBox"].split()[2]) for panel in inner]
    assert [float(panel.attrib["x"]) for panel in inner] == [0, widths[0]]
    assert float(root.attrib["width"]) == sum(widths)
    assert (root.findtext(f"{svg}title"), root.findtext(f"{svg}desc")) == ("Two", drawn.description)
    ids = re.findall(r'\bid="([^"]*)"', alone)
    assert all(found in ids for found in re.findall(r'(?:url\(#|href="#)([^")]*)', alone))
    assert len(alone) < 0.6 * len(drawn.svg)
    assert "prefers-color-scheme:dark" in alone
    for panel in inner:  # nothing is lost: as many strokes and words as before
        names = [element.tag.removeprefix(svg) for element in panel.iter()]
        assert names.count("path") > 10
        assert names.count("text") > 5
    assert alone.count("<path") == drawn.svg.count("<path")
    assert alone.count("<text") == drawn.svg.count("<text")
    classes = set(re.findall(r'class="(s\d+)"', alone))
    assert all(f".{name}{{" in alone for name in classes)
