"""Cloze items mined from any text: every pronoun of a pair, blanked, with the text around it; and what was dropped, and
why.

The headline protocol: every lower-case form as a word, up to 400 characters left and 120 right of it within its
paragraph, cut at spaces. Knows texts and pairs; knows no network.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import regex

from training.corpus import Document
from training.errors import EvaluationError
from training.pronouns import Pairs, PronounPair

BLANK = "___"
LEFT_CHARACTERS = 400
RIGHT_CHARACTERS = 120
LOOK_AHEAD_CHARACTERS = 64
"""Enough of what follows for the rule that tells two pairs apart; a longer word is cut, and is no pause word either
way."""
BLANK_IN_TEXT = regex.compile(r"_{3,}|\[MASK\]|<mask>")


@dataclass(frozen=True)
class ClozeItem:
    """One question whose answer the text gives."""

    pair: PronounPair
    answer: str
    """The form that stands in the text."""
    left: str
    right: str
    """The text before and after the blank, as cut."""
    place: str
    """Document and paragraph (from 1), e.g. `test/emma.txt.gz, paragraph 12`."""
    other_gendered: bool
    """Whether another form of any gendered pair stands in `left` or `right`."""

    @property
    def text(self) -> str:
        """The text with its blank."""
        return self.left + BLANK + self.right


@dataclass
class MiningReport:
    """What one mining looked at, kept and dropped."""

    n_documents: int = 0
    n_paragraphs: int = 0
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By pair and form."""
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By form and reason."""

    def to_json(self) -> dict[str, Any]:
        """Nested counts in a fixed order."""
        return {
            "n_documents": self.n_documents,
            "n_paragraphs": self.n_paragraphs,
            "kept": _nested(self.kept),
            "dropped": _nested(self.dropped),
        }


@dataclass(frozen=True)
class Window:
    """How much text an item shows."""

    left: int = LEFT_CHARACTERS
    """Most characters before the blank."""
    right: int = RIGHT_CHARACTERS
    """Most characters after the blank."""
    whole_document: bool = False
    """Whether the window runs on over the ends of paragraphs, which are newlines in it."""

    def __post_init__(self) -> None:
        if self.left < 0 or self.right < 0:
            raise EvaluationError(
                f"a window cannot have {self.left} characters left and {self.right} right; expected 0 or more of each."
            )


def mine(
    documents: Iterable[Document], pairs: Pairs, window: Window = Window(), report: MiningReport | None = None
) -> Iterator[ClozeItem]:
    """Every item of every pair in the documents, in reading order; `report` is filled on the way.

    Dropped, and counted by reason: forms that are not lower case; forms shared by two pairs where what follows does not
    tell them apart; items whose window holds a blank already. Holds a window's worth of text in memory.
    """
    report = MiningReport() if report is None else report
    forms, gendered = whole_words(pairs.forms), whole_words(pairs.gendered_forms)
    for document in documents:
        report.n_documents += 1
        for number, (before, paragraph, after) in enumerate(_surroundings(document.paragraphs, window), 1):
            report.n_paragraphs += bool(paragraph)
            for found in forms.finditer(paragraph):
                item = _item(found, before, paragraph, after, pairs, window, report, gendered)
                if item is not None:
                    pair, left, right, others = item
                    report.kept[pair.name, found[0]] += 1
                    yield ClozeItem(pair, found[0], left, right, f"{document.name}, paragraph {number}", others)


def _item(
    found: regex.Match[str],
    before: str,
    paragraph: str,
    after: str,
    pairs: Pairs,
    window: Window,
    report: MiningReport,
    gendered: regex.Pattern[str],
) -> tuple[PronounPair, str, str, bool] | None:
    form, start, end = found[0], found.start(), found.end()
    if form != form.lower():
        report.dropped[form.lower(), "not lower case"] += 1
        return None
    pair = pair_of(form, paragraph[end : end + LOOK_AHEAD_CHARACTERS], pairs)
    if pair is None:
        report.dropped[form, "not told apart"] += 1
        return None
    left = cut_left(before + paragraph[:start] if before else paragraph[:start], window.left)
    right = cut_right(paragraph[end:] + after if after else paragraph[end:], window.right)
    if BLANK_IN_TEXT.search(left) or BLANK_IN_TEXT.search(right):
        report.dropped[form, "a blank in the text"] += 1
        return None
    return pair, left, right, bool(gendered.search(left) or gendered.search(right))


def pair_of(form: str, following: str, pairs: Pairs) -> PronounPair | None:
    """The pair that a form belongs to where this text follows it; None where nothing tells its pairs apart."""
    candidates = [pair for pair in pairs.pairs if form in pair.forms]
    if any(pair.before is None for pair in candidates):
        return next(pair for pair in candidates if pair.before is None)
    kind = pairs.following(following)
    return next((pair for pair in candidates if pair.before == kind), None)


def cut_left(text: str, n_characters: int) -> str:
    """At most the last `n_characters`, beginning with a whole word."""
    if len(text) <= n_characters:
        return text
    cut = text[len(text) - n_characters :]
    if text[len(text) - n_characters - 1] in " \n":
        return cut
    places = [place for place in (cut.find(" "), cut.find("\n")) if place >= 0]
    return cut[min(places) + 1 :] if places else ""


def cut_right(text: str, n_characters: int) -> str:
    """At most the first `n_characters`, ending with a whole word."""
    if len(text) <= n_characters:
        return text
    cut = text[:n_characters]
    if text[n_characters] not in " \n":
        cut = cut[: max(cut.rfind(" "), cut.rfind("\n"), 0)]
    return cut.rstrip(" \n")


def _surroundings(paragraphs: Iterable[str], window: Window) -> Iterator[tuple[str, str, str]]:
    """Each paragraph with as much of the text before and after it as a window may reach into; nothing within
    paragraphs."""
    if not window.whole_document:
        for paragraph in paragraphs:
            yield "", paragraph, ""
        return
    before = ""
    rest, ahead, n_ahead = iter(paragraphs), deque[str](), 0
    while True:
        while n_ahead <= window.right + (len(ahead[0]) if ahead else 0):
            following = next(rest, None)
            if following is None:
                break
            ahead.append(following)
            n_ahead += len(following) + 1
        if not ahead:
            return
        current = ahead.popleft()
        n_ahead -= len(current) + 1
        yield before, current, "".join("\n" + paragraph for paragraph in ahead)[: window.right + 1]
        before = (before + current + "\n")[-(window.left + 1) :]


def whole_words(forms: Iterable[str]) -> regex.Pattern[str]:
    """Any of the words, whole, in any case; matches nothing where there is none."""
    alternatives = "|".join(regex.escape(form) for form in sorted(forms, key=len, reverse=True)) or "(?!)"
    return regex.compile(
        rf"(?<![\p{{L}}\p{{N}}\p{{M}}])(?:{alternatives})(?![\p{{L}}\p{{N}}\p{{M}}])", regex.IGNORECASE
    )


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), n in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = n
    return nested
