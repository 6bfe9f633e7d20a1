"""Where a text mentions somebody whose gender its words tell: names, nouns and pronouns, and how far before a blank.

Pronouns are those of the pairs, in any language; names and nouns are known for English alone. Knows words; knows
neither networks nor what is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import regex

from training.names import feminine_names, masculine_names
from training.pronouns import Pairs
from training.words import gendered_words

Kind = Literal["name", "noun", "pronoun"]
Gender = Literal[0, 1]
"""0 masculine, 1 feminine, as the forms of a pair stand."""
GENDERS: tuple[Gender, Gender] = (0, 1)

NEUTRAL_TITLES = frozenset({"captain", "colonel", "doctor", "dr", "judge", "major", "professor", "reverend", "st"})
"""Titles of either gender, which stand before surnames."""
WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+(?:-[\p{L}\p{N}\p{M}]+)*")


@dataclass(frozen=True)
class Mention:
    """One word that tells a gender."""

    kind: Kind
    gender: Gender
    word: str
    """As it stands in the text."""
    distance: int
    """Words from the blank: 1 is the word right before it."""


@dataclass(frozen=True)
class MentionFinder:
    """The words that tell a gender in one language, lower case but for names; each field masculine and feminine."""

    pronouns: tuple[frozenset[str], frozenset[str]]
    nouns: tuple[frozenset[str], frozenset[str]]
    """Nouns and titles."""
    names: tuple[frozenset[str], frozenset[str]]
    titles: frozenset[str]
    """What stands before surnames too: a name after one (Mrs. James) tells nothing of its own."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are known."""
        return ("name", "noun", "pronoun") if any(self.names) or any(self.nouns) else ("pronoun",)

    def before(self, left: str) -> list[Mention]:
        """What `left`, the text before a blank, mentions; the nearest first."""
        words = WORD.findall(left)
        found: list[Mention] = []
        for distance, word in enumerate(reversed(words), 1):
            previous = words[-distance - 1].lower() if distance < len(words) else ""
            if (told := self._told(word, previous)) is not None:
                found.append(Mention(*told, word, distance))
        return found

    def _told(self, word: str, previous: str) -> tuple[Kind, Gender] | None:
        lower = word.lower()
        for gender in GENDERS:
            if lower in self.pronouns[gender]:
                return "pronoun", gender
            if lower in self.nouns[gender]:
                return "noun", gender
            if word in self.names[gender] and previous not in self.titles:
                return "name", gender
        return None


@cache
def mention_finder(pairs: Pairs) -> MentionFinder:
    """Finds the words of the pairs' language that tell a gender; a form that stands on both sides tells none."""
    forms = [frozenset(pair.forms[gender] for pair in pairs.pairs if pair.gendered) for gender in GENDERS]
    pronouns = (forms[0] - forms[1], forms[1] - forms[0])
    words = gendered_words(pairs.language)
    if words is None:
        nothing: frozenset[str] = frozenset()
        return MentionFinder(pronouns, (nothing, nothing), (nothing, nothing), nothing)
    masculine, feminine = (
        frozenset(word for word, gender in words.genders.items() if gender == wanted)
        for wanted in ("masculine", "feminine")
    )
    names = (masculine_names(), feminine_names()) if pairs.language == "en" else (frozenset(), frozenset())
    return MentionFinder(pronouns, (masculine, feminine), names, frozenset(words.titles) | NEUTRAL_TITLES)


def nearest(mentions: Iterable[Mention], gender: int, kinds: Iterable[Kind]) -> Mention | None:
    """The first of `mentions` (the nearest) of that gender and of one of those kinds."""
    wanted = set(kinds)
    return next((mention for mention in mentions if mention.gender == gender and mention.kind in wanted), None)
