"""The n-gram baseline: a trigram over words with interpolated modified Kneser-Ney smoothing.

What a model without memory knows of a pronoun from the two words on either side. Fitted in NumPy on packed, sorted
keys: 15 million words take about a minute and under 1 GB. Knows words, not pieces, networks or suites.

Equations (c the count in the text; N1+ the number of distinct words in the place of the dot; D its discount by count):
    P(w | u v) = (c(u v w) - D3(c)) / c(u v .)          + g(u v) P(w | v)
    P(w | v)   = (N1+(. v w) - D2(N1+)) / N1+(. v .)    + g(v) P(w)
    P(w)       = (N1+(. w) - D1(N1+)) / N1+(. .)        + g() / V
where each g is the mass its discounts freed. Source: Chen & Goodman 1999, An empirical study of smoothing techniques
for language modeling, section 3. A word that occurs once in the text is `<unk>`, which is a word like any other.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.text import segment_texts

Keys = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN, BEGIN, END = 0, 1, 2
SPECIAL_WORDS = ("<unk>", "<s>", "</s>")
WORD_BITS = 21
"""Bits of one word in a packed key: three words fit a non-negative int64."""
MAX_VOCABULARY = 1 << WORD_BITS
MAX_TOKENS = 60_000_000
"""Reading stops here, so that a huge text does not fill the memory; the report states the number read."""
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""For texts too small to estimate them from (KenLM's choice)."""


@dataclass(frozen=True)
class _Level:
    """One order of the model: its n-grams as sorted packed keys, with their discounted share and their context's
    mass."""

    keys: Keys  # (n,) all words of the n-gram packed, sorted
    shares: Floats  # (n,) (count - discount) / total of its context
    contexts: Keys  # (m,) the contexts, sorted: the keys without their last word
    freed: Floats  # (m,) g: the mass left to the next lower order

    def probabilities(self, keys: Keys, lower: Floats) -> Floats:
        """P of each n-gram, given P of the same words at the next lower order. Both (n,)."""
        mass = _looked_up(self.contexts, self.freed, keys >> WORD_BITS, default=1.0)
        return _looked_up(self.keys, self.shares, keys, default=0.0) + mass * lower


