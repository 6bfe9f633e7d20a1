"""Where in a stream of piece ids a pronoun could have been its counterpart, and the two pieces that decide it.

The trainer's contrast at pronouns reads from here. Knows ids, not texts; fast enough to run on every batch.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.tokenizer import MARK, Tokenizer
from training.pronouns import Following, Pairs, PronounPair

logger = logging.getLogger(__name__)

Ids = NDArray[np.integer[Any]]
Places = NDArray[np.int64]


class Contrasts(NamedTuple):
    """The pronouns found in one stream, in its order; each array has shape (n_found,) unless it says so."""

    positions: Places
    """Index into the stream of the first piece at which the form and its counterpart differ."""
    right_ids: Places
    """The piece that stands there."""
    wrong_ids: Places
    """The piece that the counterpart would have there."""
    pair_index: Places
    """Index into `Pairs.pairs`."""
    answer_index: Places
    """0 where the pair's first form stands there, 1 where its second."""
    rival_ids: Places
    """(n_found, R) the pieces that the pair's rivals would have there; -1 where there is none."""


@dataclass(frozen=True)
class _Spelling:
    """One written form of a pronoun as pieces, e.g. `▁she`, `she`, `▁She` or `She`."""

    ids: tuple[int, ...]
    offset: int  # of the first piece that differs from the counterpart's
    wrong_id: int
    pair_index: int
    answer_index: int
    is_marked: bool  # carries its own word start
    rival_ids: tuple[int, ...] = ()  # pieces of the rivals at the same offset, behind the same pieces


_NOTHING = _Spelling((), 0, 0, 0, 0, False)


