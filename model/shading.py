"""Belief for a person: in a terminal the text itself, its words shaded by P; elsewhere a line a token."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from model.belief import BeliefToken
from model.labels import printable, visible

SHADES = (208, 215, 223, 230, 255, 195, 153, 111, 75)
"""Backgrounds of the 256-colour palette from P = 0 to P = 1: orange, white, blue, as in the picture of the gates; told
apart by the colour-blind too, and light enough for black letters."""
COLOURS = ("auto", "always", "never")


def is_coloured(choice: str) -> bool:
    """Whether standard output is to be coloured: as chosen, or where it is a terminal and NO_COLOR is not set."""
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class ShadedText:
    """The text, each word on the shade of what is believed at its end."""

    def __init__(self) -> None:
        self._word = ""
        self._end = 0

    def legend(self, name: str, pair: tuple[str, str]) -> str:
        """What the colours mean."""
        shades = "".join(f"\x1b[48;5;{shade}m   \x1b[0m" for shade in SHADES)
        first, second = map(visible, pair)
        return f"{visible(name)}, if a pronoun came next:  {second} {shades} {first}\n\n"

    def lines(self, tokens: Sequence[BeliefToken]) -> str:
        """What to print for the next tokens; a word that goes on is kept until its end has come."""
        parts = []
        for token in tokens:
            if token.start == token.end:  # <s>, or a mark that stands for no character
                continue
            if not token.text.strip(" \n"):
                parts += [self.rest(), "" if token.text == " " else "\n"]
                self._end = token.end if token.text == "\n" else token.start
                continue
            if token.start > self._end:
                parts += [self.rest(), " "]
            if token.start >= self._end:  # else one character is several tokens
                self._word += printable(token.text)
            self._end = token.end
            if token.probability is not None:
                shade = SHADES[min(int(token.probability * len(SHADES)), len(SHADES) - 1)]
                parts.append(f"\x1b[30;48;5;{shade}m{self._word}\x1b[0m")
                self._word = ""
        return "".join(parts)

    def rest(self) -> str:
        """What is kept."""
        kept, self._word = self._word, ""
        return kept

    def end(self) -> str:
        """What to print last."""
        return self.rest() + "\n"


class TokenTable:
    """A line a token: P, and the token."""

    def legend(self, name: str, pair: tuple[str, str]) -> str:
        """What the columns mean."""
        first, second = map(visible, pair)
        return f"{visible(name)}: P({first}) against {second}, if a pronoun came next\n  P({first})  token\n"

    def lines(self, tokens: Sequence[BeliefToken]) -> str:
        """The lines of the next tokens."""
        return "".join(
            f"  {'' if token.probability is None else format(token.probability, '.3f'):>5}  {visible(token.text)}\n"
            for token in tokens
        )

    def end(self) -> str:
        """What to print last."""
        return ""
