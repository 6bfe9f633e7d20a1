"""The words of a language that have a gender: nouns and titles, by counterpart. Read from `training/words/*.yaml`.

Knows words; knows neither pronouns (`pronouns.py`) nor first names (`names.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import yaml

Gender = Literal["masculine", "feminine"]
OTHER: dict[Gender, Gender] = {"masculine": "feminine", "feminine": "masculine"}
LANGUAGES = {"en": "english"}
"""BCP 47 code -> the file of its gendered words."""


@dataclass(frozen=True)
class GenderedWords:
    """Nouns and titles of one language, lower case."""

    genders: dict[str, Gender]
    """Noun or title -> its gender."""
    counterparts: dict[str, str]
    """Noun -> what a gender swap makes of it."""
    titles: dict[str, str]
    """Word that stands before a name and tells its gender -> the title of the other gender."""
    starters: frozenset[str]
    """Words that begin a sentence and are no name."""


def gendered_words(language: str) -> GenderedWords | None:
    """The words of a language (BCP 47 code), or None where there is no list."""
    name = LANGUAGES.get(language)
    return None if name is None else _load(name)


@lru_cache
def _load(name: str) -> GenderedWords:
    text = (resources.files("training") / "words" / f"{name}.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    genders: dict[str, Gender] = {}
    counterparts: dict[str, str] = {}
    titles: dict[str, str] = {}
    for pairs, other in ((data["nouns"], counterparts), (data["titles"], titles)):
        for masculine, feminine in pairs:
            genders.setdefault(masculine, "masculine")
            genders.setdefault(feminine, "feminine")
            other.setdefault(masculine, feminine)
            other.setdefault(feminine, masculine)
    for feminine, masculine in data["feminine_titles"].items():
        genders[feminine], titles[feminine] = "feminine", masculine
    return GenderedWords(genders, counterparts, titles, frozenset(data["starters"].split()))
