"""Text to ids and back to characters: subword, word and character kinds, over one SentencePiece model.

Every segment of a text (see model/text.py) is encoded by itself, so no piece crosses the edge of a word and context
never changes the pieces of a word. In the subword and the word kind the space before a segment becomes the mark `▁` of
its first piece; the start of the text and of each line counts as a space. In the character kind every character is a
piece, the space is the piece `▁`, and nothing is added.

Ids 0 to 3 are padding, the unknown piece, `<s>` and `</s>`; no text is encoded as 0, 2 or 3. Whatever the vocabulary
does not know, control characters, lone surrogates and a literal `▁` are unknown: one piece for each such character, in
the word kind one for the whole segment. Knows no normalisation and adds no `<s>` or `</s>`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import regex
import sentencepiece

from model.errors import BundleContentError
from model.text import segment_texts, segments

KINDS = ("subword", "word", "character")
MARK = "\u2581"  # stands for the space before a segment
PAD_ID, UNKNOWN_ID, BEGIN_ID, END_ID = 0, 1, 2, 3

_CACHED_SEGMENTS = 65_536  # then the cache starts afresh: 40 MB at most, in ordinary text about 15
_CACHED_LENGTH = 32  # code points; longer segments are rare and not kept
_LINE_START = regex.compile(r"(?<=\n)(?=[^ \n])")
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+")


@dataclass(frozen=True)
class Encoding:
    """The pieces of one text, in order; three lists of one length."""

    ids: list[int]
    starts: list[int]  # code point of the text where the piece begins, without the space that its mark stands for
    ends: list[int]  # exclusive; a mark alone covers the space it stands for, and nothing at the start of a line

    def __len__(self) -> int:
        return len(self.ids)


class Tokenizer:
    """A vocabulary of V pieces and the rule that cuts a normalised text into them. Made by `Tokenizer.load`.

    `pieces`: (V,) with the mark. `is_word`: bool (V,), the piece without its mark is letters, digits and combining
    marks. `is_marked`: bool (V,), it starts with the mark; False throughout for characters. `continues`: bool (V,), it
    goes on with a word that the piece before is part of. `serialized`: the bytes that `load` takes. Safe to use from
    several threads.
    """

    pad_id, unknown_id, begin_id, end_id = PAD_ID, UNKNOWN_ID, BEGIN_ID, END_ID

    def __init__(self, processor: sentencepiece.SentencePieceProcessor, serialized: bytes, kind: str) -> None:
        self.kind = kind
        self.serialized = serialized
        self.vocabulary_size = len(processor)
        self.pieces: tuple[str, ...] = tuple(processor.id_to_piece(list(range(self.vocabulary_size))))
        is_text = [not (processor.is_control(i) or processor.is_unused(i)) for i in range(self.vocabulary_size)]
        is_text[: END_ID + 1] = [False] * (END_ID + 1)

        self._processor = processor
        self._ids = {piece: i for i, piece in enumerate(self.pieces) if is_text[i]}
        self._characters = {piece: i for piece, i in self._ids.items() if len(piece) == 1 and piece != MARK}
        if MARK in self._ids:
            self._characters[" "] = self._ids[MARK]
        self._newline_id = self._ids["\n"]
        self._lengths = [len(piece) for piece in self.pieces]
        self._lengths[UNKNOWN_ID] = 1
        self._mark_lengths = [int(piece.startswith(MARK) and len(piece) > 1) for piece in self.pieces]
        self._cache = _SegmentCache(self)

        words = [_WORD.fullmatch(piece.removeprefix(MARK)) is not None for piece in self.pieces]
        marked = [kind != "character" and piece.startswith(MARK) for piece in self.pieces]
        self.is_word: npt.NDArray[np.bool_] = np.array(words) & is_text
        self.is_marked: npt.NDArray[np.bool_] = np.array(marked) & is_text
        self.continues: npt.NDArray[np.bool_] = self.is_word & ~self.is_marked

    @classmethod
    def load(cls, model: bytes | str | Path, kind: str) -> Tokenizer:
        """The tokenizer in a SentencePiece file, or in its bytes.

        Raises BundleContentError for a kind that does not exist, for a file that cannot be read, and for bytes that are
        no SentencePiece model or one that was fitted otherwise than training/fit_tokenizer.py does.
        """
        if kind not in KINDS:
            raise BundleContentError(f"tokenizer kind {kind!r} does not exist; expected one of {', '.join(KINDS)}.")
        processor = sentencepiece.SentencePieceProcessor()
        try:
            serialized = model if isinstance(model, bytes) else Path(model).read_bytes()
            processor.load_from_serialized_proto(serialized)
            _check(processor)
            return cls(processor, serialized, kind)
        except (RuntimeError, ValueError, IndexError, OSError) as error:
            reason = (
                f"its bytes are no SentencePiece model ({error})" if isinstance(error, RuntimeError) else str(error)
            )
            raise BundleContentError(
                f"the tokenizer cannot be used: {reason}. Copy tokenizer.model from its bundle again, or train again."
            ) from error

    def encode(self, text: str) -> Encoding:
        """The pieces of a normalised text with their spans in code points of it."""
        if self.kind == "character":
            return Encoding(self.encode_ids(text), list(range(len(text))), list(range(1, len(text) + 1)))
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        for start, end in segments(text):
            segment, place = text[start:end], start
            if (start == 0 or text[start - 1] == "\n") and segment[0] not in " \n":
                segment, place = " " + segment, start - 1  # the space that counts but is not there
            found = self._cache[segment]
            ids += found
            if self.kind == "word" and segment[0] != "\n":
                starts.append(place + 1 if segment[0] == " " and len(segment) > 1 else place)
                ends.append(end)
                continue
            for i in found:
                starts.append(max(place + self._mark_lengths[i], start))
                place += self._lengths[i]
                ends.append(place)
        return Encoding(ids, starts, ends)

    def encode_ids(self, text: str) -> list[int]:
        """The ids of `encode(text)`, as fast as they can be had."""
        if self.kind == "character":
            id_of = self._characters
            return [id_of.get(character, UNKNOWN_ID) for character in text]
        ids: list[int] = []
        cache = self._cache
        for segment in marked_segments(text):
            ids += cache[segment]
        return ids

    def encode_segment(self, segment: str) -> list[int]:
        """The ids of one segment as it stands: marked only where it begins with a space. Not cached."""
        if segment[:1] == "\n":
            return [self._newline_id] * len(segment)
        if self.kind == "word":
            piece = "" if MARK in segment else segment.replace(" ", MARK)
            return [self._ids.get(piece, UNKNOWN_ID)]
        if self.kind == "character":
            return self.encode_ids(segment)
        ids: list[int] = []
        known_from = 0
        for place, character in enumerate(segment):
            if character not in self._characters:  # SentencePiece would join neighbouring unknown characters
                ids += self._encode_known(segment[known_from:place])
                ids.append(UNKNOWN_ID)
                known_from = place + 1
        return ids + self._encode_known(segment[known_from:])

    def is_inner(self, ids: Sequence[int] | npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """bool (..., n) for ids (..., n): the piece continues the word that the piece before it is part of."""
        sequence = np.asarray(ids, dtype=np.int64)
        inner = np.zeros(sequence.shape, dtype=bool)
        inner[..., 1:] = self.continues[sequence[..., 1:]] & self.is_word[sequence[..., :-1]]
        return inner

    def whole_words(self, marked: bool) -> npt.NDArray[np.int64]:
        """Ids of the pieces that are a whole word by themselves, after a space (marked) or after anything else.

        In the subword kind a piece without the mark counts only where the vocabulary also has it with the mark: the
        others are mostly endings such as `ing`. In the character kind these are the letters and digits, either way.
        """
        if self.kind == "character":
            return np.flatnonzero(self.is_word)
        ids = np.flatnonzero(self.is_word & (self.is_marked == marked))
        if self.kind == "subword" and not marked:
            return np.array([i for i in ids if MARK + self.pieces[i] in self._ids], dtype=np.int64)
        return ids

    def _encode_known(self, characters: str) -> list[int]:
        """The ids of characters that are all in the vocabulary, none of them a newline or a mark."""
        if not characters:
            return []
        pieces = self._processor.encode(characters, out_type=str)
        ids = [self._ids.get(piece, UNKNOWN_ID) for piece in pieces]
        if UNKNOWN_ID in ids or sum(map(len, pieces)) != len(characters):  # only in a model that contradicts itself
            return [self._characters.get(character, UNKNOWN_ID) for character in characters]
        return ids


class _SegmentCache(dict[str, list[int]]):
    """Segment -> ids, bounded. Its lists are shared: never change one."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, segment: str) -> list[int]:
        ids = self._tokenizer.encode_segment(segment)
        if len(segment) <= _CACHED_LENGTH:
            if len(self) >= _CACHED_SEGMENTS:
                self.clear()
            self[segment] = ids
        return ids


