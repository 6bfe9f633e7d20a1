"""First names and surnames: whose they are, what is left out, and the part that is held out."""

from __future__ import annotations

import zlib
from random import Random

import pytest

from training import names as names_module
from training.names import (
    COMMON,
    RARER,
    draw_first_name,
    feminine_names,
    first_names,
    is_held_out,
    masculine_names,
    surnames,
)


def test_names_of_today_are_known_by_their_gender() -> None:
    assert {"Karen", "Mary", "Emma", "Anna"} <= feminine_names()
    assert {"Brian", "Tom", "John", "James"} <= masculine_names()


def test_names_of_other_languages_are_known_as_english_texts_spell_them() -> None:
    assert {"Priya", "Aino", "Ayşe", "Ayse", "Svetlana", "Thandiwe", "Keiko", "Siobhan"} <= feminine_names()
    assert {"Rahul", "Jussi", "Mehmet", "Sergei", "Sipho", "Hiroshi", "Padraig"} <= masculine_names()


def test_a_fifth_of_the_drawn_names_come_from_farther_away_but_none_where_readers_must_be_sure() -> None:
    random = Random(1)
    near = {name for place in (*COMMON, *RARER) for name in names_module._listed(place, "feminine")}
    drawn = [draw_first_name(random, "feminine") for _ in range(2000)]
    assert 0.1 < sum(name not in near for name in drawn) / len(drawn) < 0.3
    assert {draw_first_name(random, "feminine", agreed=True) for _ in range(500)} <= near


def test_no_name_is_of_both_genders() -> None:
    assert not masculine_names() & feminine_names()


@pytest.mark.parametrize("word", ["Robin", "Will", "Paris", "Duke", "Smith", "Grace O", "June", "Jean"])
def test_names_of_both_genders_words_places_and_families_are_left_out(word: str) -> None:
    assert word not in masculine_names() | feminine_names()


def test_names_are_sorted_single_words_with_a_capital() -> None:
    for names in (first_names("masculine"), first_names("feminine"), surnames()):
        assert list(names) == sorted(set(names))
        assert all(name.isalpha() and len(name) > 1 and name[0].isupper() for name in names)


def test_the_parts_are_disjoint_and_make_the_whole() -> None:
    for lists in (
        [first_names("masculine", part) for part in ("all", "training", "held out")],
        [first_names("feminine", part) for part in ("all", "training", "held out")],
        [surnames(part) for part in ("all", "training", "held out")],
    ):
        everybody, training, held_out = map(set, lists)
        assert training | held_out == everybody
        assert not training & held_out
        assert 0.05 < len(held_out) / len(everybody) < 0.3


def test_what_is_held_out_follows_from_the_name_alone() -> None:
    assert [is_held_out(name) for name in ("Karen", "Mary", "John")] == [
        zlib.crc32(name) % 5 == 0 for name in (b"Karen", b"Mary", b"John")
    ]
    assert {is_held_out(name) for name in first_names("feminine", "held out")} == {True}


def test_common_names_are_drawn_more_often_than_their_number() -> None:
    common = set(first_names("feminine", common=True))
    assert len(common) < len(feminine_names()) / 4
    random = Random(2)
    drawn = [draw_first_name(random, "feminine") for _ in range(500)]
    assert 0.55 < sum(name in common for name in drawn) / 500 < 0.75
    assert set(drawn) <= feminine_names()


def test_agreed_names_are_of_two_lists_and_no_other_gender_s() -> None:
    for gender, known, single in (("masculine", "Adam", "Elzy"), ("feminine", "Teresa", "Opha")):
        agreed = first_names(gender, agreed=True)  # type: ignore[arg-type]
        assert known in agreed
        assert single not in agreed
        assert set(agreed) < set(first_names(gender))  # type: ignore[arg-type]
        assert len(first_names(gender, "held out", agreed=True)) > 60  # type: ignore[arg-type]


def test_surnames_are_no_first_names() -> None:
    assert not set(surnames()) & (masculine_names() | feminine_names())
