"""Which places of a batch are asked, from which states, and for what.

A *place* p of a row is asked with the forward state after the token before it; with both sides also with the
backward state after reading down to the end of the whole word that p belongs to: every piece of a word sees the
backward state from after that word, as the cloze does when it is asked (model/cloze.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.tokenizer import Tokenizer
from training.batches import Batch
from training.contrasts import ContrastTable

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """N places: `row`, `time` (the place), `after` (the first token after its word; the row's length at a real end)."""

    row: Indices
    time: Indices
    after: Indices

    def __len__(self) -> int:
        return len(self.row)

    def of_rows(self, rows: Indices) -> tuple[Places, NDArray[np.bool_]]:
        """The places of these rows, numbered anew, and (N,) which of all places they are."""
        which = np.isin(self.row, rows)
        return Places(np.searchsorted(rows, self.row[which]), self.time[which], self.after[which]), which


@dataclass(frozen=True)
class Asked:
    """What the objective asks of one batch."""

    left: Places
    """Language model, forward half: the next piece given everything before it."""
    left_target: Indices
    """(N,) the piece that stands there."""
    both: Places
    """The piece of a blanked word given both sides; and, where `both_target` is -1, that the word ends here."""
    both_target: Indices
    """(N,) the piece, or -1: any piece that does not continue the word."""
    contrast: Places
    """The first piece where the right pronoun and its counterpart differ."""
    contrast_right: Indices
    contrast_wrong: Indices
    contrast_pair: Indices
    """(N,) index of the pair."""
    contrast_answer: Indices
    """(N,) 0 where the pair's first form is right, 1 where its second."""
    contrast_rivals: Indices
    """(N, R) pieces that the right one is told from as well; -1 where there is none."""
    contrast_seen: NDArray[np.bool_]
    """(N,) whether enough follows for the contrast with both sides to be counted."""

    @property
    def counts(self) -> dict[str, int]:
        """How many places each term of the loss is the mean of."""
        n_seen = int(self.contrast_seen.sum())
        return {
            "left": len(self.left),
            "both": len(self.both),
            "contrast_left": len(self.contrast),
            "contrast_both": n_seen,
            "right_left": len(self.contrast),
            "right_both": n_seen,
        }

    def of_rows(self, rows: Indices) -> Asked:
        """What is asked of these rows alone; `rows` rise."""
        left, in_left = self.left.of_rows(rows)
        both, in_both = self.both.of_rows(rows)
        contrast, in_contrast = self.contrast.of_rows(rows)
        return Asked(
            left,
            self.left_target[in_left],
            both,
            self.both_target[in_both],
            contrast,
            self.contrast_right[in_contrast],
            self.contrast_wrong[in_contrast],
            self.contrast_pair[in_contrast],
            self.contrast_answer[in_contrast],
            self.contrast_rivals[in_contrast],
            self.contrast_seen[in_contrast],
        )


class PlaceFinder:
    """Finds the places of a batch; `least_right_context` tokens must follow where a window ends before its text."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        contrasts: ContrastTable,
        *,
        bidirectional: bool,
        least_right_context: int,
        language_model_share: float,
    ) -> None:
        self.tokenizer = tokenizer
        self.every_word_ends = tokenizer.kind == "character"
        self.contrasts = contrasts
        self.bidirectional = bidirectional
        self.least_right_context = least_right_context
        self.language_model_share = language_model_share

    def find(self, batch: Batch, random: np.random.Generator) -> Asked:
        """The places asked of `batch`: every pronoun, and a random share of the others for the language model."""
        n_steps = batch.ids.shape[1]
        times = np.arange(n_steps)
        real = times < batch.lengths[:, None]  # (B, T)
        inner = self.tokenizer.is_inner(batch.ids)
        after = after_words(inner, batch.lengths)
        enough = batch.lengths - np.where(batch.ended, 0, self.least_right_context)
        seen = real & (after <= enough[:, None])  # enough follows for the backward state to know something
        predictable = real & (batch.ids != self.tokenizer.begin_id)
        drawn = random.random(batch.ids.shape) < self.language_model_share

        left = _places(predictable & drawn, after)
        content = predictable & (batch.ids != self.tokenizer.end_id)
        if self.bidirectional:
            both = _places(content & seen & drawn, after)
            both_target = batch.ids[both.row, both.time]
            ends = _places(self._word_ends(batch, inner) & seen & drawn, after)
            # The end of a word is asked at the place after it, with the backward state from that same place.
            ends = Places(ends.row, ends.time, ends.time)
            both = Places(*(np.concatenate(parts) for parts in zip(arrays(both), arrays(ends), strict=True)))
            both_target = np.concatenate([both_target, np.full(len(ends), -1)])
        else:
            both, both_target = _places(np.zeros_like(real), after), np.zeros(0, dtype=np.int64)
        return Asked(left, batch.ids[left.row, left.time], both, both_target, *self._contrast(batch, after, seen))

    def _word_ends(self, batch: Batch, inner: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(B, T) places after a word whose end counts: one of several pieces, or any in a character network."""
        ends = np.zeros_like(inner)
        before = self.tokenizer.is_word[batch.ids] if self.every_word_ends else inner
        ends[:, 1:] = before[:, :-1] & ~inner[:, 1:]
        return ends

    def _contrast(
        self, batch: Batch, after: Indices, seen: NDArray[np.bool_]
    ) -> tuple[Places, Indices, Indices, Indices, Indices, Indices, NDArray[np.bool_]]:
        width = batch.ids.shape[1] + 1
        padded = np.zeros((len(batch.ids), width), dtype=np.int64)  # a padding id ends every row
        padded[:, :-1] = batch.ids
        positions, right, wrong, pair, answer, rivals = self.contrasts.find(padded.ravel())
        row, time = positions // width, positions % width
        # A word at the very end of a window that cuts its text may go on: it is not counted.
        whole = (time > 0) & ((after[row, np.minimum(time, width - 2)] < batch.lengths[row]) | batch.ended[row])
        row, time = row[whole], time[whole]
        places = Places(row, time, after[row, time])
        return places, right[whole], wrong[whole], pair[whole], answer[whole], rivals[whole], seen[row, time]


def after_words(inner: NDArray[np.bool_], lengths: Indices) -> Indices:
    """(B, T) the first place after the word that each place belongs to, at most the row's length.

    `inner`: (B, T) whether a place goes on with the word before it. `lengths`: (B,).
    """
    n_steps = inner.shape[1]
    starts = np.where(inner, n_steps, np.arange(n_steps))  # places where a word, mark or padding starts
    following = np.full(inner.shape, n_steps)
    following[:, :-1] = np.minimum.accumulate(starts[:, :0:-1], axis=1)[:, ::-1]
    return np.asarray(np.minimum(following, lengths[:, None]))


def _places(mask: NDArray[np.bool_], after: Indices) -> Places:
    row, time = np.nonzero(mask)
    return Places(row, time, after[row, time])


def arrays(places: Places) -> tuple[Indices, Indices, Indices]:
    """The columns of some places, to be cut and joined."""
    return places.row, places.time, places.after
