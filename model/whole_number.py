"""A whole number on the command line, with the smallest and the largest that make sense."""

from __future__ import annotations

import argparse
from collections.abc import Callable

MOST = 10**9


def whole_number(least: int = 1, most: int = MOST) -> Callable[[str], int]:
    """The `type` of an argument of argparse: digits alone, `least` to `most`; anything else is told in a sentence."""

    def parsed(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
            expected = f"of {least} or more" if most == MOST else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number {expected}")
        return int(text)

    return parsed