class Trigram:
    """P(word | two words before it). Made by `fit_trigram` or `Trigram.load`; probabilities sum to 1 over the
    vocabulary."""

    def __init__(self, words: Sequence[str], keys: Keys, counts: NDArray[np.integer[Any]], n_tokens: int) -> None:
        """`words`: those after the special three, by id; `keys` (n,) sorted distinct trigrams, `counts` (n,) how
        often."""
        self.words = tuple(words)
        self.keys, self.counts, self.n_tokens = keys, counts, n_tokens
        self._ids = {word: number for number, word in enumerate(self.words, len(SPECIAL_WORDS))}
        self.vocabulary_size = len(SPECIAL_WORDS) + len(self.words) - 1  # `<s>` is never predicted
        bigrams, bigram_counts = np.unique(keys & ((1 << 2 * WORD_BITS) - 1), return_counts=True)
        unigrams, unigram_counts = np.unique(bigrams & (MAX_VOCABULARY - 1), return_counts=True)
        self._levels = [_level(unigrams, unigram_counts), _level(bigrams, bigram_counts), _level(keys, counts)]

    def probabilities(self, trigrams: NDArray[np.integer[Any]]) -> Floats:
        """P(w | u v) of each row (u, v, w). trigrams: (n, 3) ids."""
        rows = np.asarray(trigrams, dtype=np.int64).reshape(-1, 3)
        result: Floats = np.full(len(rows), 1.0 / self.vocabulary_size)
        packed = np.zeros(len(rows), dtype=np.int64)
        for order, level in enumerate(self._levels):
            packed |= rows[:, 2 - order] << (order * WORD_BITS)
            result = level.probabilities(packed, result)
        return result

    def encode(self, text: str) -> list[int]:
        """Ids of the words and marks of a normalised text, unknown ones as `<unk>`."""
        return [self._ids.get(word, UNKNOWN) for word in words_of(text)]

    def log_likelihoods(self, texts: Sequence[str]) -> Floats:
        """Nats of whole texts, `</s>` included. Returns (n_texts,)."""
        rows, owners = [], []
        for index, text in enumerate(texts):
            ids = [BEGIN, BEGIN, *self.encode(text), END]
            rows += list(zip(ids, ids[1:], ids[2:], strict=False))
            owners += [index] * (len(ids) - 2)
        nats = np.log(self.probabilities(np.array(rows, dtype=np.int64).reshape(-1, 3)))
        sums = np.zeros(len(texts))
        np.add.at(sums, owners, nats)
        return sums

    def log_likelihood_after(self, before: str, text: str) -> float:
        """Nats of the words of `text`, which goes on after `before`; no end of a text is counted."""
        ids = [*[BEGIN, BEGIN, *self.encode(before)][-2:], *self.encode(text)]
        rows = np.array(list(zip(ids, ids[1:], ids[2:], strict=False)), dtype=np.int64).reshape(-1, 3)
        return float(np.log(self.probabilities(rows)).sum())

    def choices(self, words: Sequence[str]) -> tuple[list[str], Keys]:
        """Those of the words that it knows, each once, with their ids."""
        known = [word for word in dict.fromkeys(words) if word in self._ids]
        return known, np.array([self._ids[word] for word in known], dtype=np.int64)

    def choice_scores(self, left: str, right: str | None, ids: Keys) -> Floats:
        """`blank_scores` of many words at once, by their ids (n,) from `choices`. Returns (n,) nats."""
        before = [BEGIN, BEGIN, *self.encode(left)][-2:]
        after = [] if right is None else [*self.encode(right), END][:2]
        n = len(ids)
        columns = [*(np.full(n, i) for i in before), ids, *(np.full(n, i) for i in after)]
        scores: Floats = np.zeros(n)
        for first in range(1 + len(after)):
            scores += np.log(self.probabilities(np.stack(columns[first : first + 3], axis=1)))
        return scores

    def blank_scores(self, left: str, right: str | None, candidates: Sequence[str]) -> Floats:
        """Log of P(candidate | two words left) and, with `right`, of the two trigrams after it that hold it too.

        A text's end counts as a word, as its begin does. Returns (n_candidates,) nats.
        """
        before = [BEGIN, BEGIN, *self.encode(left)][-2:]
        after = [] if right is None else [*self.encode(right), END][:2]
        rows = []
        for candidate in candidates:
            ids = [*before, self._ids.get(candidate, UNKNOWN), *after]
            rows += list(zip(ids, ids[1:], ids[2:], strict=False))
        nats = np.log(self.probabilities(np.array(rows, dtype=np.int64)))
        scores: Floats = nats.reshape(len(candidates), -1).sum(axis=1)
        return scores

    def counts_of(self, words: Sequence[str]) -> list[int]:
        """How often each word stands in the text it was fitted on; 0 for words that occur once or never."""
        counts = np.bincount(self.keys & (MAX_VOCABULARY - 1), self.counts, len(SPECIAL_WORDS) + len(self.words))
        counts[UNKNOWN] = 0
        return [int(counts[self._ids.get(word, UNKNOWN)]) for word in words]

    def save(self, path: Path) -> None:
        """Write it as .npz, beside and renamed; raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            np.savez(
                file,
                keys=self.keys,
                counts=self.counts.astype(np.uint32),
                words=np.frombuffer("\n".join(self.words).encode("utf-8", "surrogatepass"), dtype=np.uint8),
                n_tokens=np.array(self.n_tokens),
            )
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Trigram:
        """What `save` wrote. Raises OSError, ValueError or KeyError for anything else."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            words = bytes(arrays["words"]).decode("utf-8", "surrogatepass").split("\n")
            return cls(words, arrays["keys"], arrays["counts"], int(arrays["n_tokens"]))


