"""Texts as documents of normalised paragraphs, one pass, in memory that does not grow with the corpus.

A document is a text file, a line of JSON or a row of a parquet table; a line of it is a paragraph, an empty line a
break. Knows file formats; knows nothing of pieces, pairs or networks. Which files there are: `sources.py`.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import logging
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from model.text import normalised
from training.errors import CorpusError
from training.sources import (
    JSON_LINES_SUFFIXES,
    PARQUET_SUFFIXES,
    STANDARD_INPUT,
    SourceFile,
    SourceRecord,
    fingerprint,
    source_files,
    spool,
)

__all__ = ["Document", "SourceRecord", "fingerprint", "read_documents", "source_files", "spool"]

logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 << 20
"""A longer line is refused: a file without line ends would otherwise fill the memory."""
PARQUET_BATCH_ROWS = 256


@dataclass
class Position:
    """How far a text has been read."""

    line: int = 0
    """Number of the line read last, from 1."""

    def of(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        """The lines without their numbers, which are noted as they are read."""
        for self.line, line in lines:
            yield line


@dataclass(frozen=True)
class Document:
    """One text, to be read once and in order."""

    name: str
    """The file's name in the corpus, with `:12` for the line of JSON or the row of a table it came from."""
    paragraphs: Iterator[str]
    """Normalised lines, none with a newline in it; "" is a break and stands only between two of them, never twice in a
    row. Read them before the next document is asked for."""
    position: Position | None = None
    """Of a file that is one document: where its reading stands."""

    @property
    def place(self) -> str:
        """Where the paragraph that was read last stands: the name, and the line of a text."""
        return f"{self.name}, line {self.position.line}" if self.position and self.position.line else self.name


def read_documents(
    sources: Sequence[str | Path], text_field: str = "text", *, raw: bool = False, share: float = 1.0
) -> Iterator[Document]:
    """Yield every document of the files, folders and standard input ("-") in `sources`, in order.

    Kinds, by the name's end: .jsonl, .ndjson and .json are JSON lines and .parquet a table, each with the text in
    `text_field`; anything else is UTF-8 text; .gz on top of either of the first and last is unpacked. Standard input is
    JSON lines when its first byte is "{". Documents without text are left out.

    `raw`: the paragraphs are lines as they stand, for a caller that has other processes normalise them with
    `paragraphs_of`. `share`: of the lines, or of the records of JSON and tables, spread evenly over each file; the rest
    are passed over without being decoded.

    Raises CorpusError, naming file and line: a missing path, a folder without readable files, bytes that are not UTF-8
    or not text, a damaged .gz or parquet file, invalid JSON, a missing field, a line longer than MAX_LINE_BYTES, no
    text at all.
    """
    n_documents = 0
    for document in itertools.chain.from_iterable(
        _documents_of(source, text_field, share) for source in _ordered(sources)
    ):
        lines = document.paragraphs
        first = next((line for line in lines if normalised(line)), None)
        if first is None:
            logger.info("%s holds no text", document.name)
            continue
        n_documents += 1
        text = itertools.chain([first], lines)
        yield Document(document.name, text if raw else paragraphs_of(text), document.position)
    if not n_documents:
        raise CorpusError(
            f"the corpus is empty: no text in {', '.join(map(str, sources)) or 'no source at all'}. "
            "Give files that hold text."
        )


def paragraphs_of(lines: Iterable[str], begun: bool = False) -> Iterator[str]:
    """Lines normalised, breaks between two paragraphs one "" each. `begun`: a paragraph of the text came before."""
    at_break = False
    for line in lines:
        for paragraph in normalised(line).split("\n"):
            if not paragraph:
                at_break = begun
                continue
            if at_break:
                yield ""
            yield paragraph
            at_break, begun = False, True


def _ordered(sources: Sequence[str | Path]) -> Iterator[SourceFile | None]:
    """The files in the order given; None stands for standard input."""
    files = source_files(sources)
    if not any(str(source) == STANDARD_INPUT for source in sources):
        yield from files
        return
    for source in sources:
        if str(source) == STANDARD_INPUT:
            yield None
        else:
            yield from source_files([source])


def _is_chosen(number: int, share: float) -> bool:
    """Whether a record is among the share: the first, then by multiples of the golden ratio, which spread evenly."""
    return share >= 1 or number == 1 or (number * 0x9E3779B1 & 0xFFFFFFFF) < share * (1 << 32)


