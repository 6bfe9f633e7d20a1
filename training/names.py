"""First names and surnames of today, by gender; the first names come from Faker's person providers.

Old novels have no Karen and no Brian. A name counts as masculine or feminine where the lists of many countries agree;
names of both (Alex, Robin) and names that are ordinary words, places or ranks (Will, Paris, Duke) are left out.
Knows names; knows no texts.
"""

from __future__ import annotations

import zlib
from collections import Counter
from functools import lru_cache
from importlib import import_module, resources
from random import Random
from typing import Any, Literal

import yaml

from training.words import Gender

COMMON = ("en_US", "en_GB")
"""Faker's locales whose names make the common half of those that are drawn."""
RARER = (
    *("en", "en_IE", "en_NZ", "en_IN", "en_KE", "en_NG"),
    *("de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "da_DK", "no_NO", "pt_BR", "pl_PL"),
)
COMMON_SHARE = 0.6
"""How often a drawn name is a common one."""
HELD_OUT_SHARE = 10
"""One name in so many is in no training story, so that the measuring stories tell names met from names unknown."""

Part = Literal["all", "training", "held out"]


@lru_cache
def first_names(gender: Gender, part: Part = "all", *, common: bool = False, agreed: bool = False) -> tuple[str, ...]:
    """The names of one gender, sorted; `common`: only those of English-speaking countries' short lists; `agreed`: only
    those that two lists or more have and none has for the other gender."""
    votes = _votes()
    sign = 1 if gender == "masculine" else -1
    chosen = (name for name, (margin, against) in votes.items() if sign * margin >= (1 if not against else 2))
    if agreed:
        chosen = (name for name in chosen if sign * votes[name][0] > 1 and not votes[name][1])
    if common:
        short = frozenset().union(*(_listed(locale, gender) for locale in COMMON))
        chosen = (name for name in chosen if name in short)
    return tuple(sorted(name for name in chosen if part == "all" or is_held_out(name) == (part == "held out")))


def masculine_names() -> frozenset[str]:
    """All masculine first names."""
    return frozenset(first_names("masculine"))


def feminine_names() -> frozenset[str]:
    """All feminine first names."""
    return frozenset(first_names("feminine"))


def is_held_out(name: str) -> bool:
    """Whether a name is in no training story."""
    return zlib.crc32(name.encode()) % HELD_OUT_SHARE == 0


def draw_first_name(random: Random, gender: Gender, part: Part = "all", *, agreed: bool = False) -> str:
    """A name of that gender: at COMMON_SHARE one of the common half, else any. `agreed`: see `first_names`."""
    return random.choice(first_names(gender, part, common=random.random() < COMMON_SHARE, agreed=agreed))


@lru_cache
def surnames(part: Part = "all") -> tuple[str, ...]:
    """Surnames of the United States and Britain that are no first name, sorted."""
    found = {name for locale in ("en_US", "en_GB") for name in _provider(locale).last_names}
    usable = (name for name in found if name.isalpha() and name not in masculine_names() | feminine_names())
    return tuple(sorted(name for name in usable if part == "all" or is_held_out(name) == (part == "held out")))


@lru_cache
def _votes() -> dict[str, tuple[int, bool]]:
    """Name -> locales that call it masculine minus those that call it feminine, and whether they disagree."""
    masculine: Counter[str] = Counter()
    feminine: Counter[str] = Counter()
    for locale in (*COMMON, *RARER):
        masculine.update(_listed(locale, "masculine"))
        feminine.update(_listed(locale, "feminine"))
    never = _never_names()
    # Surnames that one long list has as first names too (Smith, Collins) would make people of families.
    families = frozenset(_provider("en_US").last_names) | frozenset(_provider("en_GB").last_names)
    known = frozenset().union(*(_listed(locale, gender) for locale in COMMON for gender in ("masculine", "feminine")))
    names = masculine.keys() | feminine.keys()
    return {
        name: (masculine[name] - feminine[name], bool(masculine[name] and feminine[name]))
        for name in sorted(names)
        if name.isalpha() and len(name) > 1 and name not in never and (name not in families or name in known)
    }


def _listed(locale: str, gender: Gender) -> frozenset[str]:
    provider = _provider(locale)
    return frozenset(provider.first_names_male if gender == "masculine" else provider.first_names_female)


def _provider(locale: str) -> Any:
    return import_module(f"faker.providers.person.{locale}").Provider


@lru_cache
def _never_names() -> frozenset[str]:
    text = (resources.files("training") / "words" / "english.yaml").read_text(encoding="utf-8")
    return frozenset(yaml.safe_load(text)["never_names"].split())
