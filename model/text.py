"""The one normaliser of texts, versioned, with its map of offsets; and the segments that no piece crosses.

Training and serving read the same normalised text; answers speak of the text as it was sent, so every span can be
mapped back. Knows no tokenizer, no blanks and no limits on length.

Version 1, in this order (quadratic in nothing, whatever the text):
1. `\\r\\n`, `\\r`, NEL and the line and paragraph separators become `\\n`; tabs, vertical tabs, form feeds and every
   Unicode space become a plain space; zero-width spaces, word joiners, soft hyphens and marks of writing direction
   vanish; curly, low and angle quotes and primes become `'` and `"`; special hyphens become `-`, dashes become the em
   dash; the ellipsis becomes three full stops.
2. Unicode NFC. Ligatures and other compatibility characters stay as they are.
3. Two or more hyphens or dashes in a row become one em dash; a run of spaces becomes one space, a run of spaces with
   one newline a newline, with more of them two newlines. Spaces and newlines at both ends vanish.

Underscores, letters, digits and control characters are never touched. Normalising twice changes nothing more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import regex

NORMALISER_VERSION = 1

_REPLACEMENTS = {
    "\n": "\r\x85\u2028\u2029",
    " ": "\t\v\f\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "'": "\u2018\u2019\u201a\u201b\u2032",
    '"': "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033",
    "-": "\u2010\u2011\u2012",
    "\u2014": "\u2013\u2015\u2e3a\u2e3b",
    "...": "\u2026",
    "": "\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
}
WHITESPACE = " \n" + _REPLACEMENTS[" "] + _REPLACEMENTS["\n"]
"""Every character that is read as a space or a newline."""
VANISHING = _REPLACEMENTS[""]
"""Every character that is read as nothing."""
_NEW = {old: new for new, characters in _REPLACEMENTS.items() for old in characters}
_REPLACED = re.compile("\r\n|[" + "".join(_NEW) + "]")
_RUN = re.compile("[ \n]{2,}|[-\u2014]{2,}")
_LONG_MARKS = regex.compile(r"\p{M}{31,}")
_SEGMENT = regex.compile(r" ?[\p{L}\p{N}\p{M}]++| ?[^ \n]|\n++| ")
_WORD_CHARACTER = regex.compile(r"[\p{L}\p{N}\p{M}]")

_Spans = np.ndarray  # integers, one for each code point of a text


@dataclass(frozen=True, eq=False)
class NormalisedText:
    """A normalised text and where each of its code points came from."""

    text: str
    source: str  # the text as it was sent
    _starts: _Spans | None = None  # (len(text),) first code point of the source; None: nothing changed
    _ends: _Spans | None = None  # (len(text),) end in the source, exclusive

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the source, in code points, that became text[start:end].

        Characters that were composed, collapsed or expanded together map to all they came from. An empty span maps to
        the place in the source where the code point at `start` begins, at the end of the text to where the last ends.
        Raises IndexError unless 0 <= start <= end <= len(text).
        """
        if not 0 <= start <= end <= len(self.text):
            raise IndexError(f"span {start}:{end} is outside the text of {len(self.text)} code points")
        if self._starts is None or self._ends is None:
            return start, end
        if start < end:
            return int(self._starts[start]), int(self._ends[end - 1])
        if start < len(self.text):
            place = int(self._starts[start])
        else:
            place = int(self._ends[-1]) if self.text else 0
        return place, place


def normalised(source: str) -> str:
    """The normalised text alone: what `normalise` gives, without the map, several times as fast."""
    text = source.replace("\r\n", "\n")
    for old, new in _NEW.items():  # no new text holds an old one; far quicker than str.translate
        if old in text:
            text = text.replace(old, new)
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", _LONG_MARKS.sub(lambda match: _in_canonical_order(match[0]), text))
    return _RUN.sub(lambda match: _collapsed(match[0]), text).strip(" \n")


def normalise(source: str) -> NormalisedText:
    """The normalised text with the map from its code points to those of `source`. Takes time linear in its length."""
    edited = _Edited(source)
    edited.replace(_REPLACED, lambda found: "\n" if found == "\r\n" else _NEW[found])
    if not unicodedata.is_normalized("NFC", edited.text):
        edited.replace(_clusters(), _composed)
    edited.replace(_RUN, _collapsed)
    return edited.stripped()


def segments(text: str) -> Iterator[tuple[int, int]]:
    """The spans, in code points, that cover a normalised text; no piece of any tokenizer crosses their edges.

    A segment is a run of letters, digits and combining marks, or one other character, either with the one space before
    it; or a run of newlines; or a space that stands before none of these.
    """
    return (match.span() for match in _SEGMENT.finditer(text))