def words_of(text: str) -> list[str]:
    """The words and marks of a normalised text or of a part of one, without the spaces around them; case kept."""
    return [segment.removeprefix(" ") for segment in segment_texts(text.rstrip(" "))]


def fit_trigram(paragraphs: Iterable[str], max_tokens: int = MAX_TOKENS) -> Trigram:
    """The model of normalised paragraphs, each a text of its own.

    Reading stops after the one that reaches `max_tokens` words and marks.
    """
    ids: dict[str, int] = {}
    number = itertools.count(len(SPECIAL_WORDS)).__next__
    stream = array("i", [])
    n_tokens = 0
    for paragraph in paragraphs:
        stream.append(BEGIN)
        stream.append(BEGIN)
        words = words_of(paragraph)
        for word in words:
            known = ids.get(word)
            if known is None:
                known = ids[word] = number()
            stream.append(known)
        stream.append(END)
        n_tokens += len(words)
        if n_tokens >= max_tokens:
            break
    tokens = np.frombuffer(stream, dtype=np.int32) if stream else np.zeros(0, dtype=np.int32)
    vocabulary, tokens = _vocabulary(list(ids), tokens)
    keys = tokens[:-2].astype(np.int64) << 2 * WORD_BITS
    keys |= tokens[1:-1].astype(np.int64) << WORD_BITS
    keys |= tokens[2:]
    keys = keys[tokens[2:] != BEGIN]  # neither the start of a text nor what spans two of them
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(first, append=len(keys)).astype(np.uint32)
    return Trigram(vocabulary, keys[first], counts, n_tokens)


def _vocabulary(words: list[str], tokens: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int32]]:
    """The words that occur twice or more, most frequent first, and the tokens in their ids."""
    counts = np.bincount(tokens, minlength=len(words) + len(SPECIAL_WORDS))[len(SPECIAL_WORDS) :]
    order = np.argsort(-counts, kind="stable")
    kept = order[counts[order] > 1][: MAX_VOCABULARY - len(SPECIAL_WORDS)]
    new_ids = np.zeros(len(words) + len(SPECIAL_WORDS), dtype=np.int32)  # UNKNOWN
    new_ids[[BEGIN, END]] = BEGIN, END
    new_ids[kept + len(SPECIAL_WORDS)] = np.arange(len(SPECIAL_WORDS), len(SPECIAL_WORDS) + len(kept))
    return [words[index] for index in kept], new_ids[tokens]


def _level(keys: Keys, counts: NDArray[np.integer[Any]]) -> _Level:
    """One order from its distinct n-grams and their (continuation) counts."""
    if not len(keys):
        return _Level(keys, np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0))
    contexts_of = keys >> WORD_BITS
    starts = np.flatnonzero(np.diff(contexts_of, prepend=-1))
    discount = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.add.reduceat(counts.astype(np.float64), starts)
    freed = np.add.reduceat(discount, starts) / totals
    sizes = np.diff(starts, append=len(keys))
    shares = (counts - discount) / np.repeat(totals, sizes)
    return _Level(keys, shares, contexts_of[starts], freed)


def _discounts(counts: NDArray[np.integer[Any]]) -> Floats:
    """Discount by count 0, 1, 2 and 3 or more, from how many n-grams have counts 1 to 4 (Chen & Goodman, equation
    26)."""
    n = [int(np.sum(counts == count)) for count in range(5)]
    if not all(n[1:]):
        return np.array([0.0, *FALLBACK_DISCOUNTS])
    y = n[1] / (n[1] + 2 * n[2])
    return np.array([0.0, *(count - (count + 1) * y * n[count + 1] / n[count] for count in (1, 2, 3))]).clip(min=0)


def _looked_up(keys: Keys, values: Floats, wanted: Keys, default: float) -> Floats:
    """values[i] where keys[i] == wanted, else the default. keys: sorted."""
    if not len(keys):
        return np.full(len(wanted), default)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], default)
