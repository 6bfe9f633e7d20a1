"""The persons of a story: a gender each, and how they are called at their first mention and later.

A person is called by a first name, a full name, a title and surname, a noun ("the old woman"), a kinship to the
first of the cast ("her brother"), or a role whose gender nothing but a pronoun tells ("the teacher").
Knows names and nouns; knows nothing of what happens in a story.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from training.errors import StoryError
from training.names import Part, draw_first_name, is_held_out, surnames
from training.words import OTHER, Gender

KINDS = {"name": 0.44, "full name": 0.08, "title": 0.12, "noun": 0.28, "kin": 0.08}
"""How persons are called, with the share of each."""
MIXED_OTHER = 0.7
"""How often a person whose gender is `mixed` has another one than the first of the cast."""
TITLES: dict[Gender, tuple[str, ...]] = {
    "masculine": ("Mr.", "Mr.", "Sir"),
    "feminine": ("Mrs.", "Miss", "Ms.", "Lady"),
}


@dataclass(eq=False)
class Person:
    """Somebody in a story."""

    gender: Gender
    kind: str
    first: str
    """The words at the first mention, without an article where `articles` has some."""
    later: str
    """The words at every later mention."""
    articles: tuple[str, ...] = ()
    """What may stand before `first`; before `later` it is "the"."""
    owner: Person | None = None
    """Of whom a person called by kinship is a relative."""
    mentioned: bool = field(default=False)

    @property
    def words(self) -> set[str]:
        """What nobody else of a story may be called: whole, or by the last word alone (the tall cook, the cook)."""
        return {words for called in (self.first, self.later) for words in (called, called.rpartition(" ")[2])}

    def mention(self, random: Random) -> tuple[str, Person | None]:
        """The words, and whose possessive stands before them; the person counts as mentioned from now on."""
        words, articles = (self.later, ("the",)) if self.mentioned else (self.first, self.articles)
        if self.owner is not None:
            self.mentioned = True
            return words, self.owner
        if self.articles:
            words = f"{random.choice(articles)} {words}"  # stories.py makes "an" of "a" where the sound asks for it
        self.mentioned = True
        return words, None


class Casting:
    """Draws the persons of a story. `people`: a grammar's nouns, roles, kin and adjectives; whether its names are only
    those that several countries agree on (`agreed_names`); and which share of its roles are surnames that stand alone
    (`surname_share`), which tell no more of a gender."""

    def __init__(self, people: dict[str, Any], part: Part) -> None:
        self.part = part
        self.nouns: dict[Gender, list[str]] = {gender: people["nouns"][gender].split(", ") for gender in OTHER}
        self.kin: dict[Gender, list[str]] = {gender: people["kin"][gender].split(", ") for gender in OTHER}
        self.roles: list[str] = people["roles"].split(", ")
        self.adjectives: list[str] = people["adjectives"].split(", ")
        self.agreed_names = bool(people.get("agreed_names", False))
        self.surname_share = float(people.get("surname_share", 0))

    def cast(self, wanted: dict[str, str], random: Random) -> dict[str, Person]:
        """Persons by letter. `wanted`: letter -> gender (any, same, other, mixed: against the first) and the kinds
        allowed, between bars ("other | name | kin"); without kinds any but kin and role.

        Raises StoryError for a word that is neither.
        """
        cast: dict[str, Person] = {}
        used: set[str] = set()
        for letter, description in wanted.items():
            relation, *kinds = description.split(" | ")
            first = next(iter(cast.values()), None)
            person = self._person(random, self._gender(relation, first, random), kinds, first)
            for _ in range(20):
                if not used & person.words:
                    break
                person = self._person(random, person.gender, kinds, first)
            used |= person.words
            cast[letter] = person
        return cast

    def mirrored(self, cast: dict[str, Person], random: Random) -> dict[str, Person]:
        """A cast of the other genders: everybody is called in the same way, a role by the same word."""
        mirrored: dict[str, Person] = {}
        used: set[str] = set()
        for letter, person in cast.items():
            first = next(iter(mirrored.values()), None)
            other = self._counterpart(random, person, first)
            for _ in range(20):
                if not used & other.words:
                    break
                other = self._counterpart(random, person, first)
            used |= other.words
            mirrored[letter] = other
        return mirrored

    def _counterpart(self, random: Random, person: Person, first: Person | None) -> Person:
        gender = OTHER[person.gender]
        if person.kind == "role":
            return Person(gender, "role", person.first, person.later, person.articles)
        if person.kind in ("name", "full name"):  # as known as the other's name, and later called by the same half
            given, _, family = person.first.partition(" ")
            part: Part = self.part if self.part != "all" else "held out" if is_held_out(given) else "training"
            name = draw_first_name(random, gender, part, agreed=self.agreed_names)
            return Person(gender, person.kind, f"{name} {family}".strip(), family if person.later == family else name)
        return self._person(random, gender, [person.kind], first)

    def _gender(self, relation: str, first: Person | None, random: Random) -> Gender:
        if relation == "any" or (first is None and relation == "mixed"):
            return random.choice(("masculine", "feminine"))
        if first is None or relation not in ("same", "other", "mixed"):
            raise StoryError(f"a person's gender {relation!r} is unknown; expected any, or same, other or mixed.")
        other = relation == "other" or (relation == "mixed" and random.random() < MIXED_OTHER)
        return OTHER[first.gender] if other else first.gender

    def _person(self, random: Random, gender: Gender, kinds: list[str], first: Person | None) -> Person:
        allowed = {kind: KINDS.get(kind, 1.0) for kind in kinds or [kind for kind in KINDS if kind != "kin"]}
        kind = random.choices(list(allowed), list(allowed.values()))[0]
        if kind == "name":
            name = draw_first_name(random, gender, self.part, agreed=self.agreed_names)
            return Person(gender, kind, name, name)
        if kind == "full name":
            name, family = (
                draw_first_name(random, gender, self.part, agreed=self.agreed_names),
                random.choice(surnames(self.part)),
            )
            return Person(gender, kind, f"{name} {family}", random.choice((name, family)))
        if kind == "title":
            called = f"{random.choice(TITLES[gender])} {random.choice(surnames(self.part))}"
            return Person(gender, kind, called, called)
        if kind == "kin":
            relative = random.choice(self.kin[gender])
            return Person(gender, kind, relative, relative, owner=first)
        # Nothing is drawn where the share is 0, so that the measuring stories stay as they are.
        if kind == "role" and self.surname_share and random.random() < self.surname_share:
            surname = random.choice(surnames(self.part))
            return Person(gender, kind, surname, surname)
        noun = random.choice(self.roles if kind == "role" else self.nouns[gender])
        described = f"{random.choice(self.adjectives)} {noun}" if random.random() < 0.3 else noun
        return Person(gender, kind, described, random.choice((described, noun)), articles=("the", "the", "a"))
