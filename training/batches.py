"""Windows of tokens for truncated BPTT: contiguous streams that carry their state, and fragments that start fresh.

A batch has `rows` rows of at most `bptt_steps` tokens. The first rows are *streams*: each runs through its part of
the corpus window after window, and the forward state is carried on; it starts afresh at a document's start. The
next are *fragments*: <s> text </s> cut out at random sentence, paragraph and mid-sentence places, because
requests are short fragments and a network that never saw a fresh state fails on them. The last are *twins*: whole
documents of a corpus of their own, stories (training/stories.py) and excerpts (training/excerpts.py), each beside
itself with everybody of the other gender.

Every batch follows from the seed, the position and the number of the step alone, so a run can be resumed exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.tokenizer import Tokenizer
from training.errors import CorpusError
from training.shards import TokenShards

START_KINDS = {"sentence": 0.4, "paragraph": 0.3, "anywhere": 0.3}
"""Where a fragment begins, with the share of each."""
END_KINDS = {"window": 0.4, "sentence": 0.35, "first sentence": 0.15, "anywhere": 0.1}
"""Where a fragment ends: as far as the window reaches, at the last sentence's end, at the first's, at any word."""
TOO_SHORT = "Give more text, fewer rows, or a larger validation_share (or --valid)."


@dataclass(frozen=True)
class Batch:
    """B rows of T tokens; what stands beyond a row's length is padding."""

    ids: NDArray[np.int64]
    """(B, T) piece ids."""
    lengths: NDArray[np.int64]
    """(B,) tokens of each row."""
    fresh: NDArray[np.bool_]
    """(B,) whether the forward state starts from the initial one; such a row begins with <s>."""
    ended: NDArray[np.bool_]
    """(B,) whether the row's last token is a real </s>, so that nothing follows it."""

    @property
    def n_tokens(self) -> int:
        """Tokens without padding."""
        return int(self.lengths.sum())

    def of_rows(self, rows: NDArray[np.int64]) -> Batch:
        """These rows alone, as wide as the longest of them."""
        width = int(self.lengths[rows].max())
        return Batch(self.ids[rows, :width], self.lengths[rows], self.fresh[rows], self.ended[rows])


