"""`anaphora bench prepare`: how fast a corpus of any size becomes token shards, and in how much memory.

Writes one text file of the asked size, made of the lines of given texts or of words drawn by Zipf's law, and prepares
it as `anaphora train` would, after the tokenizer is fitted. With `--memory` no process may hold more than its share of
so many megabytes (RLIMIT_DATA: the heap and all private memory; maps of files do not count). Never loads torch.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import read_bundle
from model.language_model import find_bundle
from model.tokenizer import MARK, Tokenizer
from model.whole_number import whole_number
from training.corpus import fingerprint, read_documents
from training.encoding import available_cores
from training.shards import Progress, TokenShards, prepare_shards
from training.usage import memory_of, processor_seconds_of

MEGABYTE = 10**6
PARTS = 10
COUNTED = 0.97
BLOCK_BYTES = 1 << 20


def main(argv: Sequence[str]) -> int:
    """Prepares N megabytes of text; prints tokens a second and the memory held, by tenths of the text."""
    arguments = _parser().parse_args(argv)
    n_workers = arguments.workers or available_cores()
    tokenizer = read_bundle(find_bundle(arguments.model)).tokenizer
    with _folder(arguments.folder) as folder:
        text = folder / "text.txt"
        if not text.exists():
            write_text(text, arguments.megabytes, tokenizer, arguments.source)
        if arguments.memory:
            limit = arguments.memory * MEGABYTE // (n_workers + 1)
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # those started from here inherit it
        started = time.monotonic()
        sources = fingerprint([text])
        hashed = time.monotonic() - started
        watch = Watch(text.stat().st_size)
        documents = read_documents([text], raw=True)
        shards = prepare_shards(
            folder / "shards", documents, tokenizer, sources, n_workers=n_workers, listener=watch.update
        )
        record = figures(watch, shards, n_workers, hashed)
    sys.stdout.write(table(record))
    if arguments.json:
        settings = {name: str(value) for name, value in vars(arguments).items() if name != "json"}
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        arguments.json.write_text(json.dumps(record | {"settings": settings, "machine": machine}, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anaphora bench prepare", description=main.__doc__)
    parser.add_argument("--megabytes", type=whole_number(), default=64, metavar="N", help="size of the text")
    parser.add_argument("--source", nargs="+", metavar="CORPUS", help="texts whose lines it is made of, over and over")
    parser.add_argument("--model", default="en-lstm", help="whose tokenizer is used")
    parser.add_argument(
        "--workers", type=whole_number(), metavar="N", help="processes that tokenize (default: one a core)"
    )
    parser.add_argument(
        "--memory", type=whole_number(), metavar="MEGABYTES", help="most that all processes together may hold"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep text and shards here; a second run goes on with what it finds"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to a file")
    return parser


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    folder = Path(tempfile.mkdtemp(prefix="anaphora-prepare-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write_text(path: Path, megabytes: int, tokenizer: Tokenizer, source: Sequence[str] | None = None) -> None:
    """One file of so many megabytes, cut at a line's end: the lines once, then over and over."""
    size = megabytes * MEGABYTE
    with path.open("wb") as file:
        for line in _lines_of(source) if source else _drawn_lines(tokenizer):
            file.write(line.encode() + b"\n")
            if file.tell() >= size:
                return
        with path.open("rb") as written:  # follows behind, so that the lines come again and again
            while (left := size - file.tell()) > 0:
                file.flush()
                file.write(written.read(min(BLOCK_BYTES, left)))
        file.flush()
        with path.open("rb") as written:
            start = written.seek(max(0, size - BLOCK_BYTES))
            file.truncate(start + written.read().rfind(b"\n") + 1)


def _lines_of(source: Sequence[str]) -> Iterator[str]:
    for document in read_documents(source):
        yield from document.paragraphs


