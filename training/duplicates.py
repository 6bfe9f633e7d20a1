"""What of the validation texts stands in the training texts too, and would make the figures of validation too good.

Compares paragraphs of 80 characters and more, by 8 bytes each of the validation texts' (so memory does not grow with
the training texts), on the shards' piece ids: nothing is read or tokenized a second time. Where one stands in its file
is looked up afterwards, for those that are told alone. Where names are replaced or genders swapped in training, the
paragraphs that were changed are not known again: a copied text is still told by the others, with a smaller number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.tokenizer import Tokenizer
from training.corpus import SourceRecord, read_documents
from training.errors import CorpusError
from training.shards import TokenShards

MIN_CHARACTERS = 80
"""Shorter paragraphs ("No," said he.) stand in any two books."""
TOLD_SHARE = 0.1
"""A validation document is named when more of its paragraphs than this stand in the training texts."""
BLOCK_TOKENS = 1 << 20

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Duplicates:
    """The validation texts' paragraphs of MIN_CHARACTERS and more, and which of them are in the training texts."""

    n_paragraphs: int
    n_found: int
    documents: tuple[DuplicatedDocument, ...]
    """Those with more than TOLD_SHARE found, in their order."""


@dataclass(frozen=True)
class DuplicatedDocument:
    """One validation document."""

    number: int
    """Its place among the validation documents, from 0."""
    n_paragraphs: int
    n_found: int
    first: int
    """Its first paragraph that was found, counted from 0 with breaks and short ones."""


def check_files(sources: Sequence[SourceRecord], valid_sources: Sequence[SourceRecord]) -> None:
    """Raises CorpusError, naming both, when a validation file is a training file, byte for byte."""
    training = {record.sha256: record.name for record in sources if record.bytes}
    for record in valid_sources:
        if record.sha256 in training:
            raise CorpusError(
                f"the validation text {record.name} is the training text {training[record.sha256]}, byte for byte: "
                "what was learnt by heart would be measured. Take it out of one of the two."
            )


def find_duplicates(tokens: TokenShards, held_out: TokenShards, tokenizer: Tokenizer) -> Duplicates:
    """The paragraphs of `held_out` that stand in `tokens` too. Both by the same tokenizer."""
    hasher = _Hasher(tokenizer)
    numbers, hashes = _joined(list(hasher.paragraphs(held_out)))
    wanted = np.unique(hashes)
    found = np.zeros(len(wanted), dtype=bool)
    for _, block in hasher.paragraphs(tokens):
        place = np.searchsorted(wanted, block)
        place[place == len(wanted)] = 0
        if len(wanted):
            found[place[wanted[place] == block]] = True
    duplicated = found[np.searchsorted(wanted, hashes)] if len(wanted) else np.zeros(0, dtype=bool)
    document = np.searchsorted(held_out.document_starts, numbers, side="right") - 1
    return Duplicates(
        len(hashes), int(duplicated.sum()), tuple(_documents(document, duplicated, numbers, held_out, tokenizer))
    )


def _documents(
    document: NDArray[np.int64],
    duplicated: NDArray[np.bool_],
    starts: NDArray[np.int64],
    held_out: TokenShards,
    tokenizer: Tokenizer,
) -> Iterator[DuplicatedDocument]:
    for number in np.unique(document[duplicated]).tolist():
        which = document == number
        n_paragraphs, n_found = int(which.sum()), int(duplicated[which].sum())
        if n_found > TOLD_SHARE * n_paragraphs:
            first = int(starts[which & duplicated][0])
            before = held_out.read(int(held_out.document_starts[number]), first)
            n_before = int((before == _newline(tokenizer)).sum())
            yield DuplicatedDocument(number, n_paragraphs, n_found, n_before)


