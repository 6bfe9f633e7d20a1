"""Token shards: a corpus as piece ids on disk, memory-mapped, hashed, reused when nothing changed.

A folder holds `tokens-00000.bin` ... (ids, little-endian, uint16 or uint32), `documents.npy` (where each document
starts) and `manifest.json`, written last: without it the folder is unfinished. Every document stands as
<s> ids </s>, a newline piece between paragraphs.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.text import NORMALISER_VERSION
from model.tokenizer import Tokenizer
from training.corpus import Document, SourceRecord
from training.errors import ShardError

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
SHARD_TOKENS = 1 << 26
"""Most ids in one file."""

Ids = NDArray[np.integer[Any]]


class TokenShards:
    """The ids of a whole corpus, in order, read by position; memory does not grow with the corpus."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        dtype = np.dtype(manifest["dtype"])
        self._parts = [np.memmap(folder / part["name"], dtype=dtype, mode="r") for part in manifest["shards"]]
        self._starts = np.cumsum([0] + [len(part) for part in self._parts])
        self.document_starts: Ids = np.load(folder / "documents.npy", allow_pickle=False)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def sha256(self) -> str:
        """Of the ids and of where documents start: the same for the same texts read by the same tokenizer."""
        hashes = [part.get("sha256") for part in self.manifest["shards"]]
        return hashlib.sha256(json.dumps([hashes, self.manifest.get("documents_sha256")]).encode()).hexdigest()

    @property
    def unknown_share(self) -> float:
        """Share of pieces that stand for what the tokenizer does not know."""
        return float(self.manifest.get("n_unknown", 0)) / max(len(self), 1)

    def document_name(self, position: int) -> str:
        """What to call the document that holds `position`: its file where each file is one, else its number."""
        number = int(np.searchsorted(self.document_starts, position, side="right")) - 1
        sources = self.manifest.get("sources", [])
        if len(sources) == len(self.document_starts):
            return str(sources[number]["name"])
        return f"document {number + 1:,} of {len(self.document_starts):,}"

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """Ids [start, stop), at most to the corpus's end, int64."""
        stop = min(stop, len(self))
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        pieces = []
        while start < stop:
            offset = start - int(self._starts[first])
            taken = self._parts[first][offset : offset + stop - start]
            pieces.append(np.asarray(taken, dtype=np.int64))
            start += len(taken)
            first += 1
        return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)

    def document_end(self, position: int) -> int:
        """Where the document that holds `position` ends: the position after its </s>."""
        after = int(np.searchsorted(self.document_starts, position, side="right"))
        return int(self.document_starts[after]) if after < len(self.document_starts) else len(self)


def prepare_shards(
    folder: Path,
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    sources: list[SourceRecord],
    made_with: Mapping[str, Any] | None = None,
) -> TokenShards:
    """The shards of these documents in `folder`: those that are there if they came from the same texts, else new ones.

    `made_with`: what the documents depend on beside `sources`, as JSON.

    Raises ShardError when they cannot be written, and when shards on disk are damaged and cannot be replaced.
    """
    identity = {
        "format_version": FORMAT_VERSION,
        "normaliser_version": NORMALISER_VERSION,
        "tokenizer_kind": tokenizer.kind,
        "tokenizer_sha256": hashlib.sha256(tokenizer.serialized).hexdigest(),
        "sources": [asdict(source) for source in sources],
        "made_with": None if made_with is None else dict(made_with),
    }
    existing = _open_if_same(folder, identity)
    if existing is not None:
        return existing
    try:
        return _write(folder, documents, tokenizer, identity)
    except OSError as error:
        raise ShardError(f"token shards cannot be written to {folder}: {error}.") from error


