"""Writes encoded chunks into numbered files, and notes how far it is, so that a killed preparation can go on.

While it is under way a folder holds `progress.json` (how many chunks are done, and size and SHA-256 of what they left
in each file) and `documents.part` (where each document starts, int64). Whatever stands after the noted sizes is cut off
when the preparation goes on; the finished files are the same, byte for byte, however often it was interrupted.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from training.encoding import CHUNK_CHARACTERS, EncodedChunk

SHARD_TOKENS = 1 << 26
"""Most ids in one file."""
RECORD_SECONDS = 5.0
"""Most seconds of work that an interruption costs."""
COUNTS = ("n_chunks", "n_tokens", "n_documents", "n_unknown", "n_characters")


class ShardWriter:
    """Appends chunks to `tokens-00000.bin`, `tokens-00001.bin` ... of SHARD_TOKENS ids each."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], identity: dict[str, Any]) -> None:
        """Goes on with what stands in `folder`, which exists, if that is whole and of the same `identity`."""
        self.folder, self.dtype = folder, dtype
        self.identity = identity | {
            "dtype": dtype.str,
            "chunk_characters": CHUNK_CHARACTERS,
            "shard_tokens": SHARD_TOKENS,
        }
        self.n_chunks = self.n_tokens = self.n_documents = self.n_unknown = self.n_characters = 0
        self._files: list[_HashedFile] = []
        if not self._restore():
            self._begin()
        self._recorded_at = time.monotonic()

    @property
    def progress_path(self) -> Path:
        """What is done so far; gone when all is."""
        return self.folder / "progress.json"

    def add(self, chunk: EncodedChunk) -> None:
        """Appends one chunk, the next in the corpus's order."""
        self._documents.append((self.n_tokens + chunk.document_starts).astype("<i8").tobytes())
        ids, start = chunk.ids, 0
        while start < len(ids):
            if not self._files or self._files[-1].size == SHARD_TOKENS * self.dtype.itemsize:
                if self._files:
                    self._files[-1].close()
                self._files.append(_HashedFile(self.folder / f"tokens-{len(self._files):05d}.bin"))
            file = self._files[-1]
            room = SHARD_TOKENS - file.size // self.dtype.itemsize
            file.append(ids[start : start + room].tobytes())
            start += room
        self.n_chunks += 1
        self.n_tokens += len(ids)
        self.n_documents += len(chunk.document_starts)
        self.n_unknown += chunk.n_unknown
        self.n_characters += chunk.n_characters
        if time.monotonic() - self._recorded_at >= RECORD_SECONDS:
            self.record()

    def record(self) -> None:
        """Notes what is done; the files reach the disk before the note does."""
        open_files = [self._documents, *self._files[-1:]]
        for file in open_files:
            file.sync()
        progress = {
            "identity": self.identity,
            "counts": {name: getattr(self, name) for name in COUNTS},
            "documents": self._documents.to_json(),
            "shards": [file.to_json() for file in self._files],
        }
        write_json(self.progress_path, progress)
        self._recorded_at = time.monotonic()

    def finish(self) -> dict[str, Any]:
        """Writes `documents.npy`; the manifest's part that tells of the files. `clear` follows once that stands."""
        for file in [self._documents, *self._files[-1:]]:
            file.sync()
            file.close()
        documents_path = self.folder / "documents.npy"
        starts = np.memmap(self._documents.path, dtype="<i8", mode="r")
        np.save(documents_path, starts)
        return {
            "dtype": self.dtype.str,
            "shards": [file.to_json() for file in self._files],
            "documents_sha256": sha256(documents_path),
            "n_tokens": self.n_tokens,
            "n_documents": self.n_documents,
            "n_unknown": self.n_unknown,
            "n_characters": self.n_characters,
        }

    def close(self) -> None:
        """Closes the files and leaves them as they are."""
        for file in [self._documents, *self._files[-1:]]:
            file.close()

    def clear(self) -> None:
        """Takes away what only an unfinished preparation needs."""
        self.progress_path.unlink(missing_ok=True)
        self._documents.path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self.progress_path.unlink(missing_ok=True)
        for path in self.folder.glob("tokens-*.bin"):
            path.unlink()
        self._documents = _HashedFile(self.folder / "documents.part")

    def _restore(self) -> bool:
        """Whether the folder holds the beginning of the same work; the files then stand where it was noted."""
        try:
            progress = json.loads(self.progress_path.read_text())
            if progress["identity"] != self.identity:
                return False
            documents = _HashedFile.reopened(self.folder, progress["documents"])
            files = [_HashedFile.reopened(self.folder, noted) for noted in progress["shards"]]
            counts = {name: int(progress["counts"][name]) for name in COUNTS}
        except (OSError, ValueError, KeyError, TypeError):  # damaged or never written: begin anew
            return False
        if documents is None or None in files:
            return False
        self._documents, self._files = documents, [file for file in files if file is not None]
        for name, value in counts.items():
            setattr(self, name, value)
        kept = {file.path for file in self._files}
        for path in self.folder.glob("tokens-*.bin"):
            if path not in kept:
                path.unlink()
        return True


class _HashedFile:
    """A file that is only appended to, with the hash of all that is in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self._hash = path, 0, hashlib.sha256()
        self._stream: BinaryIO | None = None  # opened when there is something to append
        path.write_bytes(b"")

    @classmethod
    def reopened(cls, folder: Path, noted: dict[str, Any]) -> _HashedFile | None:
        """The file cut to the size that was noted; None where its bytes are not those that were noted."""
        path = folder / Path(noted["name"]).name
        size = int(noted["bytes"])
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            left = size
            while left and (block := stream.read(min(left, 1 << 20))):
                digest.update(block)
                left -= len(block)
        if left or digest.hexdigest() != noted["sha256"]:
            return None
        os.truncate(path, size)
        file = cls.__new__(cls)
        file.path, file.size, file._hash, file._stream = path, size, digest, None
        return file

    def append(self, data: bytes) -> None:
        if self._stream is None:
            self._stream = self.path.open("ab")
        self._stream.write(data)
        self._hash.update(data)
        self.size += len(data)

    def sync(self) -> None:
        if self._stream is not None:
            self._stream.flush()
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def to_json(self) -> dict[str, Any]:
        return {"name": self.path.name, "bytes": self.size, "sha256": self._hash.hexdigest()}


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Beside it first, then in one rename."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1))
    temporary.replace(path)
