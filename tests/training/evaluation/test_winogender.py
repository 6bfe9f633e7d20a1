"""Winogender's table and sentences, read. The sentences are our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import EvaluationError
from training.evaluation.ngram import words_of
from training.evaluation.winogender import Frame, Occupation, read_winogender, templates
from training.mining import BLANK
from training.pronouns import load_pairs

HEADER = "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\n"


def test_a_file_s_kind_follows_from_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(HEADER + "pilot\t5.5\t10\t2015\n")
    (tmp_path / "b.tsv").write_text(
        "sentid\tsentence\npilot.guest.1.male.txt\tThe pilot met the guest, and he sat down.\n"
        "pilot.guest.1.female.txt\tThe pilot met the guest, and she sat down.\n"
    )
    occupations, frames = read_winogender([tmp_path])
    assert occupations == [Occupation("pilot", {"bls": 10.0, "bergsma": 5.5})]
    assert [(f.occupation, f.participant, f.answer, sorted(f.versions)) for f in frames] == [
        ("pilot", "guest", 1, ["female", "male"])
    ]


def test_the_pronoun_is_the_one_word_in_which_the_versions_differ() -> None:
    frame = Frame("pilot", "guest", 1, {"male": "He saw his car.", "female": "He saw her car."})
    assert frame.pronouns == ("He saw ", {"male": "his", "female": "her"}, " car.")
    three = Frame(
        "p", "g", 1, {"male": "A man: he left.", "female": "A man: she left.", "neutral": "A man: they left."}
    )
    assert three.pronouns == ("A man: ", {"male": "he", "female": "she", "neutral": "they"}, " left.")


def test_a_neutral_version_in_which_more_changes_is_left_out() -> None:
    frame = Frame("p", "g", 1, {"male": "If he was in.", "female": "If she was in.", "neutral": "If they were in."})
    assert frame.pronouns == ("If ", {"male": "he", "female": "she"}, " was in.")


@pytest.mark.parametrize("female", ["She saw her.", "He saw a her.", "He saw him."])
def test_versions_that_differ_in_another_way_have_no_pronoun(female: str) -> None:
    assert Frame("p", "g", 1, {"male": "He saw him.", "female": female}).pronouns is None
    assert Frame("p", "g", 1, {"male": "He saw him."}).pronouns is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "pilot\t5.5\tmany\t2015\n", "line 2: bls_pct_female is 'many'; expected a number from 0 to 100"),
        (HEADER + "pilot\t101\t1\t2015\n", "line 2: bergsma_pct_female is '101'"),
        (HEADER + "pilot\t1\t1\t2015\npilot\t1\t1\t2015\n", "line 3: the occupation 'pilot' is there twice"),
        ("a\tb\n", "line 1: no column occupation"),
        ("sentid\tsentence\npilot.1.male\tx\n", "line 2: the sentid is 'pilot.1.male'"),
        ("sentid\tsentence\np.g.1.male.txt\t \n", "line 2: the sentence is empty"),
        ("sentid\tsentence\np.g.1.male.txt\tx\np.g.1.male.txt\ty\n", "line 3: p.g.1.male.txt is there twice"),
    ],
)
def test_a_malformed_file_is_refused_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=f"bad.tsv, {message}"):
        read_winogender([path])


def test_our_templates_are_neutral_and_have_one_blank_after_the_occupation() -> None:
    assert len(templates()) >= 20
    assert len(set(templates())) == len(templates())
    for template in templates():
        before, _, after = template.partition(BLANK)
        assert before.count("{occupation}") == 1
        assert "Xx" not in words_of(before.replace("{occupation}", "Xx"))[-2:]  # out of the n-gram's sight
        assert BLANK not in after
        assert not {word.strip(".,;").lower() for word in template.split()} & set(load_pairs().forms)