def _documents_of(file: SourceFile | None, text_field: str, share: float) -> Iterator[Document]:
    if file is None:
        standard_input = cast(io.BufferedReader, sys.stdin.buffer)
        if standard_input.peek(1)[:1] == b"{":
            yield from _json_documents(standard_input, "standard input", "standard input", text_field, share)
        else:
            yield _text("standard input", standard_input, "standard input", share)
        return
    name = file.path.name.lower()
    if name.endswith(PARQUET_SUFFIXES):
        yield from _parquet_documents(file, text_field, share)
        return
    place = str(file.path)
    with _opened(file.path) as stream:
        if name.removesuffix(".gz").endswith((*JSON_LINES_SUFFIXES, ".json")):
            yield from _json_documents(stream, file.name, place, text_field, share)
        else:
            yield _text(file.name, stream, place, share)


def _text(name: str, stream: BinaryIO, place: str, share: float) -> Document:
    position = Position()
    return Document(name, position.of(_lines(stream, place, share)), position)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror or error}).") from error
    with file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield file


def _json_documents(stream: BinaryIO, name: str, place: str, text_field: str, share: float) -> Iterator[Document]:
    for number, line in _lines(stream, place, share):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{place}, line {number}: invalid JSON ({error}); expected one object a line.") from error
        if not isinstance(record, dict):
            raise CorpusError(
                f"{place}, line {number}: expected a JSON object with the field {text_field!r}, got {_kind(record)}."
            )
        text = _field(record, text_field, f"{place}, line {number}")
        yield Document(f"{name}:{number}", iter(text.split("\n")))


def _parquet_documents(file: SourceFile, text_field: str, share: float) -> Iterator[Document]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise CorpusError(
            f"{file.path}: reading parquet files needs pyarrow. "
            "Install the training extra: pip install 'anaphora[training]'."
        ) from error
    number = 0
    try:
        with parquet.ParquetFile(file.path) as table:
            columns = table.schema_arrow.names
            if text_field not in columns:
                raise CorpusError(_missing(text_field, columns, str(file.path)))
            for batch in table.iter_batches(batch_size=PARQUET_BATCH_ROWS, columns=[text_field]):
                for value in batch.column(0):
                    number += 1
                    if not _is_chosen(number, share):
                        continue
                    text = _field({text_field: value.as_py()}, text_field, f"{file.path}, row {number}")
                    yield Document(f"{file.name}:{number}", iter(text.split("\n")))
    except (ArrowException, OSError) as error:
        raise CorpusError(f"{file.path}: a damaged parquet file, after row {number} ({_first_line(error)}).") from error


def _field(record: dict[str, Any], text_field: str, place: str) -> str:
    """The text of one record; null is a document without text."""
    if text_field not in record:
        raise CorpusError(_missing(text_field, record, place))
    text = record[text_field]
    if text is not None and not isinstance(text, str):
        raise CorpusError(f"{place}: the field {text_field!r} must hold a text, got {_kind(text)}.")
    return text or ""


def _missing(text_field: str, names: Iterable[str], place: str) -> str:
    there = ", ".join(map(repr, names)) or "none"
    return f"{place}: no field {text_field!r} among {there}. Name the field of the text with --text-field."


def _lines(stream: BinaryIO, place: str, share: float = 1.0) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every chosen line, with its end; checks what no text file may hold."""
    number = 0
    while raw := _line(stream, place, number + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise CorpusError(
                f"{place}, line {number}: longer than {MAX_LINE_BYTES >> 20} MiB. "
                "A line is a paragraph; break the text into lines."
            )
        if not _is_chosen(number, share):
            continue
        if b"\0" in raw:
            raise CorpusError(
                f"{place}, line {number}: holds NUL bytes, so it is binary or UTF-16; expected UTF-8 text. "
                "Convert it, e.g. with iconv."
            )
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"{place}, line {number}: not UTF-8 (byte 0x{raw[error.start]:02x} at byte {error.start} of the line). "
                "Convert it, e.g. with iconv."
            ) from error
        yield number, line


def _line(stream: BinaryIO, place: str, number: int) -> bytes:
    try:
        return stream.readline(MAX_LINE_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(
            f"{place}, line {number}: a damaged .gz file ({_first_line(error)}). Fetch it again."
        ) from error
    except OSError as error:
        raise CorpusError(f"{place}, line {number}: cannot be read ({error.strerror or error}).") from error


def _kind(value: object) -> str:
    return {
        list: "a list",
        dict: "an object",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
    }.get(type(value), "null" if value is None else type(value).__name__)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