class ContrastTable:
    """The contrasts of some pairs in the pieces of one tokenizer.

    A spelling whose pieces open those of its counterpart (or the other way round), or that the tokenizer does not know,
    has no deciding piece: it is left out, and the log says so.
    """

    def __init__(self, pairs: Pairs, tokenizer: Tokenizer) -> None:
        self.pairs, self.tokenizer = pairs, tokenizer
        self._spellings: dict[int, list[_Spelling]] = {}  # by first piece
        for index, pair in enumerate(pairs.pairs):
            for spelling in self._spellings_of(pair, index):
                self._spellings.setdefault(spelling.ids[0], []).append(spelling)
        self._n_rivals = max(len(s.rival_ids) for found in [*self._spellings.values(), [_NOTHING]] for s in found)
        self._may_open = np.zeros(tokenizer.vocabulary_size, dtype=bool)
        self._may_open[list(self._spellings)] = True
        # (V,) the unknown piece may be a letter that touches; of a word tokenizer it is always a whole segment.
        self._unsure = (np.arange(tokenizer.vocabulary_size) == tokenizer.unknown_id) & (tokenizer.kind != "word")
        self._texts = [_text(piece, number) for number, piece in enumerate(tokenizer.pieces)]
        self._following: dict[bytes, Following] = {}

    def __len__(self) -> int:
        """Number of spellings that are looked for."""
        return sum(len(spellings) for spellings in self._spellings.values())

    def find(self, ids: Ids) -> Contrasts:
        """The contrasts in a stream. ids: (n_tokens,), any integer type.

        Whole words only. A word needs a piece after it to be known as whole, and what tells two pairs apart must be
        whole too, so the last word or two before a cut (the stream's end, or padding) are not counted; nor is a first
        piece without a word-start mark.
        """
        ids = np.asarray(ids, dtype=np.int64)
        candidates = np.flatnonzero(self._may_open[ids])
        firsts = ids[candidates]
        found: list[tuple[Places, _Spelling]] = []
        for first, spellings in self._spellings.items():
            starts = candidates[firsts == first]
            for spelling in spellings:
                places = self._whole_words(ids, starts, spelling)
                if len(places):
                    found.append((places, spelling))
        if not found:
            empty = np.zeros(0, dtype=np.int64)
            return Contrasts(empty, empty, empty, empty, empty, np.zeros((0, self._n_rivals), dtype=np.int64))
        counts = [len(places) for places, _ in found]
        positions = np.concatenate([places + spelling.offset for places, spelling in found])
        # A spelling split as ▁|she holds the unmarked one: the same place, counted once.
        positions, order = np.unique(positions, return_index=True)
        rows = [(s.ids[s.offset], s.wrong_id, s.pair_index, s.answer_index) for _, s in found]
        columns = np.repeat(np.array(rows, dtype=np.int64), counts, axis=0)[order].T
        padded = [[*s.rival_ids, *[-1] * (self._n_rivals - len(s.rival_ids))] for _, s in found]
        rivals = np.array(padded, dtype=np.int64).reshape(len(found), self._n_rivals)
        right, wrong, pair, answer = columns
        return Contrasts(positions, right, wrong, pair, answer, rivals.repeat(counts, axis=0)[order])

    def opening_pieces(self) -> tuple[int, int] | None:
        """What tells the default pair's forms apart where a word starts; None where they begin with the same piece."""
        unknown = self.tokenizer.unknown_id
        first, second = (
            next((piece for piece in self._pieces(form, marked=True) if self.tokenizer.is_word[piece]), unknown)
            for form in self.pairs.default.forms
        )
        return None if first == second or unknown in (first, second) else (first, second)

    def _whole_words(self, ids: Ids, starts: Places, spelling: _Spelling) -> Places:
        """Those of `starts` where the spelling stands as a word of its own, in its pair's surroundings."""
        length = len(spelling.ids)
        starts = starts[starts + length < len(ids)]
        for offset in range(1, length):
            starts = starts[ids[starts + offset] == spelling.ids[offset]]
        starts = starts[~(self.tokenizer.continues | self._unsure)[ids[starts + length]]]
        if not spelling.is_marked:
            starts = starts[starts > 0]
            starts = starts[~(self.tokenizer.is_word | self._unsure)[ids[starts - 1]]]
        before = self.pairs.pairs[spelling.pair_index].before
        if before is None or not len(starts):
            return starts
        return starts[[self._follows(ids, int(start) + length) == before for start in starts]]

    def _follows(self, ids: Ids, start: int) -> Following | None:
        """What stands at `start`, by the rule of the pairs; None where the stream ends before that is certain."""
        stop = start + 1
        if self._texts[ids[start]] == " " and stop < len(ids):
            stop += 1  # the space of a character tokenizer is a piece of its own
        while stop < len(ids) and self.tokenizer.continues[ids[stop]] and self.tokenizer.is_word[ids[stop - 1]]:
            stop += 1
        cut = stop >= len(ids) or ids[stop] == self.tokenizer.pad_id
        if ids[start] == self.tokenizer.pad_id or (cut and self.tokenizer.is_word[ids[stop - 1]]):
            return None
        key = ids[start:stop].tobytes()
        following = self._following.get(key)
        if following is None:
            following = self.pairs.following("".join(self._texts[piece] for piece in ids[start:stop]))
            self._following[key] = following
        return following

    def _spellings_of(self, pair: PronounPair, index: int) -> list[_Spelling]:
        spellings: dict[tuple[int, ...], _Spelling] = {}
        for form in pair.forms:
            other = pair.other(form)
            for written, counterpart in ((form, other), (form.capitalize(), other.capitalize())):
                for marked in (True, False):
                    ids, others = self._pieces(written, marked), self._pieces(counterpart, marked)
                    offset = next((k for k, (a, b) in enumerate(zip(ids, others, strict=False)) if a != b), None)
                    if offset is None or self.tokenizer.unknown_id in (*ids, *others):
                        reason = "unknown to the tokenizer" if offset is not None else "not decided by one piece"
                        logger.warning("the contrast %s/%s is left out: %s", written, counterpart, reason)
                        continue
                    is_marked = bool(self.tokenizer.is_marked[ids[0]])
                    rivals = self._rivals(pair, ids, offset, marked, capital=written != form)
                    answer = pair.forms.index(form)
                    spellings.setdefault(ids, _Spelling(ids, offset, others[offset], index, answer, is_marked, rivals))
        return list(spellings.values())

    def _rivals(
        self, pair: PronounPair, ids: tuple[int, ...], offset: int, marked: bool, capital: bool
    ) -> tuple[int, ...]:
        """The pieces of the pair's rivals that are known and differ from `ids` first at `offset`."""
        found = []
        for rival in pair.rivals:
            others = self._pieces(rival.capitalize() if capital else rival, marked)
            differs = len(others) > offset and others[:offset] == ids[:offset] and others[offset] != ids[offset]
            if differs and self.tokenizer.unknown_id not in others:
                found.append(others[offset])
        return tuple(dict.fromkeys(found))

    def _pieces(self, word: str, marked: bool) -> tuple[int, ...]:
        """The word's pieces after a space, or after a quote that it touches."""
        encode = self.tokenizer.encode_ids
        return tuple(encode(word)) if marked else tuple(encode(f'"{word}')[len(encode('"')) :])


def _text(piece: str, number: int) -> str:
    """What a piece says, its mark as a space. The ends of a text are line ends; an unknown piece tells nothing."""
    if number == Tokenizer.unknown_id:
        return " \ufffd"
    return "\n" if number <= Tokenizer.end_id else piece.replace(MARK, " ")