def segment_texts(text: str) -> list[str]:
    """The texts of `segments(text)`, as fast as they can be had."""
    found: list[str] = _SEGMENT.findall(text)
    return found


def is_word_character(character: str) -> bool:
    """Whether one character is a letter, a number or a combining mark (Unicode categories L, N, M)."""
    return _WORD_CHARACTER.fullmatch(character) is not None


class _Edited:
    """A text under edit, with the span of the source behind each of its code points."""

    def __init__(self, source: str) -> None:
        self.source = self.text = source
        self.starts: _Spans | None = None
        self.ends: _Spans | None = None

    def replace(self, pattern: re.Pattern[str], new: Callable[[str], str]) -> None:
        """Replaces each match by new(match); all code points of the replacement stand for the whole match."""
        parts: list[str] = []
        old_starts: list[int] = [0]  # of kept stretches and edits in turn: kept, edit, kept, ..., kept
        old_ends: list[int] = []
        lengths: list[int] = []  # in the new text
        kept_from = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            found = self.text[start:end]
            replacement = new(found)
            if replacement == found:
                continue
            parts += (self.text[kept_from:start], replacement)
            old_starts += (start, end)
            old_ends += (start, end)
            lengths += (start - kept_from, len(replacement))
            kept_from = end
        if not parts:
            return
        old_ends.append(len(self.text))
        lengths.append(len(self.text) - kept_from)
        self.text = "".join([*parts, self.text[kept_from:]])

        length = np.array(lengths)
        is_edit = np.repeat(np.arange(len(length)) % 2 == 1, length)
        within = np.arange(len(self.text)) - np.repeat(np.cumsum(length) - length, length)
        first = np.repeat(np.array(old_starts), length) + np.where(is_edit, 0, within)  # index into the old text
        last = np.where(is_edit, np.repeat(np.array(old_ends), length) - 1, first)
        self.starts = first if self.starts is None else self.starts[first]
        self.ends = last + 1 if self.ends is None else self.ends[last]

    def stripped(self) -> NormalisedText:
        start = len(self.text) - len(self.text.lstrip(" \n"))
        end = max(start, len(self.text.rstrip(" \n")))
        if self.starts is None or self.ends is None:
            if (start, end) == (0, len(self.text)):
                return NormalisedText(self.text, self.source)
            self.starts = np.arange(len(self.text))
            self.ends = self.starts + 1
        return NormalisedText(self.text[start:end], self.source, self.starts[start:end], self.ends[start:end])


def _collapsed(run: str) -> str:
    """What a run of dashes, or of spaces and newlines, becomes."""
    if run[0] not in " \n":
        return "\u2014"
    return "\n\n"[: run.count("\n")] or " "


def _composed(cluster: str) -> str:
    return unicodedata.normalize("NFC", _in_canonical_order(cluster) if len(cluster) > 31 else cluster)


def _in_canonical_order(marks: str) -> str:
    """The same characters decomposed, marks in canonical order.

    Python's own ordering is quadratic in the number of marks on one letter, which a hostile text can make large; it
    is linear in marks that are in order already.
    """
    decomposed = "".join(unicodedata.normalize("NFD", character) for character in marks)
    ordered: list[str] = []
    run: list[str] = []
    for character in decomposed:
        if unicodedata.combining(character):
            run.append(character)
            continue
        ordered += sorted(run, key=unicodedata.combining)
        ordered.append(character)
        run = []
    return "".join(ordered + sorted(run, key=unicodedata.combining))


@cache
def _clusters() -> re.Pattern[str]:
    """Matches every stretch that NFC could change on its own: a character and all that may combine with it.

    Read from Python's own Unicode tables, so that it agrees with its NFC; built once, for the first text that needs it.
    """
    planes = [chr(code) for code in range(0xA0, 0x20000)]  # nothing beyond combines; tested
    seconds = {unicodedata.normalize("NFD", c)[1:] for c in planes if unicodedata.decomposition(c)[:1] not in ("", "<")}
    seconds |= {chr(code) for code in range(0x1160, 0x1200)}  # the vowels and finals of Hangul
    joining = [c for c in planes if _joins(unicodedata.normalize("NFD", c)[0], seconds)]
    inside = "".join(map(re.escape, joining))
    alone = "".join(c for c in planes if unicodedata.normalize("NFC", c) != c and c not in set(joining))
    return re.compile(f"(?s:.)?[{inside}]+|[{alone}\U0002f800-\U0002fa1d]")


def _joins(character: str, seconds: set[str]) -> bool:
    return unicodedata.combining(character) != 0 or character in seconds