def told(duplicates: Duplicates, valid: Sequence[str | Path], text_field: str, most: int = 5) -> list[str]:
    """What to tell a person, a sentence each: nothing where no document has more than TOLD_SHARE; files and lines."""
    wanted = {document.number: document for document in duplicates.documents[:most]}
    lines = []
    for number, text in enumerate(read_documents(valid, text_field) if wanted else ()):
        if number in wanted:
            document = wanted[number]
            for paragraph, _ in enumerate(text.paragraphs):
                if paragraph == document.first:
                    break
            lines.append(
                f"{text.place}: of the {document.n_paragraphs:,} paragraphs of {MIN_CHARACTERS} characters and more "
                f"in this validation text {document.n_found:,} stand in the training texts too; the first is this one"
            )
        else:
            for _ in text.paragraphs:  # a document is read through before the next one
                pass
        if number >= max(wanted):
            break
    if lines:
        more = len(duplicates.documents) - len(lines)
        lines.append(
            f"{duplicates.n_found:,} of {duplicates.n_paragraphs:,} such paragraphs of the validation texts stand in "
            f"the training texts{f', {more:,} more documents among them' if more else ''}: figures of validation are "
            "too good by that much"
        )
    return lines


def _newline(tokenizer: Tokenizer) -> int:
    (newline,) = tokenizer.encode_ids("\n")
    return newline


def _joined(parts: list[tuple[NDArray[np.int64], Hashes]]) -> tuple[NDArray[np.int64], Hashes]:
    starts = [np.zeros(0, dtype=np.int64), *(starts for starts, _ in parts)]
    hashes = [np.zeros(0, dtype=np.uint64), *(hashes for _, hashes in parts)]
    return np.concatenate(starts), np.concatenate(hashes)


class _Hasher:
    """64 bits for each paragraph: the sum over its pieces of a random number of the piece times a power of an odd one,
    modulo 2**64, which running sums give for all paragraphs of a block at once.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        random = np.random.default_rng(0)
        self.of_piece = random.integers(0, 1 << 64, tokenizer.vocabulary_size, dtype=np.uint64)
        self.lengths = np.array([len(piece) for piece in tokenizer.pieces], dtype=np.int64)
        self.ends = np.zeros(tokenizer.vocabulary_size, dtype=bool)
        self.ends[[tokenizer.begin_id, tokenizer.end_id, _newline(tokenizer)]] = True
        multiplier = random.integers(0, 1 << 63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self.multiplier = multiplier
        self.inverse = np.uint64(pow(int(multiplier), -1, 1 << 64))

    def paragraphs(self, tokens: TokenShards) -> Iterator[tuple[NDArray[np.int64], Hashes]]:
        """(position of the first token, hash) of every paragraph of MIN_CHARACTERS and more, block by block."""
        position, size = 0, BLOCK_TOKENS
        while position < len(tokens):
            ids = tokens.read(position, position + size)
            ends = np.flatnonzero(self.ends[ids])
            if not len(ends):  # a paragraph longer than a block; a corpus ends with </s>
                size *= 2
                continue
            yield self._hashed(ids[: ends[-1] + 1], ends, position)
            position, size = position + int(ends[-1]) + 1, BLOCK_TOKENS

    def _hashed(self, ids: NDArray[np.int64], ends: NDArray[np.int64], base: int) -> tuple[NDArray[np.int64], Hashes]:
        starts = np.concatenate([[0], ends[:-1] + 1])
        n_characters = np.concatenate([[0], np.cumsum(self.lengths[ids])])
        long = n_characters[ends] - n_characters[starts] >= MIN_CHARACTERS
        starts, ends = starts[long], ends[long]
        powers = _powers(self.multiplier, len(ids))
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(self.of_piece[ids] * powers, dtype=np.uint64)])
        hashes = (sums[ends] - sums[starts]) * _powers(self.inverse, len(ids))[starts]
        return starts + base, hashes


def _powers(base: np.uint64, n: int) -> Hashes:
    """base**0 ... base**(n - 1), modulo 2**64."""
    factors = np.full(n, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)
