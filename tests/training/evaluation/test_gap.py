"""GAP's table, read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.evaluation.gap_rows import HEADER, ROWS, row, write
from training.errors import EvaluationError
from training.evaluation.gap import read_gap


def test_a_row_is_read_with_its_candidates(tmp_path: Path) -> None:
    snippets = read_gap([write(tmp_path / "gap.tsv")])
    first, second, third, _ = snippets
    assert (first.name, first.pronoun, first.text[first.start : first.end]) == ("test-1", "she", "she")
    assert [(c.text, c.is_meant) for c in first.candidates] == [("Ann", True), ("Eve", False)]
    assert [snippet.is_feminine for snippet in snippets] == [True, False, True, False]
    assert [snippet.nearest for snippet in (first, second, third)] == [1, 1, 1]
    assert len(read_gap([tmp_path / "gap.tsv"], limit=2)) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t17\t", "\t16\t", "line 2: Pronoun-offset is 16, where the text has ' sh'; expected 'she' there"),
        ("\t17\t", "\tx\t", "line 2: Pronoun-offset is 'x'; expected a whole number"),
        ("\tTRUE\t", "\tmaybe\t", "line 2: A-coref is 'maybe'; expected TRUE or FALSE"),
        ("\tshe\t", "\tthey\t", "line 2: the pronoun is 'they'; expected one of he, him"),
        ("\thttp", "\tx\thttp", "line 2: 12 fields; expected 11"),
        ("\tEve\t8", "\t\t8", "line 2: B-offset is 8, where the text has ''"),
    ],
)
def test_a_malformed_row_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    line = row(*ROWS[0])
    assert old in line
    path = tmp_path / "gap.tsv"
    path.write_text(f"{HEADER}\n{line.replace(old, new, 1)}\n")
    with pytest.raises(EvaluationError, match=f"gap.tsv, {message}"):
        read_gap([path])


def test_a_table_without_a_row_or_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gap.tsv"
    path.write_text(HEADER + "\n")
    with pytest.raises(EvaluationError, match="no row in this file"):
        read_gap([path])
    path.write_text(HEADER.replace("A-coref", "coref") + "\n")
    with pytest.raises(EvaluationError, match="line 1: no column A-coref"):
        read_gap([path])
