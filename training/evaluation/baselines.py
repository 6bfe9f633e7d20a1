"""Answers that need no network: always the first form, always the second, a coin, and the n-gram.

Also finds the text to fit the n-gram on, and keeps fitted ones. The model itself is `ngram.py`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from model.blanks import AT_SENTENCE_START
from model.text import NORMALISER_VERSION
from training.corpus import SourceRecord, fingerprint, read_documents
from training.evaluation.answers import Answers, Choices
from training.evaluation.metrics import softmax_pair
from training.evaluation.ngram import MAX_TOKENS, Trigram, fit_trigram
from training.mining import ClozeItem

logger = logging.getLogger(__name__)

CACHE_VERSION = 1


@dataclass(frozen=True)
class FittedTrigram:
    """The n-gram of a report, and what the report says of it."""

    trigram: Trigram
    description: str
    """One sentence: which smoothing, on which texts."""
    sources: tuple[SourceRecord, ...]


def right_answers(items: Sequence[ClozeItem]) -> Choices:
    """(n,) 0 where an item's answer is its pair's first form, 1 where it is the second."""
    return np.array([item.pair.forms.index(item.answer) for item in items], dtype=np.int64)


def constant(right: Choices, answer: int) -> Answers:
    """Always the pair's form number `answer`; never tied, and without a probability."""
    return Answers(right, np.where(right == answer, 1.0, -1.0), None)


def chance(right: Choices) -> Answers:
    """A fair coin: every question a tie at one half."""
    return Answers(right, np.zeros(len(right)), np.full(len(right), 0.5))


def ngram_answers(trigram: Trigram, items: Sequence[ClozeItem], context: str, *, as_filled: bool = False) -> Answers:
    """The n-gram's answers from the two words left, or ("both") the product of the three trigrams that hold the
    blank. `as_filled`: with a capital where a sentence begins, as the cloze fills it; else in lower case."""
    scores = []
    for item in items:
        candidates = (item.answer, item.pair.other(item.answer))
        if as_filled and AT_SENTENCE_START.match(item.left) is not None:
            candidates = (candidates[0].capitalize(), candidates[1].capitalize())
        scores.append(trigram.blank_scores(item.left, item.right if context == "both" else None, candidates))
    table = np.array(scores).reshape(-1, 2)
    margins = table[:, 0] - table[:, 1]
    return Answers(right_answers(items), margins, softmax_pair(margins))


def training_texts_of(provenance: Mapping[str, Any], data: Sequence[Path]) -> tuple[list[Path], str] | None:
    """Where the n-gram's text lies when nobody says: the paths, and which texts they are; None when there are none.

    First the bundle's own training texts, looked for by name, size and SHA-256 around the data; else a folder `train`
    beside the data.
    """
    folders = list(dict.fromkeys(path.resolve() if path.is_dir() else path.resolve().parent for path in data))
    roots = list(dict.fromkeys([root for folder in folders for root in (folder.parent, folder.parent.parent)]))
    recorded = [record for record in provenance.get("sources", []) if isinstance(record, dict)]
    for root in roots:
        if recorded and all(_is_same(root, record) for record in recorded):
            return [root / str(record["name"]) for record in recorded], "the bundle's own training texts"
    for folder in folders:
        if (folder.parent / "train").is_dir() and folder.name != "train":
            return [
                folder.parent / "train"
            ], "the folder train beside the data, not known to be what the bundle was trained on"
    return None


def fitted_trigram(
    sources: Sequence[Path], texts: str, text_field: str = "text", cache: Path | None = None
) -> FittedTrigram:
    """The trigram of these texts, from the cache where it was fitted before. `texts`: what the report calls them.

    `cache`: a folder, by default anaphora/ in the user's cache folder; one that cannot be written is passed over with a
    warning. Raises CorpusError as reading does.
    """
    records = fingerprint(sources)
    path = (default_cache() if cache is None else cache) / f"trigram-{_key(records, text_field)}.npz"
    trigram = _cached(path)
    if trigram is None:
        documents = tqdm(read_documents(sources, text_field), desc="n-gram", unit=" documents", disable=None)
        trigram = fit_trigram(paragraph for document in documents for paragraph in document.paragraphs if paragraph)
        try:
            trigram.save(path)
        except OSError as error:
            logger.warning("the n-gram is not kept for the next time: %s", error)
    read = f"its first {trigram.n_tokens:,}" if trigram.n_tokens >= MAX_TOKENS else f"{trigram.n_tokens:,}"
    description = (
        f"trigram, interpolated modified Kneser-Ney, fitted on {read} words and marks of {texts} ({len(records)} files)"
    )
    return FittedTrigram(trigram, description, tuple(records))


def default_cache() -> Path:
    """anaphora/ in the user's cache folder: $XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anaphora"


def _is_same(root: Path, record: Mapping[str, Any]) -> bool:
    name = Path(str(record.get("name")))
    if name.is_absolute() or ".." in name.parts:  # a bundle may come from anywhere: nothing in it leads out of `root`
        return False
    path = root / name
    try:
        if not path.is_file() or path.stat().st_size != record.get("bytes"):
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == record.get("sha256")
    except OSError:
        return False


def _key(records: Sequence[SourceRecord], text_field: str) -> str:
    parts = [
        str(CACHE_VERSION),
        str(NORMALISER_VERSION),
        text_field,
        str(MAX_TOKENS),
        *(record.sha256 for record in records),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _cached(path: Path) -> Trigram | None:
    try:
        return Trigram.load(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s); the n-gram is fitted again", path, error)
        return None