def _drawn_lines(tokenizer: Tokenizer) -> Iterator[str]:
    """10,000 lines of 80 words each, a word with probability 1 / rank."""
    words = [tokenizer.pieces[i].removeprefix(MARK) for i in tokenizer.whole_words(marked=True)]
    shares = 1 / np.arange(1, len(words) + 1)
    drawn = np.random.default_rng(0).choice(len(words), (10_000, 80), p=shares / shares.sum())
    for line in drawn:
        yield " ".join(words[i] for i in line) + "."


class Watch:
    """What a preparation had done, and what memory it held, after each tenth of the text."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes
        self.first: Progress | None = None
        self.last = Progress(0, 0, 0.0)
        self.parts: list[dict[str, float]] = []
        self.latest = self.last
        self.computed = 0.0
        self.most_held = self.parent_peak = self.worker_peak = 0

    def update(self, progress: Progress) -> None:
        """Called after every chunk. Code points stand for bytes, of which there are a few more: the end is left out."""
        self.latest = progress
        if self.first is None:
            self.first = self.last = progress
            self.computed = processor_seconds_of()
        if progress.n_characters - self.last.n_characters >= COUNTED * self.n_bytes / PARTS:
            self._note(progress)

    def _note(self, progress: Progress) -> None:
        seconds = progress.elapsed_seconds - self.last.elapsed_seconds
        processes = [os.getpid(), *worker_ids()]
        held, peaks = zip(*map(memory_of, processes), strict=True)
        computed = sum(map(processor_seconds_of, processes))
        self.most_held = max(self.most_held, sum(held))
        self.parent_peak, self.worker_peak = peaks[0], max([self.worker_peak, *peaks[1:]])
        self.parts.append(
            {
                "megabytes": progress.n_characters / MEGABYTE,
                "tokens_per_second": (progress.n_tokens - self.last.n_tokens) / seconds,
                "tokens_per_processor_second": (progress.n_tokens - self.last.n_tokens)
                / max(computed - self.computed, 1e-9),
                "megabytes_held": sum(held) / MEGABYTE,
            }
        )
        self.last, self.computed = progress, computed


def worker_ids() -> list[int]:
    """The processes that this one has started and that still run."""
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def figures(watch: Watch, shards: TokenShards, n_workers: int, hashed_seconds: float) -> dict[str, Any]:
    """All that is printed, as JSON values."""
    first = watch.first or watch.last
    seconds = max(watch.latest.elapsed_seconds, 1e-9)
    return {
        "n_workers": n_workers,
        "megabytes": watch.n_bytes / MEGABYTE,
        "n_tokens": len(shards),
        "n_tokens_found": first.n_tokens,
        "seconds": seconds,
        "hashed_seconds": hashed_seconds,
        "tokens_per_second": (watch.latest.n_tokens - first.n_tokens) / seconds,
        "parts": watch.parts,
        "peak_megabytes": {
            "parent": watch.parent_peak / MEGABYTE,
            "largest worker": watch.worker_peak / MEGABYTE,
            "all at once": watch.most_held / MEGABYTE,
        },
        "shards": shards.manifest["shards"],
    }


def table(record: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = [f"{'megabytes done':>16} {'tokens/s':>12} {'a core':>12} {'megabytes held':>16}"]
    lines += [
        f"{part['megabytes']:16,.0f} {part['tokens_per_second']:12,.0f} "
        f"{part['tokens_per_processor_second']:12,.0f} {part['megabytes_held']:16,.0f}"
        for part in record["parts"]
    ]
    peak = ", ".join(f"{name} {value:,.0f}" for name, value in record["peak_megabytes"].items())
    lines += [
        f"{record['megabytes']:,.0f} megabytes, {record['n_tokens']:,} tokens, {record['n_tokens_found']:,} found; "
        f"{record['n_workers']} workers: {record['tokens_per_second']:,.0f} tokens/s",
        f"hashing the text first: {record['hashed_seconds']:.1f} s",
        f"peak megabytes held: {peak}",
        f"SHA-256 of the first shard: {record['shards'][0]['sha256']}",
    ]
    return "\n".join(lines) + "\n"
