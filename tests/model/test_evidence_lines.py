"""Evidence in a terminal: the same with colours and without."""

from __future__ import annotations

import io
import re
import sys

import pytest

from model.evidence import Evidence, TokenEvidence
from model.evidence_lines import evidence_lines
from model.terminal import shows_colours
from model.trace import TracedToken

TEXT = "Mary\x1b said  ___."
EVIDENCE = Evidence(
    "hold",
    "he",
    "she",
    tuple(
        TokenEvidence(TracedToken(text, start, end), change)
        for text, start, end, change in (
            ("<s>", 0, 0, 0.5),
            ("Mary\x1b", 0, 5, -2.0),
            ("said", 6, 10, 0.01),
            ("she", 12, 15, None),
            (".", 15, 16, 2.0),
        )
    ),
)


def test_each_token_has_a_line_with_its_number_its_change_and_whom_it_speaks_for() -> None:
    assert evidence_lines(TEXT, EVIDENCE, colours=False) == [
        "  evidence (hold): log-odds of he against she, with each token minus without it",
        "    0  <s>        +0.50  +++ he",
        "    1  Mary\ufffd      -2.00  ------------ she",
        "    2  said       +0.01",
        "    3  she    the blank",
        "    4  .          +2.00  ++++++++++++ he",
    ]


def test_colours_add_the_sentence_and_change_no_word() -> None:
    plain, coloured = (evidence_lines(TEXT, EVIDENCE, colours) for colours in (False, True))
    bare = [re.sub(r"\x1b\[[0-9;]+m", "", line) for line in coloured]
    assert bare == [plain[0], "  Mary\ufffd said she.", *plain[1:]]
    assert "\x1b[38;5;202mMary\ufffd\x1b[0m said \x1b[1;4mshe\x1b[0m\x1b[38;5;27m.\x1b[0m" in coloured[1]
    assert coloured[2].count("\x1b[38;5;111m") == 1  # a quarter of the strongest is pale


def test_a_text_without_any_evidence_is_told_too() -> None:
    nothing = Evidence("write", "he", "she", (TokenEvidence(TracedToken("<s>", 0, 0), 0.0),))
    assert evidence_lines("", nothing, colours=False)[1:] == ["    0  <s>      +0.00"]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_whose_users_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not shows_colours()  # captured
    monkeypatch.setattr(sys, "stdout", Screen())
    assert shows_colours()
    monkeypatch.setenv("TERM", "dumb")
    assert not shows_colours()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shows_colours()
