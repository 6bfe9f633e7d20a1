"""Token shards: a corpus as piece ids on disk, memory-mapped, hashed, reused when nothing changed.

A folder holds `tokens-00000.bin` ... (ids, little-endian, uint16 or uint32), `documents.npy` (where each document
starts) and `manifest.json`, written last: without it the folder is unfinished, and preparing it again goes on where it
stopped. Every document stands as <s> ids </s>, a newline piece between paragraphs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.text import NORMALISER_VERSION
from model.tokenizer import Tokenizer
from training.corpus import Document, SourceRecord
from training.encoding import Encoder, Stretch, Transform, chunks, encoded
from training.errors import ShardError
from training.shard_writer import ShardWriter, sha256, write_json

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1

Ids = NDArray[np.integer[Any]]


class TokenShards:
    """The ids of a whole corpus, in order, read by position; memory does not grow with the corpus."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        dtype = np.dtype(manifest["dtype"])
        self._parts = [np.memmap(folder / part["name"], dtype=dtype, mode="r") for part in manifest["shards"]]
        self._starts = np.cumsum([0] + [len(part) for part in self._parts])
        self.document_starts: Ids = np.load(folder / "documents.npy", mmap_mode="r", allow_pickle=False)

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


@dataclass(frozen=True)
class Progress:
    """How far a preparation is."""

    n_tokens: int
    n_characters: int
    elapsed_seconds: float
    """Since this process began; what an earlier one did is in the counts alone."""


def prepare_shards(
    folder: Path,
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    sources: list[SourceRecord],
    made_with: Mapping[str, Any] | None = None,
    *,
    transform: Transform | None = None,
    stretch_paragraphs: int = 1,
    n_workers: int = 1,
    listener: Callable[[Progress], None] | None = None,
) -> TokenShards:
    """The shards of these documents in `folder`: those that are there if they came from the same things, else new ones.

    `documents`: their paragraphs may be raw lines (`read_documents(..., raw=True)`), which the workers normalise; read
    only when there is something to write. `made_with`: what documents and `transform` depend on beside `sources`, as
    JSON. `transform`: what becomes of the paragraphs before they are tokenized; it is given whole stretches of so many
    paragraphs of a document, so the documents' paragraphs must be normalised where stretches are of more than one.
    `n_workers`: processes that tokenize; the files do not depend on it. `listener`: told first and after every chunk.
    Raises ShardError when they cannot be written; what was done is kept, and the same call goes on from there.
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
    encoder = Encoder(tokenizer, transform)
    try:
        manifest = _write(folder, chunks(documents, stretch_paragraphs), encoder, identity, n_workers, listener)
    except OSError as error:
        raise ShardError(
            f"token shards cannot be written to {folder}: {error}. When that is mended, give the same command again: "
            "it goes on where it stopped."
        ) from error
    return TokenShards(folder, manifest)


def sources_of(folder: Path) -> list[dict[str, Any]] | None:
    """The records of the texts that the finished shards in `folder` were made from; None where there are none."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest.get("sources") if isinstance(manifest, dict) else None


def _write(
    folder: Path,
    corpus: Iterator[list[Stretch]],
    encoder: Encoder,
    identity: dict[str, Any],
    n_workers: int,
    listener: Callable[[Progress], None] | None,
) -> dict[str, Any]:
    """Writes what is missing of the shards, and the manifest, which it returns."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest_path = folder / "manifest.json"
    manifest_path.unlink(missing_ok=True)
    started = time.monotonic()
    with closing(ShardWriter(folder, encoder.dtype, identity)) as writer:

        def tell() -> None:
            if listener is not None:
                listener(Progress(writer.n_tokens, writer.n_characters, time.monotonic() - started))

        tell()
        todo = itertools.islice(corpus, writer.n_chunks, None)  # those done are read and passed over
        with closing(encoded(todo, encoder, n_workers)) as done:
            for chunk in done:
                writer.add(chunk)
                tell()
        if not writer.n_documents:
            raise ShardError("the corpus holds no document; expected at least one paragraph of text.")
        manifest = identity | writer.finish()
        write_json(manifest_path, manifest)
        writer.clear()
    return manifest


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
        if not path.is_file() or path.stat().st_size != part["bytes"] or sha256(path) != part["sha256"]:
            logger.warning("the token shard %s is missing or damaged: the shards are made again from the texts", path)
            return None
    documents_path = folder / "documents.npy"
    if not documents_path.is_file() or sha256(documents_path) != manifest.get("documents_sha256"):
        return None
    return TokenShards(folder, manifest)
