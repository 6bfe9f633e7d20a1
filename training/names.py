"""First names and surnames of today, by gender; the first names come from Faker's person providers, and from a list of
our own of languages that those write in other scripts (words/names.yaml).

Old novels have no Karen, no Priya and no Mehmet. A name counts as masculine or feminine where the lists of many
countries agree; names of both (Alex, Robin) and names that are ordinary words, places or ranks (Will, Paris, Duke) are
left out. Knows names; knows no texts.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module, resources
from random import Random
from typing import Any, Literal

import yaml

from training.words import Gender

COMMON = ("en_US", "en_GB")
"""Faker's locales whose names are the common ones."""
RARER = (
    *("en", "en_IE", "en_NZ", "en_IN", "en_KE", "en_NG"),
    *("de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "da_DK", "no_NO", "pt_BR", "pl_PL"),
)
FARTHER = (
    *("az_AZ", "cs_CZ", "de_CH", "es_CL", "es_CO", "es_MX", "et_EE", "fi_FI", "fr_BE", "fr_DZ", "ga_IE", "ha_NG"),
    *("hr_HR", "hu_HU", "id_ID", "ig_NG", "is_IS", "lv_LV", "nl_BE", "pt_PT", "ro_RO", "sk_SK", "sl_SI", "sw"),
    *("tr_TR", "tw_GH", "uz_UZ", "yo_NG", "zu_ZA"),
)
"""Locales of which a drawn name can be as well, but none whose gender readers must be sure of."""
OWN = "words/names.yaml"
"""Counts as one more of FARTHER, drawn OWN_WEIGHT times as often as one of them, for it has many languages."""
OWN_WEIGHT = 12
FARTHER_DRAWN = (*FARTHER, *(OWN,) * OWN_WEIGHT)
"""The places, each as often as it is drawn."""
COMMON_SHARE, FARTHER_SHARE = 0.6, 0.2
"""How often a drawn name is a common one, and how often one of FARTHER; else it is any of COMMON and RARER."""
LATIN = re.compile("[A-Z\u00c0-\u024f][a-z\u00c0-\u024f]{2,}")
"""Of FARTHER, names of three letters or more: shorter ones are words of English too often."""
HELD_OUT_SHARE = 10
"""One name in so many is in no training story, so that the measuring stories tell names met from names unknown."""

Part = Literal["all", "training", "held out"]


@lru_cache
def first_names(gender: Gender, part: Part = "all", *, common: bool = False, agreed: bool = False) -> tuple[str, ...]:
    """The names of one gender, sorted; `common`: only those of English-speaking countries' short lists; `agreed`: only
    those that two lists or more of COMMON and RARER have and none of these has for the other gender."""
    votes = _votes((*COMMON, *RARER))
    sign = 1 if gender == "masculine" else -1
    chosen = _nearer_names(gender)
    if agreed:
        chosen = [name for name in chosen if sign * votes[name][0] > 1 and not votes[name][1]]
    else:  # what is told apart without them stays as it is
        farther = _votes((*FARTHER, OWN)).items()
        told = (name for name, (margin, against) in farther if sign * margin > 0 and not against)
        chosen = [*chosen, *(name for name in told if name not in votes)]
    if common:
        short = frozenset().union(*(_listed(locale, gender) for locale in COMMON))
        chosen = [name for name in chosen if name in short]
    return tuple(sorted(name for name in chosen if part == "all" or is_held_out(name) == (part == "held out")))


def _nearer_names(gender: Gender) -> list[str]:
    """The names that COMMON and RARER agree on, or nearly."""
    sign = 1 if gender == "masculine" else -1
    votes = _votes((*COMMON, *RARER))
    return [name for name, (margin, against) in votes.items() if sign * margin >= (1 if not against else 2)]


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
    """A name of that gender: at COMMON_SHARE one of the common, at FARTHER_SHARE one of FARTHER_DRAWN, else any of
    the others. `agreed`: see `first_names`; none of FARTHER then."""
    drawn = random.random()
    if not agreed and drawn > 1 - FARTHER_SHARE:
        place = random.choice(FARTHER_DRAWN)
        if names := _names_of(place, gender, part):
            return random.choice(names)
    return random.choice(first_names(gender, part, common=drawn < COMMON_SHARE, agreed=agreed))


@lru_cache
def _names_of(place: str, gender: Gender, part: Part) -> tuple[str, ...]:
    """The names of one place that count as names of that gender, sorted."""
    return tuple(sorted(_listed(place, gender).intersection(first_names(gender, part))))


@lru_cache
def surnames(part: Part = "all") -> tuple[str, ...]:
    """Surnames of the United States and Britain that are no first name, sorted."""
    found = {name for locale in ("en_US", "en_GB") for name in _provider(locale).last_names}
    first = {*_nearer_names("masculine"), *_nearer_names("feminine")}
    usable = (name for name in found if name.isalpha() and name not in first)
    return tuple(sorted(name for name in usable if part == "all" or is_held_out(name) == (part == "held out")))


@lru_cache
def _votes(places: tuple[str, ...]) -> dict[str, tuple[int, bool]]:
    """Name -> places that call it masculine minus those that call it feminine, and whether they disagree."""
    masculine: Counter[str] = Counter()
    feminine: Counter[str] = Counter()
    for place in places:
        masculine.update(_listed(place, "masculine"))
        feminine.update(_listed(place, "feminine"))
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


@lru_cache
def _listed(place: str, gender: Gender) -> frozenset[str]:
    """What the list of one place has, and the same without marks on letters: Ayşe is written Ayse as well."""
    if place == OWN:
        names: Iterable[str] = _file(OWN)[gender].split()
    else:
        provider = _provider(place)
        names = provider.first_names_male if gender == "masculine" else provider.first_names_female
    if place in (*FARTHER, OWN):
        names = {spelling for name in names if LATIN.fullmatch(name) for spelling in (name, _without_marks(name))}
    return frozenset(names)


def _without_marks(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.replace("ı", "i").replace("ø", "o").replace("ł", "l"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _provider(locale: str) -> Any:
    return import_module(f"faker.providers.person.{locale}").Provider


@lru_cache
def _never_names() -> frozenset[str]:
    return frozenset(_file("words/english.yaml")["never_names"].split())


def _file(path: str) -> Any:
    return yaml.safe_load((resources.files("training") / path).read_text(encoding="utf-8"))
