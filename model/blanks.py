"""A text with blanks, cut so that a target can be put in its place and tokenized there.

Knows spellings of a blank, capitals, and which pieces belong to the blanked word; knows nothing of scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from model.errors import BlankError, TargetError
from model.text import NormalisedText, is_word_character, normalise, normalised
from model.tokenizer import MARK, Encoding, Tokenizer

BLANK = regex.compile(r"_{3,}|\[MASK\]|<mask>")
AT_SENTENCE_START = regex.compile(r"""(?r)(?:^|[.!?]["')\]]*\s+)["'(\[]*""")
"""What stands before a blank where a sentence starts: nothing, or .!? with closing quotes; then opening quotes. Matched
backwards from the blank, so that a long text before it costs nothing."""


@dataclass(frozen=True)
class FilledBlank:
    """One way to fill one blank: the pieces of the blanked word, and of what touches it."""

    target: str
    """As asked."""
    filled: str
    """As written into the text."""
    ids: tuple[int, ...]
    """Pieces of the chunk: everything between two spaces that the blank touches."""
    first: int
    """The chunk's first piece that belongs to the blanked word ..."""
    end: int
    """... and the one after its last; what comes between is what the blank is scored on."""
    outside: tuple[tuple[int, int], ...]
    """Spans of the chunk's other pieces in the normalised text."""

    @property
    def word_ids(self) -> tuple[int, ...]:
        """The pieces of the word."""
        return self.ids[self.first : self.end]


class BlankedText:
    """A normalised text with its blanks found: fixed parts and chunks in turn, part chunk part ... chunk part."""

    def __init__(self, source: str, tokenizer: Tokenizer) -> None:
        """Raises BlankError when there is no blank in `source`, or no space between two."""
        self.tokenizer = tokenizer
        self.text: NormalisedText = normalise(source)
        text = self.text.text
        self.blanks: list[tuple[int, int]] = [found.span() for found in BLANK.finditer(text)]
        if not self.blanks:
            raise BlankError("the text has no blank. Mark the place with ___ (or [MASK] or <mask>).")
        self.chunks = self._chunks()
        self.words = [self._with_letters(start, end) for start, end in self.blanks]
        edges = [0, *(edge for chunk in self.chunks for edge in chunk), len(text)]
        self._part_starts = edges[0::2]
        self.parts: list[Encoding] = [
            tokenizer.encode(text[start:end]) for start, end in zip(edges[0::2], edges[1::2], strict=True)
        ]

    def _chunks(self) -> list[tuple[int, int]]:
        """Around each blank the span between spaces or newlines, and the space before: no piece crosses its edges."""
        text, chunks, previous_end = self.text.text, [], 0
        for start, end in self.blanks:
            if start < previous_end:  # refused before more is read: a text of nothing but blanks must not take long
                raise BlankError("two blanks stand with no space between them; put one there, or fill one of them.")
            while start > previous_end and text[start - 1] not in " \n":
                start -= 1
            while end < len(text) and text[end] not in " \n":
                end += 1
            if self.tokenizer.kind != "character" and start > previous_end and text[start - 1] == " ":
                start -= 1
            chunks.append((start, end))
            previous_end = end
        return chunks

    def _with_letters(self, start: int, end: int) -> tuple[int, int]:
        """The span of a blank and the letters that it touches: what is scored, whatever the target."""
        text = self.text.text
        while start > 0 and is_word_character(text[start - 1]):
            start -= 1
        while end < len(text) and is_word_character(text[end]):
            end += 1
        return start, end

    @property
    def n_tokens(self) -> int:
        """Pieces of the text, <s> and </s> counted, each blank with the letters that it touches as one."""
        beside = sum(len(self.fill(blank, "x").outside) for blank in range(len(self.blanks)) if self._has_beside(blank))
        return 2 + sum(map(len, self.parts)) + len(self.blanks) + beside

    def _has_beside(self, blank: int) -> bool:
        """Whether anything stands in the chunk of a blank beside it and the space before."""
        (start, end), (chunk_start, chunk_end) = self.blanks[blank], self.chunks[blank]
        return end < chunk_end or self.text.text[chunk_start:start] not in ("", " ")

    def source_span(self, blank: int) -> tuple[int, int]:
        """Where a blank stands in the text as it was sent, in code points."""
        return self.text.source_span(*self.blanks[blank])

    def fill(self, blank: int, target: str) -> FilledBlank:
        """`target` in the place of a blank: capitalised where a sentence starts, tokenized with what touches it.

        Raises TargetError when nothing is left of it after normalisation.
        """
        text = self.text.text
        start, end = self.blanks[blank]
        word = normalised(target)
        if not word or BLANK.search(word):
            raise TargetError(f"target {target!r:.60} of blank {blank + 1} is no word to put there.")
        if word == word.lower() and AT_SENTENCE_START.match(text, 0, start):
            word = word[0].upper() + word[1:]
        chunk_start, chunk_end = self.chunks[blank]
        encoding = self.tokenizer.encode(text[chunk_start:start] + word + text[end:chunk_end])
        shift = end - start - len(word)  # the blank is longer or shorter than the word
        word_start, word_end = self.words[blank][0] - chunk_start, self.words[blank][1] - chunk_start - shift
        inside = [n for n, (a, b) in enumerate(_spans(encoding)) if word_start < b and a < word_end and a < b]
        first, last = inside[0], inside[-1]
        if self.tokenizer.kind != "character" and first > 0 and self.tokenizer.pieces[encoding.ids[first - 1]] == MARK:
            first -= 1  # a word-start mark that is a piece of its own is the word's
        before_word = [(chunk_start + a, chunk_start + b) for a, b in _spans(encoding)[:first]]
        after_word = [(chunk_start + a + shift, chunk_start + b + shift) for a, b in _spans(encoding)[last + 1 :]]
        return FilledBlank(target, word, tuple(encoding.ids), first, last + 1, (*before_word, *after_word))

    def fill_piece(self, template: FilledBlank, piece: int) -> FilledBlank:
        """One piece in the place of a blank that touches no letters; `template`: that blank filled with anything."""
        word = self.tokenizer.pieces[piece].removeprefix(MARK)
        ids = (*template.ids[: template.first], piece, *template.ids[template.end :])
        return FilledBlank(word, word, ids, template.first, template.first + 1, template.outside)

    def touches_letters(self, blank: int) -> bool:
        """Whether a blank is only a part of a word."""
        return self.words[blank] != self.blanks[blank]

    def marked(self, blank: int) -> bool:
        """Whether a word in the place of a blank carries the word-start mark: a space or the text's start before it."""
        start = self.blanks[blank][0]
        return start == 0 or self.text.text[start - 1] in " \n"

    def unknown_spans(self) -> list[tuple[int, int]]:
        """Places of unknown pieces outside the blanks' words, in code points of the text as sent."""
        fills = [self.fill(blank, "x") for blank in range(len(self.blanks))]
        unknown = self.tokenizer.unknown_id
        return [span for piece, span in self.fixed_pieces(fills) if piece == unknown]

    def fixed_pieces(self, fills: Sequence[FilledBlank]) -> list[tuple[int, tuple[int, int]]]:
        """All pieces outside the blanked words, in order, with their spans in the text as sent; one fill a blank."""
        pieces: list[tuple[int, tuple[int, int]]] = []
        for number, (part, offset) in enumerate(zip(self.parts, self._part_starts, strict=True)):
            pieces += [(piece, (offset + a, offset + b)) for piece, (a, b) in zip(part.ids, _spans(part), strict=True)]
            if number < len(fills):
                fill = fills[number]
                pieces += zip(fill.ids[: fill.first] + fill.ids[fill.end :], fill.outside, strict=True)
        return [(piece, self.text.source_span(*span)) for piece, span in pieces]


def _spans(encoding: Encoding) -> list[tuple[int, int]]:
    return list(zip(encoding.starts, encoding.ends, strict=True))
