"""Strangers' text as labels: on one line, as wide as said, steering nothing."""

from __future__ import annotations

import pytest

from model.labels import display_width, padded, printable, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bag", "bag"),
        (" bag ", "bag"),
        (" ", "␣"),
        ("▁", "␣"),
        ("▁bag", "▁bag"),
        ("", "␣"),
        ("\n", "⏎"),
        ("one\ntwo", "one ⏎ two"),
        ("\x1b[31mred\x07", "\ufffd[31mred\ufffd"),
        ("\udcff", "\ufffd"),
        ("\u202egab", "\ufffdgab"),
        ("\u0301", "◌\u0301"),
        ("\u200d", "◌\u200d"),
        ("שלום", "שלום"),
        ("👩‍🚀", "👩‍🚀"),
    ],
)
def test_a_label_is_one_line_that_can_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_card_keeps_its_lines_and_loses_its_control_characters() -> None:
    assert printable("# Card\n\x1b]0;owned\x07\tx\udcff") == "# Card\n]0;owned  x"


@pytest.mark.parametrize(("text", "width"), [("bag", 3), ("日本", 4), ("🎩", 2), ("e\u0301", 1), ("שלום", 4)])
def test_width_counts_cells_of_a_terminal(text: str, width: int) -> None:
    assert display_width(text) == width
    assert padded(text, 6) == text + " " * (6 - width)


def test_a_shortened_text_is_as_wide_as_allowed_with_its_ellipsis() -> None:
    assert shortened("incomprehensibilities", 8) == "incompr…"
    assert shortened("日本語日本語", 6) == "日本…"
    assert shortened("eight ch", 8) == "eight ch"
