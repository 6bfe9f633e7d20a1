"""Persons of stories: their genders, how they are called, and the cast of the other genders."""

from __future__ import annotations

from random import Random

import pytest

from training.errors import StoryError
from training.names import first_names, is_held_out
from training.people import KINDS, OTHER, TITLES, Casting, Person

PEOPLE = {
    "nouns": {"masculine": "king, old man", "feminine": "queen, nun"},
    "kin": {"masculine": "son, nephew", "feminine": "daughter, niece"},
    "roles": "teacher, usher, clerk",
    "adjectives": "angry, kind",
}
CASTING = Casting(PEOPLE, "training")


def casts(wanted: dict[str, str], n: int = 200, casting: Casting = CASTING) -> list[dict[str, Person]]:
    return [casting.cast(wanted, Random(seed)) for seed in range(n)]


def test_a_gender_is_any_or_told_against_the_first_of_the_cast() -> None:
    seen = casts({"A": "any", "B": "same", "C": "other", "D": "mixed"}, 400)
    assert 160 < sum(cast["A"].gender == "masculine" for cast in seen) < 240
    assert all(cast["B"].gender == cast["A"].gender != cast["C"].gender for cast in seen)
    assert 0.6 < sum(cast["D"].gender != cast["A"].gender for cast in seen) / 400 < 0.8


@pytest.mark.parametrize(("wanted", "said"), [({"A": "female"}, "'female'"), ({"A": "other"}, "'other'")])
def test_a_gender_that_is_none_is_refused(wanted: dict[str, str], said: str) -> None:
    with pytest.raises(StoryError, match=f"gender {said} is unknown; expected any, or same, other or mixed"):
        CASTING.cast(wanted, Random(0))


def test_without_kinds_a_person_is_called_in_any_way_but_kin_and_role() -> None:
    assert {cast["A"].kind for cast in casts({"A": "any"})} == KINDS.keys() - {"kin"}
    assert {cast["A"].kind for cast in casts({"A": "any | role | name"})} == {"role", "name"}


def test_a_name_is_of_its_gender_and_of_the_grammar_s_part() -> None:
    for part in ("training", "held out"):
        for cast in casts({"A": "any | name"}, casting=Casting(PEOPLE, part)):  # type: ignore[arg-type]
            assert cast["A"].first in first_names(cast["A"].gender)
            assert is_held_out(cast["A"].first) == (part == "held out")


def test_a_full_name_is_later_one_of_its_halves_and_a_title_stays() -> None:
    for cast in casts({"A": "any | full name", "B": "any | title"}):
        assert cast["A"].later in cast["A"].first.split()
        assert cast["B"].later == cast["B"].first
        assert cast["B"].first.split()[0] in TITLES[cast["B"].gender]


def test_a_noun_has_an_article_at_first_and_is_definite_from_then_on() -> None:
    firsts = set()
    for seed, cast in enumerate(casts({"A": "any | noun"})):
        random = Random(seed)
        first, later = cast["A"].mention(random)[0], cast["A"].mention(random)[0]
        firsts.add(first.split()[0])
        assert later.split()[0] == "the"
        assert first.split()[-1] == later.split()[-1]
    assert firsts == {"a", "the"}


def test_kin_is_of_the_first_of_the_cast() -> None:
    cast = CASTING.cast({"A": "any | name", "B": "other | kin"}, Random(3))
    words, owner = cast["B"].mention(Random(0))
    assert owner is cast["A"]
    assert words in PEOPLE["kin"][cast["B"].gender]  # type: ignore[index]


def test_nobody_is_called_like_another_person_of_the_story() -> None:
    for cast in casts({"A": "any | noun", "B": "same | noun", "C": "other | role", "D": "other | role"}):
        called = [word for person in cast.values() for word in {person.first, person.later}]
        assert len(called) == len(set(called))


def test_the_same_seed_gives_the_same_cast() -> None:
    wanted = {"A": "any", "B": "mixed", "C": "other | role"}
    once, again = CASTING.cast(wanted, Random(9)), CASTING.cast(wanted, Random(9))
    assert [vars(person) for person in once.values()] == [vars(person) for person in again.values()]


def test_a_mirrored_cast_has_the_other_genders_and_the_same_ways_of_being_called() -> None:
    wanted = {"A": "any", "B": "mixed | full name", "C": "other | role", "D": "same | kin"}
    for cast in casts(wanted):
        mirrored = CASTING.mirrored(cast, Random(1))
        assert mirrored.keys() == cast.keys()
        for letter, person in cast.items():
            other = mirrored[letter]
            assert (other.gender, other.kind, other.articles) == (OTHER[person.gender], person.kind, person.articles)
        assert (mirrored["C"].first, mirrored["C"].later) == (cast["C"].first, cast["C"].later)
        assert mirrored["D"].owner is mirrored["A"]
        by_family = [named["B"].later == named["B"].first.split()[-1] for named in (cast, mirrored)]
        assert by_family[0] == by_family[1]
        assert not any(person.mentioned for person in mirrored.values())
