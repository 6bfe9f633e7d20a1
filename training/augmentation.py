"""Texts changed on their way into the shards: first names replaced by names of today, gender-swapped copies.

Both are drawn stretch by stretch (a few dozen paragraphs of a document) and are consistent within one: in a renamed
stretch every known first name becomes another one of the same gender, always the same; in a swapped stretch every
gendered word, pronoun and first name becomes its counterpart of the other gender. What a stretch becomes follows from
the seed, the document's name and the stretch's number alone, so that any part of a corpus can be made again.

A network that saw only old novels knows no Karen, and prefers he. Knows words, not pieces. Source of the swap:
counterfactual data augmentation, Lu et al. 2018 (arXiv:1807.11714).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from training.corpus import Document
from training.names import draw_first_name, feminine_names, masculine_names
from training.pronouns import Pairs
from training.words import OTHER, Gender, gendered_words

STRETCH_PARAGRAPHS = 40
LANGUAGES = ("en",)
"""Languages with lists of names and gendered words."""
WORD = re.compile(r"[^\W\d_]+")
NAME_FOLLOWS = re.compile(r"\.? [^\W\d_a-z]")
"""After a title: a capital letter."""


@dataclass(frozen=True)
class Augmentation:
    """Which share of the stretches is changed, and how."""

    pairs: Pairs
    rename_share: float
    """Share of stretches whose first names are replaced."""
    swap_share: float
    """Share of stretches whose genders are swapped, drawn independently of the renaming."""
    seed: int

    @property
    def is_on(self) -> bool:
        """Whether anything would be changed: a share above 0, and a language with lists."""
        return (self.rename_share > 0 or self.swap_share > 0) and self.pairs.language in LANGUAGES

    def identity(self) -> dict[str, object] | None:
        """What shards made with it depend on, as JSON; None when it is off."""
        if not self.is_on:
            return None
        return {"rename_share": self.rename_share, "swap_share": self.swap_share, "seed": self.seed}

    def documents(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The same documents, their paragraphs changed."""
        for document in documents:
            yield Document(document.name, self._paragraphs(document)) if self.is_on else document

    def _paragraphs(self, document: Document) -> Iterator[str]:
        stretch = None
        for number, paragraph in enumerate(document.paragraphs):
            if number % STRETCH_PARAGRAPHS == 0:
                stretch = self.stretch(document.name, number // STRETCH_PARAGRAPHS)
            yield paragraph if stretch is None else stretch(paragraph)

    def changed(self, document: str, n_before: int, paragraphs: list[str]) -> list[str]:
        """What `documents` makes of these paragraphs of a document, whole stretches with `n_before` before them."""
        changed: list[str] = []
        for start in range(0, len(paragraphs), STRETCH_PARAGRAPHS):
            stretch = self.stretch(document, (n_before + start) // STRETCH_PARAGRAPHS)
            part = paragraphs[start : start + STRETCH_PARAGRAPHS]
            changed += part if stretch is None else map(stretch, part)
        return changed

    def stretch(self, document: str, number: int) -> Stretch | None:
        """What stretch `number` of a document becomes; None: stays as it is."""
        random = Random(f"{self.seed}/{document}/{number}")
        renames, swaps = random.random() < self.rename_share, random.random() < self.swap_share
        return Stretch(self._words, random, renames, swaps) if renames or swaps else None

    def twins(self, name: str, paragraphs: Sequence[str]) -> tuple[list[str], list[str]]:
        """The paragraphs with the genders that they have and with the others, renamed at `rename_share`, both or none.

        `name`: what the drawing follows from beside the seed.
        """
        seed = f"{self.seed}/twins/{name}"
        renames = Random(seed).random() < self.rename_share
        first = Stretch(self._words, Random(f"{seed}/False"), renames, swaps=False) if renames else str
        second = Stretch(self._words, Random(f"{seed}/True"), renames, swaps=True)
        return [*map(first, paragraphs)], [*map(second, paragraphs)]

    @cached_property
    def _words(self) -> _Words:
        return _Words(self.pairs)


class _Words:
    """What a swap makes of each word, and who bears which name."""

    def __init__(self, pairs: Pairs) -> None:
        words = gendered_words(pairs.language)
        assert words is not None  # LANGUAGES
        self.pairs = pairs
        self.titles, self.genders = words.titles, words.genders
        self.swapped = dict(words.counterparts)
        self.masculine, self.feminine = masculine_names(), feminine_names()
        self.by_following: dict[str, dict[str | None, str]] = {}
        for pair in pairs.pairs:
            if pair.gendered:
                for form in pair.forms:
                    self.by_following.setdefault(form, {})[pair.before] = pair.other(form)

    def gender_of(self, name: str) -> Gender | None:
        if name in self.masculine:
            return "masculine"
        return "feminine" if name in self.feminine else None


class Stretch:
    """The change of one stretch: call it with each paragraph."""

    def __init__(self, words: _Words, random: Random, renames: bool, swaps: bool) -> None:
        self.words, self.random, self.renames, self.swaps = words, random, renames, swaps
        self.names: dict[str, str] = {}
        self.taken: set[str] = set()

    def __call__(self, paragraph: str) -> str:
        """The paragraph, changed."""
        changed: list[str] = []
        end = 0
        before, gap = "", ""
        for found in WORD.finditer(paragraph):
            word = found[0]
            gap = paragraph[end : found.start()]
            abbreviated = gap == ". " and before.lower() in self.words.titles  # Mr. Brown
            changed += (gap, self._word(word, before if gap == " " or abbreviated else "", paragraph, found.end()))
            before, end = word, found.end()
        return "".join([*changed, paragraph[end:]])

    def _word(self, word: str, before: str, paragraph: str, end: int) -> str:
        lower = word.lower()
        if self.swaps and (other := self._counterpart(word, lower, paragraph[end : end + 32])):
            return _in_the_case_of(word, other)
        if word[0].isupper() and (gender := self.words.gender_of(word)):
            title = before.lower() in self.words.titles
            if title and self.words.genders[before.lower()] != gender:
                return word  # Miss Stanley: a surname
            if before[:1].isupper() and not title and self.words.gender_of(before):
                return word  # a surname after a first name
            return self._name(word, gender)
        return word

    def _counterpart(self, word: str, lower: str, following: str) -> str | None:
        """What the swap makes of a word that has a gender. `her` that may be both him and his becomes his."""
        if word[0].isupper() and lower in self.words.titles and NAME_FOLLOWS.match(following):
            return self.words.titles[lower]
        forms = self.words.by_following.get(lower)
        if forms is None:
            return self.words.swapped.get(lower)
        if None in forms:
            return forms[None]
        kind = self.words.pairs.following(following)
        return forms.get("noun" if kind == "unclear" else kind) or next(iter(forms.values()))

    def _name(self, name: str, gender: Gender) -> str:
        if name not in self.names:
            wanted = OTHER[gender] if self.swaps else gender
            drawn = draw_first_name(self.random, wanted)
            while drawn in self.taken:
                drawn = draw_first_name(self.random, wanted)
            self.taken.add(drawn)
            self.names[name] = drawn
        return self.names[name]


def _in_the_case_of(word: str, other: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