def marked_segments(text: str) -> list[str]:
    """The segments of a normalised text, the start of it and of each line given the space that it counts as.

    The units that the subword and word kinds are fitted to and encode. A newline run is a segment of its own.
    """
    if "\n" in text:
        text = _LINE_START.sub(" ", text)
    if text[:1] not in ("", " ", "\n"):
        text = " " + text
    return segment_texts(text)


def _check(processor: sentencepiece.SentencePieceProcessor) -> None:
    """Raises ValueError, with the reason, unless the model obeys the rules at the top of this module."""
    n_pieces = len(processor)
    if n_pieces <= END_ID:
        raise ValueError(f"it has {n_pieces} pieces; expected more than {END_ID + 1}")
    pad, unknown, begin, end = processor.id_to_piece([PAD_ID, UNKNOWN_ID, BEGIN_ID, END_ID])
    if not processor.is_control(PAD_ID) or not processor.is_unknown(UNKNOWN_ID):
        raise ValueError(f"pieces 0 and 1 should be padding and the unknown piece, got {pad!r} and {unknown!r}")
    if (begin, end) != ("<s>", "</s>") or not (processor.is_control(BEGIN_ID) and processor.is_control(END_ID)):
        raise ValueError(f"pieces 2 and 3 should be the control pieces '<s>' and '</s>', got {begin!r} and {end!r}")
    newline_id = processor.piece_to_id("\n")
    if newline_id <= END_ID or processor.is_control(newline_id) or processor.is_unused(newline_id):
        raise ValueError("it has no piece for the newline")
    if any(processor.is_byte(i) for i in range(n_pieces)):
        raise ValueError("it has byte pieces, which do not stand for characters")
    if not all(math.isfinite(processor.get_score(i)) for i in range(n_pieces)):
        raise ValueError("the score of a piece is not finite")
    probe, expected = "  \uff21\ufb01 ", f"{MARK}{MARK}\uff21\ufb01{MARK}"
    if (got := processor.normalize(probe)) != expected:
        raise ValueError(f"it changes texts by itself ({probe!r} became {got!r}, expected {expected!r})")
