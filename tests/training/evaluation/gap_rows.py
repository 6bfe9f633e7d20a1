"""Texts of our own in GAP's format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HEADER = "ID\tText\tPronoun\tPronoun-offset\tA\tA-offset\tA-coref\tB\tB-offset\tB-coref\tURL"
ROWS = (
    ("Ann met Eve when [she] came home.", "Ann", True, "Eve", False),
    ("Bob showed Tom [his] garden.", "Bob", False, "Tom", True),
    ("Eve Stone lives here. [Her] friend Ann Lee came.", "Eve Stone", True, "Ann Lee", False),
    ("Bob and Tom ran until [he] fell.", "Bob", False, "Tom", False),
)
"""Text with the pronoun in brackets, A, whether it is meant, B, whether it is meant."""


def row(text: str, a: str, a_meant: bool, b: str, b_meant: bool, name: str = "test-1") -> str:
    """One line of the table."""
    start, end = text.index("["), text.index("]")
    pronoun, plain = text[start + 1 : end], text.replace("[", "").replace("]", "")
    fields = [name, plain, pronoun, start, a, plain.index(a), str(a_meant).upper()]
    return "\t".join(map(str, [*fields, b, plain.index(b), str(b_meant).upper(), "http://example.org"]))


def write(path: Path, rows: Sequence[tuple[str, str, bool, str, bool]] = ROWS) -> Path:
    """The table as a file."""
    lines = [HEADER, *(row(*values, name=f"test-{number}") for number, values in enumerate(rows, 1))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
