"""Files of a benchmark: which ones a path names, and their lines with their places, so that an error names both.

Knows lines and columns; what they mean is each suite's part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from training.errors import CorpusError, EvaluationError

MAX_LINE_CHARACTERS = 1 << 20
"""A longer line is of no benchmark."""


def benchmark_files(data: Sequence[Path], is_one: Callable[[str], bool], expected: str) -> list[Path]:
    """The files that are named, and of each folder those right in it whose name `is_one` accepts, sorted.

    Raises CorpusError for a path that does not exist, EvaluationError for a folder without such a file. `expected`:
    what the message says belongs there.
    """
    found: list[Path] = []
    for path in data:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and is_one(file.name))
            if not inside:
                raise EvaluationError(f"{path}: no such file in this folder; expected {expected}.")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise CorpusError(f"{path}: no such file or folder; expected {expected}.")
    return list(dict.fromkeys(found))


def numbered_lines(path: Path, expected: str) -> Iterator[tuple[str, str]]:
    """(place, line) of every line that is not empty; the place names file and line, from 1.

    Raises EvaluationError for what is not UTF-8 text or has a line far too long.
    """
    number = 0
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            while line := lines.readline(MAX_LINE_CHARACTERS):
                number += 1
                if len(line) == MAX_LINE_CHARACTERS:
                    raise EvaluationError(
                        f"{path}, line {number}: more than {MAX_LINE_CHARACTERS:,} characters; expected {expected}."
                    )
                if line.strip():
                    yield f"{path}, line {number}", line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}, line {number + 1}: not UTF-8 ({error}); expected {expected}.") from error
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror or error}).") from error


def table_rows(path: Path, columns: Sequence[str], expected: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(place, fields by column) of a table with tabs between its columns and their names in its first line.

    Raises EvaluationError, naming file and line, where a column is missing or a row has more or fewer fields.
    """
    lines = numbered_lines(path, expected)
    place, first = next(lines, (f"{path}, line 1", ""))
    header = first.split("\t")
    if missing := [column for column in columns if column not in header]:
        raise EvaluationError(
            f"{place}: no column {missing[0]} in the first line ({first[:60]!r}); expected {expected}, with the "
            f"columns {', '.join(columns)} and tabs between them."
        )
    for place, line in lines:
        fields = line.split("\t")
        if len(fields) != len(header):
            raise EvaluationError(
                f"{place}: {len(fields)} fields; expected {len(header)}, with tabs between them, as in the first line."
            )
        yield place, dict(zip(header, fields, strict=True))


def header_of(path: Path, expected: str) -> list[str]:
    """The names of a table's columns; [] of an empty file."""
    _, first = next(numbered_lines(path, expected), ("", ""))
    return first.split("\t") if first else []
