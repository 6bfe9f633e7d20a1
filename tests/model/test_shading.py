"""Belief in a terminal: the text itself in shades, or a line a token, and nothing that steers the terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest

from model.belief import BeliefToken
from model.shading import SHADES, ShadedText, TokenTable, is_coloured

PAIR = ("he", "she")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def shades(text: str) -> list[tuple[int, str]]:
    return [(int(shade), word) for shade, word in re.findall(r"\x1b\[30;48;5;(\d+)m(.*?)\x1b\[0m", text)]


def test_every_word_stands_on_the_shade_of_its_end() -> None:
    tokens = [
        BeliefToken("<s>", 0, 0, 0.5),
        BeliefToken("Mary", 0, 4, 0.0),
        BeliefToken("un", 5, 7, None),
        BeliefToken("packs", 7, 12, 1.0),
        BeliefToken("…", 12, 13, None),
        BeliefToken("…", 12, 13, None),
        BeliefToken("…", 12, 13, 0.5),
        BeliefToken("\n", 13, 15, 0.5),
        BeliefToken("Tom", 15, 18, None),
    ]
    shaded = ShadedText()
    text = shaded.lines(tokens[:3]) + shaded.lines(tokens[3:]) + shaded.end()
    assert plain(text) == "Mary unpacks…\nTom\n"
    assert shades(text) == [(SHADES[0], "Mary"), (SHADES[-1], "unpacks"), (SHADES[4], "…")]


def test_characters_are_shaded_as_words() -> None:
    tokens = [BeliefToken(c, n, n + 1, 0.9 if c in "y " else None) for n, c in enumerate("Mary y")]
    assert shades(ShadedText().lines(tokens)) == [(SHADES[8], "Mary"), (SHADES[8], "y")]
    assert plain(ShadedText().lines(tokens)) == "Mary y"


def test_the_legend_names_both_words_at_their_ends() -> None:
    legend = ShadedText().legend("en-lstm", PAIR)
    assert plain(legend).split() == ["en-lstm,", "if", "a", "pronoun", "came", "next:", "she", "he"]
    assert [int(shade) for shade in re.findall(r"48;5;(\d+)", legend)] == list(SHADES)


def test_the_table_has_a_line_a_token() -> None:
    table = TokenTable()
    lines = table.lines([BeliefToken("un", 0, 2, None), BeliefToken("do", 2, 4, 0.25), BeliefToken("\n", 4, 5, 1.0)])
    assert lines.splitlines() == ["         un", "  0.250  do", "  1.000  ⏎"]
    assert table.legend("m", PAIR).splitlines() == ["m: P(he) against she, if a pronoun came next", "  P(he)  token"]


def test_nothing_in_a_text_steers_the_terminal() -> None:
    tokens = [BeliefToken("\x1b]0;x\x07", 0, 5, 0.5), BeliefToken("\u202egnp", 5, 9, 0.5)]
    for printed in (TokenTable().lines(tokens), plain(ShadedText().lines(tokens))):
        assert not set(printed) & set("\x1b\x07\u202e")


def test_only_a_terminal_is_coloured_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert (is_coloured("auto"), is_coloured("never")) == (True, False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert (is_coloured("auto"), is_coloured("always")) == (False, True)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not is_coloured("auto")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not is_coloured("auto")
