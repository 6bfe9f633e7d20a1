"""Text of a stranger as a label: nothing in it hides, spills over a line, or steers a page or a terminal."""

from __future__ import annotations

import unicodedata

SIGNS = {" ": "␣", "▁": "␣", "\n": "⏎"}
"""For a text that is nothing but this; ▁ is a tokenizer's space."""
REPLACEMENT = "\ufffd"
CARRIER = "◌"
"""Stands below a combining mark, and before what has no width, where that is all there is."""
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They change the direction of what comes after them, beyond their own text too."""


def visible(text: str) -> str:
    """`text` on one line, with a sign in the place of control characters, lone surrogates and spaces on their own."""
    shown = "".join(REPLACEMENT if _is_unprintable(character) else character for character in text)
    shown = SIGNS.get(shown) or shown.replace("\n", " ⏎ ").strip() or "␣"
    return shown if display_width(shown) else CARRIER + shown


def printable(text: str) -> str:
    """`text` of several lines, without the control characters and lone surrogates in it; tabs are spaces."""
    return "".join(character for character in text.expandtabs(4) if not _is_unprintable(character))


def display_width(text: str) -> int:
    """Cells of a terminal: 2 for East Asian wide characters and emoji, 0 for combining marks."""
    return sum(
        0
        if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def shortened(text: str, width: int) -> str:
    """At most `width` cells of `text`, the last of them an ellipsis where something is left out."""
    if display_width(text) <= width:
        return text
    kept = text
    while display_width(kept) >= width:
        kept = kept[:-1]
    return kept + "…"


def padded(text: str, width: int) -> str:
    """`text`, filled up to `width` cells."""
    return text + " " * (width - display_width(text))


def _is_unprintable(character: str) -> bool:
    return (unicodedata.category(character) in ("Cc", "Cs") and character != "\n") or character in OVERRIDES
