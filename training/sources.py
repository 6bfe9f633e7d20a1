"""The files behind a corpus: which ones a command line names, and what they hold, byte for byte.

Knows file names and hashes; knows nothing of the text inside (`corpus.py` reads it).
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from training.errors import CorpusError

logger = logging.getLogger(__name__)

STANDARD_INPUT = "-"
TEXT_SUFFIXES = (".txt",)
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet",)
HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """One file to read."""

    path: Path
    """Where it lies on this machine."""
    name: str
    """What provenance calls it: the given folder's own name and the path below it, with forward slashes; no machine's
    folders."""


@dataclass(frozen=True)
class SourceRecord:
    """What one file held: enough to know it again on another machine."""

    name: str
    """As in `SourceFile`, e.g. `train/jane-austen_emma.txt.gz`."""
    bytes: int
    """Size of the file as it lies on disk, compressed where it is compressed."""
    sha256: str
    """Of the same bytes, in hexadecimal."""


def source_files(sources: Sequence[str | Path]) -> list[SourceFile]:
    """The files that `sources` name: a file itself, and of a folder every readable file below it, sorted by path.

    A folder yields .txt, .jsonl, .ndjson and .parquet files and the .gz of any kind of text; files of other kinds and
    hidden ones are passed over, a file named twice is read once, each said in the log. Standard input ("-") is no file
    and is not in the list. Raises CorpusError for a path that does not exist and for a folder without a readable file.
    """
    found: list[SourceFile] = []
    seen: dict[str, str] = {}
    for source in sources:
        if str(source) == STANDARD_INPUT:
            continue
        for file in _files_of(Path(source)):
            real = os.path.realpath(file.path)
            if real in seen:
                logger.warning("%s is the same file as %s: it is read once", file.name, seen[real])
                continue
            seen[real] = file.name
            found.append(file)
    return found


def fingerprint(sources: Sequence[str | Path]) -> list[SourceRecord]:
    """Name, size and SHA-256 of every file that `sources` name, in reading order; reads in blocks, whatever the size.

    Raises CorpusError as `source_files` does, and for standard input, which can be read only once: `spool` it first.
    """
    if any(str(source) == STANDARD_INPUT for source in sources):
        raise CorpusError(
            "standard input has no fingerprint: it can be read only once. "
            "Save it to a file first (training.sources.spool)."
        )
    return [_record(file) for file in source_files(sources)]


def spool(folder: Path, stream: BinaryIO | None = None) -> Path:
    """Copy standard input (or `stream`) into `folder` and return the file, so that it can be read more than once.

    The file is `standard-input.jsonl` when the first byte is "{", else `standard-input.txt`.
    """
    stream = sys.stdin.buffer if stream is None else stream
    folder.mkdir(parents=True, exist_ok=True)
    first = stream.read(1)
    path = folder / ("standard-input.jsonl" if first == b"{" else "standard-input.txt")
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(first)
        shutil.copyfileobj(stream, file, HASH_BLOCK_BYTES)
    return part.replace(path)


def _files_of(source: Path) -> Iterator[SourceFile]:
    if source.is_dir():
        yield from _files_below(source)
    elif source.exists():
        yield SourceFile(source, f"{source.resolve().parent.name}/{source.name}".lstrip("/"))
    else:
        raise CorpusError(f"{source}: no such file or folder. Give files, folders, or - for standard input.")


def _files_below(folder: Path) -> Iterator[SourceFile]:
    paths: list[Path] = []
    passed_over: list[Path] = []
    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(parent) in visited:  # a link back to a folder above would never end
            folders.clear()
            continue
        visited.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith("."):
                continue
            (paths if _is_readable(name) else passed_over).append(Path(parent, name))
    if passed_over:
        logger.info(
            "%s: %d files of other kinds are passed over, %s among them", folder, len(passed_over), passed_over[0]
        )
    if not paths:
        raise CorpusError(
            f"{folder}: no readable file in this folder; "
            "expected .txt, .txt.gz, .jsonl, .jsonl.gz or .parquet files, at any depth."
        )
    name = folder.resolve().name
    for path in sorted(paths, key=lambda path: path.relative_to(folder).as_posix()):
        yield SourceFile(path, f"{name}/{path.relative_to(folder).as_posix()}".lstrip("/"))


def _is_readable(name: str) -> bool:
    name = name.lower()
    if name.endswith(".gz"):
        return not name.endswith((".tar.gz", ".parquet.gz"))
    return name.endswith((*TEXT_SUFFIXES, *JSON_LINES_SUFFIXES, *PARQUET_SUFFIXES))


def _record(file: SourceFile) -> SourceRecord:
    digest, size = hashlib.sha256(), 0
    try:
        with file.path.open("rb") as stream:
            while block := stream.read(HASH_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise CorpusError(f"{file.path}: cannot be read ({error.strerror or error}).") from error
    return SourceRecord(file.name, size, digest.hexdigest())
