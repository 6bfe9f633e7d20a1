"""Documents into piece ids on all cores, in order: chunks of lines go out to a pool of encoders and come back as ids.

A text file of 2 GB is one document, so work is cut by lines and not by documents. Where a chunk ends follows from the
text alone; how many workers there are, and which of them was fast, never shows in the ids. Knows no files of shards.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.text import normalised
from model.tokenizer import Tokenizer
from training.corpus import Document, paragraphs_of
from training.errors import ShardError

CHUNK_CHARACTERS = 1 << 18
"""A chunk ends with the first line of text after so many code points."""
CHUNKS_BEFORE_WORKERS = 8
"""A corpus of fewer chunks is encoded before other processes would have started."""
CHUNKS_AHEAD = 3
"""Chunks for each worker that are read and not yet written: what bounds the memory."""

Transform = Callable[[str, int, list[str]], list[str]]
"""Paragraphs into the paragraphs that are tokenized in their place: (name of the document, lines of it before these
paragraphs, paragraphs) -> paragraphs. Must follow from these three alone, and be picklable: it runs in the workers.
"" among the paragraphs is a break."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive lines of one document."""

    document: str
    """The document's name."""
    n_before: int
    """Lines of the document before these; 0: it begins here."""
    lines: list[str]
    ends: bool
    """Whether the document ends here."""


@dataclass(frozen=True)
class EncodedChunk:
    """The ids of one chunk, and what is counted in it."""

    ids: NDArray[np.unsignedinteger]
    document_starts: NDArray[np.int64]
    """Index into `ids` of every <s>."""
    n_unknown: int
    n_characters: int
    """Code points of the paragraphs, one more for the end of each."""


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunks(documents: Iterable[Document], multiple: int = 1) -> Iterator[list[Stretch]]:
    """The documents' lines in chunks of about CHUNK_CHARACTERS, each a list of stretches.

    A chunk that ends inside a document ends with a line of text, so that no break is lost between two chunks, and after
    a `multiple` of lines of the document.
    """
    chunk: list[Stretch] = []
    n_characters = 0
    for document in documents:
        lines: list[str] = []
        n_before = 0
        for line in document.paragraphs:
            lines.append(line)
            n_characters += len(line) + 1
            if n_characters >= CHUNK_CHARACTERS and len(lines) % multiple == 0 and normalised(line):
                yield [*chunk, Stretch(document.name, n_before, lines, ends=False)]
                n_before += len(lines)
                chunk, lines, n_characters = [], [], 0
        chunk.append(Stretch(document.name, n_before, lines, ends=True))
        n_characters += 2
        if n_characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, n_characters = [], 0
    if chunk:
        yield chunk


class Encoder:
    """Chunks to ids with one tokenizer; what every worker holds."""

    def __init__(self, tokenizer: Tokenizer, transform: Transform | None = None) -> None:
        self.tokenizer, self.transform = tokenizer, transform
        self.dtype = np.dtype("<u2" if tokenizer.vocabulary_size <= 1 << 16 else "<u4")
        self._newline = tokenizer.encode_ids("\n")

    def encode(self, chunk: list[Stretch]) -> EncodedChunk:
        """Every document as <s> ids </s>, a newline piece between paragraphs."""
        tokenizer = self.tokenizer
        ids: list[int] = []
        starts: list[int] = []
        n_unknown = n_characters = 0
        for stretch in chunk:
            begun = stretch.n_before > 0
            if not begun:
                starts.append(len(ids))
                ids.append(tokenizer.begin_id)
            paragraphs = list(paragraphs_of(stretch.lines, begun=begun))
            if self.transform is not None and paragraphs:
                paragraphs = self.transform(stretch.document, stretch.n_before, paragraphs)
            for paragraph in paragraphs:
                if begun:
                    ids += self._newline
                begun = True
                found = tokenizer.encode_ids(paragraph)
                ids += found
                n_unknown += found.count(tokenizer.unknown_id)
                n_characters += len(paragraph) + 1
            if stretch.ends:
                ids.append(tokenizer.end_id)
        return EncodedChunk(np.array(ids, self.dtype), np.array(starts, np.int64), n_unknown, n_characters)


def encoded(todo: Iterator[list[Stretch]], encoder: Encoder, n_workers: int) -> Generator[EncodedChunk, None, None]:
    """The chunks encoded, in their order, by `n_workers` processes; one does it in this process.

    Raises ShardError when a worker is killed, by the system for want of memory for instance.
    """
    first = itertools.islice(todo, None if n_workers <= 1 else CHUNKS_BEFORE_WORKERS)
    yield from map(encoder.encode, first)
    following = next(todo, None)
    if following is None:
        return
    pool = ProcessPoolExecutor(
        n_workers,
        multiprocessing.get_context("spawn"),  # a fork would copy locks that torch's threads hold
        _start_worker,
        (encoder.tokenizer.serialized, encoder.tokenizer.kind, encoder.transform),
    )
    under_way: deque[Future[EncodedChunk]] = deque()
    try:
        for chunk in itertools.chain([following], todo):
            under_way.append(pool.submit(_encode, chunk))
            if len(under_way) >= CHUNKS_AHEAD * n_workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise ShardError(
            f"one of the {n_workers} processes that tokenize was killed, perhaps for want of memory. Give the same "
            "command again, with fewer --workers: it goes on where it stopped."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_encoder: Encoder | None = None  # of a worker's process, which lives for one corpus


def _start_worker(serialized: bytes, kind: str, transform: Transform | None) -> None:
    global _encoder
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _encoder = Encoder(Tokenizer.load(serialized, kind), transform)


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _encode(chunk: list[Stretch]) -> EncodedChunk:
    assert _encoder is not None
    return _encoder.encode(chunk)
