"""How a filled text is scored: the terms whose sum is the score of one way to fill the blanks.

The rules, with examples in docs/cloze.md:

    bidirectional   sum over its pieces k of log P(piece k | forward state after the left context and the pieces
                    before k, backward state of what follows the whole blank)
    causal, both    log P(target and all text after it | left), without </s>
    left            log P(target | left), for a causal network or the forward half of a bidirectional one

Where the text after is not itself scored, a target of several pieces, and every target of a character network, also
counts the end of its word: log P(the next piece does not continue the word).
"""

from __future__ import annotations

from collections.abc import Sequence

from model.blanks import BlankedText, FilledBlank
from model.bundle import Bundle
from model.moments import moments_of
from model.rows import Ids
from model.scores import WORD_ENDS, Place, Term


class TermCollector:
    """Turns filled texts into terms, each kept once."""

    def __init__(self, blanked: BlankedText, bundle: Bundle, context: str, with_tokens: bool = False) -> None:
        """`with_tokens`: rows say of which token of the trace each id is (moments.py), as edits and evidence need."""
        self.blanked, self.tokenizer, self.context = blanked, bundle.tokenizer, context
        self.bidirectional = bundle.network.direction == "bidirectional"
        self.with_tokens = with_tokens
        self.terms: dict[Term, int] = {}

    def score(self, fills: Sequence[FilledBlank]) -> tuple[int, ...]:
        """Indices of the terms whose sum is the score of the text filled with `fills`, one a blank."""
        ids, spans = filled_ids(self.blanked, fills)
        row = self._row(ids, spans)
        if not self.bidirectional and self.context == "both":
            first = spans[0][0]
            terms = [Term(Place(row, place, None), ids[place]) for place in range(first, len(ids) - 1)]
            if spans[-1][1] == len(ids) - 1:  # nothing after the last word is scored that would end it
                terms += self._end(ids, row, spans[-1])
            return self._indices(terms)
        return self._indices([term for span in spans for term in self._word(ids, row, span)])

    def place(self, fills: Sequence[FilledBlank], blank: int) -> Place:
        """Where the first piece of a blank's word is asked."""
        ids, spans = filled_ids(self.blanked, fills)
        return self._word(ids, self._row(ids, spans), spans[blank])[0].place

    def _row(self, ids: Ids, spans: Sequence[tuple[int, int]]) -> Ids:
        """What is read of these ids."""
        return moments_of(ids, spans) if self.with_tokens else ids

    def _word(self, ids: Ids, row: Ids, span: tuple[int, int]) -> list[Term]:
        """The pieces of one word, each given the pieces before it and, with both sides, what follows the whole word."""
        first, end = span
        needs_end = end - first > 1 or self.tokenizer.kind == "character"
        left = row[: end if needs_end else first]
        right = self._right(row, end)
        terms = [Term(Place(left, place, right), ids[place]) for place in range(first, end)]
        return terms + (self._end(ids, row, span) if needs_end else [])

    def _end(self, ids: Ids, row: Ids, span: tuple[int, int]) -> list[Term]:
        first, end = span
        if end - first == 1 and self.tokenizer.kind != "character":
            return []
        if not self.tokenizer.is_word[ids[end - 1]]:  # nothing can continue a word after a mark or an unknown piece
            return []
        return [Term(Place(row[:end], end, self._right(row, end)), WORD_ENDS)]

    def _right(self, row: Ids, end: int) -> Ids | None:
        both = self.bidirectional and self.context == "both"
        return row[end:][::-1] if both else None

    def _indices(self, terms: list[Term]) -> tuple[int, ...]:
        return tuple(self.terms.setdefault(term, len(self.terms)) for term in terms)


def filled_ids(blanked: BlankedText, fills: Sequence[FilledBlank]) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    """Ids of a text filled with one candidate a blank, <s> and </s> at its ends; and the span of each blanked word."""
    ids: list[int] = [blanked.tokenizer.begin_id, *blanked.parts[0].ids]
    spans = []
    for fill, part in zip(fills, blanked.parts[1:], strict=True):
        spans.append((len(ids) + fill.first, len(ids) + fill.end))
        ids += fill.ids
        ids += part.ids
    return (*ids, blanked.tokenizer.end_id), spans