def sources_of(folder: Path) -> list[dict[str, Any]] | None:
    """The records of the texts that the finished shards in `folder` were made from; None where there are none."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest.get("sources") if isinstance(manifest, dict) else None


def _write(folder: Path, documents: Iterable[Document], tokenizer: Tokenizer, identity: dict[str, Any]) -> TokenShards:
    folder.mkdir(parents=True, exist_ok=True)
    manifest_path = folder / "manifest.json"
    manifest_path.unlink(missing_ok=True)
    writer = _Writer(folder, np.dtype("<u2" if tokenizer.vocabulary_size <= 1 << 16 else "<u4"))
    newline = tokenizer.encode_ids("\n")
    starts: list[int] = []
    n_unknown = n_characters = 0
    for document in documents:
        starts.append(writer.n_tokens)
        writer.add([tokenizer.begin_id])
        between: list[int] = []
        for paragraph in document.paragraphs:
            ids = tokenizer.encode_ids(paragraph)
            writer.add(between + ids)
            n_unknown += ids.count(tokenizer.unknown_id)
            n_characters += len(paragraph) + 1
            between = newline
        writer.add([tokenizer.end_id])
    if not starts:
        raise ShardError("the corpus holds no document; expected at least one paragraph of text.")
    documents_path = folder / "documents.npy"
    np.save(documents_path, np.asarray(starts, dtype=np.int64))
    manifest = identity | {
        "dtype": writer.dtype.str,
        "shards": writer.close(),
        "documents_sha256": _sha256(documents_path),
        "n_tokens": writer.n_tokens,
        "n_documents": len(starts),
        "n_unknown": n_unknown,
        "n_characters": n_characters,
    }
    temporary = manifest_path.with_suffix(".tmp")
    temporary.write_text(json.dumps(manifest, indent=1))
    temporary.replace(manifest_path)
    return TokenShards(folder, manifest)


def _open_if_same(folder: Path, identity: dict[str, Any]) -> TokenShards | None:
    """The finished shards in `folder` if they were made from the same things and are whole, else None."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or any(manifest.get(name) != value for name, value in identity.items()):
        return None
    for part in manifest["shards"]:
        path = folder / part["name"]
        if not path.is_file() or path.stat().st_size != part["bytes"] or _sha256(path) != part["sha256"]:
            logger.warning("the token shard %s is missing or damaged: the shards are made again from the texts", path)
            return None
    documents_path = folder / "documents.npy"
    if not documents_path.is_file() or _sha256(documents_path) != manifest.get("documents_sha256"):
        return None
    return TokenShards(folder, manifest)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Writer:
    """Appends ids to numbered files of at most SHARD_TOKENS each, hashing as it goes."""

    def __init__(self, folder: Path, dtype: np.dtype[Any]) -> None:
        self.folder, self.dtype = folder, dtype
        self.n_tokens = 0
        self._pending: list[int] = []
        self._shards: list[dict[str, Any]] = []

    def add(self, ids: list[int]) -> None:
        self._pending += ids
        self.n_tokens += len(ids)
        if len(self._pending) >= 1 << 18:
            self._flush()

    def _flush(self) -> None:
        while self._pending:
            if not self._shards or self._shards[-1]["tokens"] == SHARD_TOKENS:
                name = f"tokens-{len(self._shards):05d}.bin"
                (self.folder / name).write_bytes(b"")
                self._shards.append({"name": name, "tokens": 0, "hash": hashlib.sha256()})
            shard = self._shards[-1]
            taken, self._pending = (
                self._pending[: SHARD_TOKENS - shard["tokens"]],
                self._pending[SHARD_TOKENS - shard["tokens"] :],
            )
            data = np.asarray(taken, dtype=self.dtype).tobytes()
            with (self.folder / shard["name"]).open("ab") as file:
                file.write(data)
            shard["hash"].update(data)
            shard["tokens"] += len(taken)

    def close(self) -> list[dict[str, Any]]:
        self._flush()
        return [
            {
                "name": shard["name"],
                "bytes": shard["tokens"] * self.dtype.itemsize,
                "sha256": shard["hash"].hexdigest(),
            }
            for shard in self._shards
        ]