class FragmentCutter:
    """Cuts <s> fragment </s> out of a corpus at random; local, so a corpus of any size costs the same."""

    def __init__(
        self, tokens: TokenShards, tokenizer: Tokenizer, bptt_steps: int, start: int = 0, stop: int | None = None
    ) -> None:
        """Fragments come from tokens [start, stop). Raises CorpusError when there is none."""
        self.tokens, self.bptt_steps = tokens, bptt_steps
        self.start, self.stop = start, len(tokens) if stop is None else stop
        if self.start >= self.stop:
            raise CorpusError(f"no text is left to cut fragments from: {len(tokens)} tokens are too few. {TOO_SHORT}")
        self.begin_id, self.end_id = tokenizer.begin_id, tokenizer.end_id
        pieces = [piece.removeprefix("▁") for piece in tokenizer.pieces]
        self.newline = np.array([piece == "\n" for piece in pieces])
        self.closes_sentence = np.array([piece in (".", "!", "?") for piece in pieces])
        self.closes_quote = np.array([piece in ('"', "'", ")") for piece in tokenizer.pieces])  # no mark: a closing one
        self.is_word = tokenizer.is_word
        self.is_marked = tokenizer.is_marked
        self.is_space = np.array([piece == "▁" for piece in tokenizer.pieces])

    def cut(self, random: np.random.Generator) -> NDArray[np.int64]:
        """One fragment of 3 to bptt_steps ids, <s> and </s> counted."""
        room = self.bptt_steps - 2
        for _ in range(100):
            position = int(random.integers(self.start, self.stop))
            end = min(self.tokens.document_end(position), position + 3 * self.bptt_steps, self.stop)
            ids = self.tokens.read(position, end)
            ids = ids[(ids != self.begin_id) & (ids != self.end_id)]
            ids = ids[self._start(ids, random) :]
            goes_on = end < self.tokens.document_end(position)  # the reading stopped, not the text
            ids = ids[: self._end(ids, room, random, goes_on)]
            if len(ids):
                return np.concatenate([[self.begin_id], ids, [self.end_id]])
        raise CorpusError(f"no fragment found in 100 tries: the corpus holds next to no text. {TOO_SHORT}")

    def _word_starts(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a fragment may begin at each place: not inside a word."""
        word = self.is_word[ids]
        before = np.concatenate([[True], word[:-1]])
        starts: NDArray[np.bool_] = ~(word & ~self.is_marked[ids] & before) & ~self.is_space[ids]
        return starts

    def _sentence_ends(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places just after a sentence's end, closing quotes taken along."""
        closes = self.closes_sentence[ids]
        quoted = np.zeros_like(closes)
        quoted[1:] = closes[:-1] & self.closes_quote[ids[1:]]
        closes[:-1] &= ~quoted[1:]
        newline = np.zeros_like(closes)
        newline[:-1] = self.newline[ids[1:]]
        return np.flatnonzero(closes | quoted | newline) + 1

    def _start(self, ids: NDArray[np.int64], random: np.random.Generator) -> int:
        kind = random.choice(list(START_KINDS), p=list(START_KINDS.values()))
        starts = self._word_starts(ids)
        if kind == "paragraph":
            candidates = np.flatnonzero(self.newline[ids]) + 1
        elif kind == "sentence":
            candidates = self._sentence_ends(ids)
        else:
            candidates = np.flatnonzero(starts)
        for place in candidates:
            while place < len(ids) and (self.newline[ids[place]] or self.is_space[ids[place]]):
                place += 1
            if place < len(ids) and starts[place]:
                return int(place)
        return int(np.argmax(starts)) if starts.any() else 0

    def _end(self, ids: NDArray[np.int64], room: int, random: np.random.Generator, goes_on: bool) -> int:
        kind = random.choice(list(END_KINDS), p=list(END_KINDS.values()))
        longest = min(room, len(ids) - goes_on)
        if kind in ("sentence", "first sentence"):
            ends = self._sentence_ends(ids[: longest + 1])
            ends = ends[ends <= longest]
            if len(ends):
                return int(ends[-1] if kind == "sentence" else ends[0])
        if kind == "anywhere":
            longest = int(random.integers(1, max(longest, 1) + 1))  # nothing at all where only </s> was read
        if longest >= len(ids):
            return longest
        ends = np.flatnonzero(self._word_starts(ids)[1:]) + 1  # never cut a word in two
        before, beyond = ends[ends <= longest], ends[(ends > longest) & (ends <= room)]
        if len(before):
            return int(before[-1])
        return int(beyond[0]) if len(beyond) else 0


class Batches:
    """Batch after batch of one corpus; `state_dict` says where it stands."""

    def __init__(
        self,
        tokens: TokenShards,
        tokenizer: Tokenizer,
        *,
        rows: int,
        bptt_steps: int,
        fragment_share: float,
        seed: int,
        start: int = 0,
        stop: int | None = None,
        twins: TokenShards | None = None,
        twin_share: float = 0.0,
    ) -> None:
        """Streams run over tokens [start, stop), and fragments are cut out of them.

        Raises CorpusError when that is shorter than one token a stream.
        """
        self.tokens, self.bptt_steps, self.seed = tokens, bptt_steps, seed
        self.begin_id, self.end_id = tokenizer.begin_id, tokenizer.end_id
        self.cutter = FragmentCutter(tokens, tokenizer, bptt_steps, start, stop)
        self.n_fragments = round(rows * fragment_share)
        self.twins = twins
        self.n_twins = min(round(rows * twin_share), rows - self.n_fragments) if twins is not None else 0
        self.n_streams = n_streams = rows - self.n_fragments - self.n_twins
        stop = len(tokens) if stop is None else stop
        if stop - start < n_streams:
            raise CorpusError(f"{stop - start} tokens are too few for {n_streams} streams. {TOO_SHORT}")
        bounds = np.linspace(start, stop, n_streams + 1).astype(np.int64)
        self.first, self.last = bounds[:-1], bounds[1:]  # each stream's part of the corpus
        offsets = np.random.default_rng([seed, 1]).random(n_streams)
        self.position = self.first + (offsets * (self.last - self.first)).astype(np.int64)
        self.carries = np.zeros(n_streams, dtype=bool)
        self.n_batches = 0
        self.windows: list[int] = []
        """Where in the corpus each stream's window of the latest batch begins."""

    def next(self) -> Batch:
        """The next batch."""
        random = np.random.default_rng([self.seed, 2, self.n_batches])
        rows, fresh, ended = [], [], []
        self.windows = self.position.tolist()
        for stream in range(len(self.position)):
            ids, is_fresh, is_ended = self._window(stream)
            rows.append(ids)
            fresh.append(is_fresh)
            ended.append(is_ended)
        for _ in range(self.n_fragments):
            rows.append(self.cutter.cut(random))
            fresh.append(True)
            ended.append(True)
        for row in self._twins(random):
            rows.append(row)
            fresh.append(True)
            ended.append(bool(row[-1] == self.end_id))
        self.n_batches += 1
        return collate(rows, fresh, ended)

    def _twins(self, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Documents with a twin, whole where the window holds them: of an even number one, and then the next."""
        for number in range(self.n_twins):
            assert self.twins is not None
            starts = self.twins.document_starts
            if number % 2 == 0:
                first = 2 * int(random.integers((len(starts) + 1) // 2))
            start = int(starts[min(first + number % 2, len(starts) - 1)])
            yield self.twins.read(start, min(self.twins.document_end(start), start + self.bptt_steps))

    def _window(self, stream: int) -> tuple[NDArray[np.int64], bool, bool]:
        """The next window of one stream, which then stands after it."""
        position = int(self.position[stream])
        fresh = not self.carries[stream]
        end = min(self.tokens.document_end(position), int(self.last[stream]))
        ids = self.tokens.read(position, min(position + self.bptt_steps, end))
        if fresh and ids[0] != self.begin_id:  # a stream that starts inside a document
            ids = np.concatenate([[self.begin_id], ids[: self.bptt_steps - 1]])
            position -= 1
        position += len(ids)
        ended = bool(ids[-1] == self.end_id)
        if position >= self.last[stream]:
            position, self.carries[stream] = int(self.first[stream]), False
        else:
            self.carries[stream] = not ended
        self.position[stream] = position
        return ids, fresh, ended

    def state_dict(self) -> dict[str, Any]:
        """Where the streams stand."""
        return {
            "position": self.position.tolist(),
            "carries": self.carries.tolist(),
            "n_batches": self.n_batches,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stands where `state` says."""
        self.position = np.asarray(state["position"], dtype=np.int64)
        self.carries = np.asarray(state["carries"], dtype=bool)
        self.n_batches = int(state["n_batches"])


def collate(rows: list[NDArray[np.int64]], fresh: list[bool], ended: list[bool]) -> Batch:
    """Rows of different lengths as one batch, padded with 0 at the end."""
    lengths = np.array([len(row) for row in rows])
    ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    return Batch(ids, lengths, np.array(fresh), np.array(ended))
