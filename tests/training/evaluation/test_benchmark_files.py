"""Lines of a benchmark with their places, and errors that name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import CorpusError, EvaluationError
from training.evaluation.benchmark_files import MAX_LINE_CHARACTERS, benchmark_files, numbered_lines, table_rows


def test_lines_are_counted_from_one_and_empty_ones_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"first\r\n\n third \n")
    assert list(numbered_lines(path, "x")) == [(f"{path}, line 1", "first"), (f"{path}, line 3", " third ")]


def test_a_table_gives_fields_by_column(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("b\ta\tc\n1\t2\t3\n")
    assert list(table_rows(path, ("a", "b"), "x")) == [(f"{path}, line 2", {"b": "1", "a": "2", "c": "3"})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tc\n", r"a.tsv, line 1: no column b in the first line"),
        (b"", r"a.tsv, line 1: no column a in the first line"),
        (b"a\tb\n1\t2\n1\n", r"a.tsv, line 3: 1 fields; expected 2"),
        (b"a\tb\n1\t\xff\n", r"a.tsv, line \d: not UTF-8"),
        (b"a\tb\n" + b"x" * (MAX_LINE_CHARACTERS + 1), r"a.tsv, line 2: more than 1,048,576 characters"),
    ],
)
def test_a_malformed_table_is_refused_with_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=message):
        list(table_rows(path, ("a", "b"), "a table"))


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file or folder; expected a table"):
        benchmark_files([tmp_path / "nowhere"], lambda name: True, "a table")


def test_a_file_that_is_named_is_read_whatever_its_name(tmp_path: Path) -> None:
    for name in ("b.tsv", "a.tsv", "a.txt"):
        (tmp_path / name).write_text("x")
    found = benchmark_files([tmp_path, tmp_path / "a.txt"], lambda name: name.endswith(".tsv"), "a table")
    assert [path.name for path in found] == ["a.tsv", "b.tsv", "a.txt"]
