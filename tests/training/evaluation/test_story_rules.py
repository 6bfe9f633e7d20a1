"""Rules of thumb: what each answers to what stands before a blank, and what none of them knows."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.story_rules import RULES, rule_answers
from training.story import Event, Story
from training.words import Gender

M, F = "masculine", "feminine"


def story(*events: tuple[Gender, str], gender: Gender = "feminine") -> Story:
    """Events of one character each, before a blank at 10; "role" is a noun that tells nothing."""
    told = tuple(Event(n, n, sex, kind == "pronoun", kind, n + 1) for n, (sex, kind) in enumerate(events))
    return Story("kind", "x" * 12, 10, 12, "she", "he/she", gender, 0, told)


def accuracies(*events: tuple[Gender, str], gender: Gender = "feminine") -> dict[str, float]:
    right = np.array([int(gender == "feminine")])
    return {
        name: rule_answers(rule, [story(*events, gender=gender)], right).summary().accuracy
        for name, rule in RULES.items()
    }


@pytest.mark.parametrize("gender", [M, F])
def test_each_rule_follows_its_word(gender: Gender) -> None:
    right = float(gender == F)
    found = accuracies((M, "noun"), (F, "name"), (F, "pronoun"), (M, "pronoun"), (F, "title"), gender=gender)
    assert found == {
        "nearest_pronoun": 1 - right,
        "last_noun": right,
        "first_mentioned": 1 - right,
        "bag_of_words": right,
    }


def test_a_rule_without_its_word_is_tied() -> None:
    assert set(accuracies().values()) == {0.5}
    assert accuracies((F, "name"), (M, "name"))["nearest_pronoun"] == 0.5
    assert accuracies((F, "name"), (M, "name"))["bag_of_words"] == 0.5
    assert accuracies((F, "pronoun"))["last_noun"] == 0.5


def test_a_role_tells_no_rule_anything() -> None:
    assert accuracies((M, "role"), (F, "pronoun"), (M, "role")) == dict.fromkeys(RULES, 1.0) | {"last_noun": 0.5}


def test_no_rule_reads_what_stands_after_the_blank() -> None:
    asked = Story("kind", "x" * 12, 0, 1, "she", "he/she", "feminine", 0, (Event(5, 0, "feminine", True, "name", 6),))
    for rule in RULES.values():
        assert rule_answers(rule, [asked], np.array([1])).summary().accuracy == 0.5
