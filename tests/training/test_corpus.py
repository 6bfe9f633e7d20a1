"""Reading texts of every kind, in constant memory, and the errors of texts that cannot be read."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training import corpus
from training.corpus import paragraphs_of, read_documents
from training.errors import CorpusError


def read(*sources: str | Path, text_field: str = "text") -> dict[str, list[str]]:
    return {document.name: list(document.paragraphs) for document in read_documents(sources, text_field)}


def file(tmp_path: Path, name: str, content: bytes | str) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path = tmp_path / "books" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.gz", "a"])
def test_a_text_file_is_one_document_and_its_lines_are_paragraphs(tmp_path: Path, name: str) -> None:
    path = file(tmp_path, name, "Anna left.\nShe cried.\n\nTom came.\n")
    assert read(path) == {f"books/{name}": ["Anna left.", "She cried.", "", "Tom came."]}


def test_breaks_stand_only_between_paragraphs_and_never_twice(tmp_path: Path) -> None:
    assert list(read(file(tmp_path, "a.txt", "\n\nA.\n\n \n\nB.\n\n\n")).values()) == [["A.", "", "B."]]


def test_every_line_end_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", b"\xef\xbb\xbfA.\r\nB.\rC.\x0b\n\r\nD.")
    assert list(read(path).values()) == [["A.", "B.", "C.", "", "D."]]


def test_paragraphs_are_normalised(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "\N{LEFT DOUBLE QUOTATION MARK}Yes,\N{RIGHT DOUBLE QUOTATION MARK}  she  said\n")
    assert list(read(path).values()) == [['"Yes," she said']]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson", "a.json"])
def test_each_json_line_is_a_document_named_by_its_line(tmp_path: Path, name: str) -> None:
    lines = [{"text": "A.\nB."}, {"text": ""}, {"text": None}, {"text": "C.", "other": 1}]
    path = file(tmp_path, name, "\n".join(map(json.dumps, lines)))
    assert read(path) == {f"books/{name}:1": ["A.", "B."], f"books/{name}:4": ["C."]}


def test_each_parquet_row_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"body": ["A.\nB.", None, "C."], "n": [1, 2, 3]}), path, row_group_size=2)
    assert list(read(path, text_field="body").values()) == [["A.", "B."], ["C."]]


@pytest.mark.parametrize(
    ("content", "expected"), [("A.\nB.\n", [["A.", "B."]]), ('{"text": "A."}\n{"text": "B."}', [["A."], ["B."]])]
)
def test_standard_input_is_text_or_json_lines_by_its_first_byte(
    monkeypatch: pytest.MonkeyPatch, content: str, expected: list[list[str]]
) -> None:
    stream = io.BufferedReader(io.BytesIO(content.encode()))  # type: ignore[type-var, unused-ignore]
    monkeypatch.setattr(corpus.sys, "stdin", SimpleNamespace(buffer=stream))
    assert list(read("-").values()) == expected


def test_documents_come_in_the_order_of_the_sources(tmp_path: Path) -> None:
    second, first = file(tmp_path, "b.txt", "B."), file(tmp_path, "a.txt", "A.")
    assert list(read(second, first).values()) == [["B."], ["A."]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"A.\ncaf\xe9\n", r"a\.txt, line 2: not UTF-8 \(byte 0xe9 at byte 3"),
        ("a.txt", b"A.\n\0\1\n", r"a\.txt, line 2: holds NUL bytes"),
        ("a.txt", "Anna".encode("utf-16"), r"line 1: holds NUL bytes, so it is binary or UTF-16"),
        ("a.txt", b"", r"the corpus is empty: no text in .*a\.txt"),
        ("a.txt", b"\n \n", r"the corpus is empty"),
        ("a.jsonl", '{"text": "A."}\n{"text": ', r"a\.jsonl, line 2: invalid JSON"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl, line 1: invalid JSON"),
        ("a.jsonl", '{"body": "A."}', r"a\.jsonl, line 1: no field 'text' among 'body'.*--text-field"),
        ("a.jsonl", '["A."]', r"a\.jsonl, line 1: expected a JSON object with the field 'text', got a list"),
        ("a.jsonl", '{"text": 3}', r"a\.jsonl, line 1: the field 'text' must hold a text, got a number"),
        ("a.parquet", b"PAR1 no table", r"a\.parquet: a damaged parquet file"),
    ],
)  # fmt: skip
def test_an_unreadable_text_is_refused_with_file_and_line(
    tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        read(file(tmp_path, name, content))


def test_a_missing_parquet_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["A."]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"a\.parquet: no field 'text' among 'body'"):
        read(tmp_path / "a.parquet")


def test_a_truncated_or_broken_gz_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt.gz", "Anna left.\n" * 1000)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(CorpusError, match=r"a\.txt\.gz, line \d+: a damaged \.gz file"):
        read(path)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(CorpusError, match=r"a\.txt\.gz, line 1: a damaged \.gz file"):
        read(path)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "MAX_LINE_BYTES", 1 << 20)
    path = file(tmp_path, "a.txt.gz", b"A.\n" + b"x" * (1 << 24))
    tracemalloc.start()
    with pytest.raises(CorpusError, match=r"line 2: longer than 1 MiB"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_reading_takes_memory_that_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt.gz", (b"Anna left the house. " * 200 + b"\n") * 2_000)  # 8 MB
    tracemalloc.start()
    n_paragraphs = sum(1 for document in read_documents([path]) for _ in document.paragraphs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_paragraphs == 2_000
    assert peak < 1 << 20


def test_raw_lines_become_the_same_paragraphs_once_normalised(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n \nHe\u00a0was\n\n\n\u200b\n\u201cShe\u201d \x85 too\n\n", encoding="utf-8")
    raw = [list(document.paragraphs) for document in read_documents([path], raw=True)]
    assert raw[0][0] == "He\u00a0was\n"
    assert list(read(path).values()) == [list(paragraphs_of(raw[0]))] == [["He was", "", '"She"', "too"]]


def test_what_comes_after_a_paragraph_may_begin_with_a_break() -> None:
    assert list(paragraphs_of(["", "he"])) == ["he"]
    assert list(paragraphs_of(["", "he"], begun=True)) == ["", "he"]


@pytest.mark.parametrize("kind", ["text", "json lines"])
def test_a_share_is_spread_evenly_and_always_the_same(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("numbers.txt" if kind == "text" else "numbers.jsonl")
    lines = [str(n) if kind == "text" else json.dumps({"text": str(n)}) for n in range(1, 1001)]
    path.write_text("\n".join(lines), encoding="utf-8")

    def chosen(share: float) -> list[int]:
        return [int(p) for document in read_documents([path], share=share) for p in document.paragraphs]

    tenth = chosen(0.1)
    assert 95 <= len(tenth) <= 106
    assert tenth == chosen(0.1)
    assert max(np.diff(tenth)) <= 20  # nowhere a long stretch without one
    assert chosen(1.0) == list(range(1, 1001))
    assert chosen(1e-9) == [1]
