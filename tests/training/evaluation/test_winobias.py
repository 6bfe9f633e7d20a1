"""WinoBias's lines, and persons in place of occupations. The sentences are our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import EvaluationError
from training.evaluation.winobias import Sentence, occupations_of, persons, read_winobias, substituted
from training.pronouns import load_pairs

FORMS = load_pairs().forms


def read(folder: Path, *lines: str, name: str = "pro_stereotyped_type2.txt.dev") -> list[Sentence]:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_winobias([path], FORMS)


def test_a_line_is_read_without_its_brackets(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "7 The pilot met [the gardener] and greeted [her] .")
    assert (sentence.kind, sentence.type, sentence.number) == ("pro", 2, 7)
    assert sentence.text == "The pilot met the gardener and greeted her."
    assert [sentence.of(span) for span in (*sentence.entities, *sentence.pronouns)] == ["the gardener", "her"]


@pytest.mark.parametrize("bracketed", ["the [gardener]", "the [ gardener ]", "the [the gardener]", "[the gardener]"])
def test_an_article_belongs_to_the_occupation_wherever_it_stands(tmp_path: Path, bracketed: str) -> None:
    (sentence,) = read(tmp_path, f"1 The pilot washed {bracketed} 's car and thanked [her].")
    assert sentence.text == "The pilot washed the gardener's car and thanked her."
    assert sentence.of(sentence.entities[0]) == "the gardener"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("The pilot met [the gardener] and greeted [her].", "line 2: no number at the begin"),
        ("2 The pilot met the gardener and greeted [her].", "line 2: no occupation in brackets"),
        ("2 The pilot met [the gardener] and greeted her.", "line 2: no pronoun of the bundle's pairs in brackets"),
        ("2 The pilot met [the gardener and greeted [her].", "line 2: a bracket without its counterpart"),
    ],
)
def test_a_malformed_line_is_refused_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=f"pro_stereotyped_type2.txt.dev, {message}"):
        read(tmp_path, "1 The pilot met [the gardener] and greeted [her].", line)


def test_a_file_whose_name_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="its name does not say pro or anti"):
        read(tmp_path, "1 The pilot met [the gardener] and greeted [her].", name="sentences.txt")
    with pytest.raises(EvaluationError, match="no line in this file"):
        read(tmp_path)


def test_persons_take_the_places_of_both_occupations(tmp_path: Path) -> None:
    sentences = read(
        tmp_path,
        "1 The pilot met [the gardener] and greeted [her].",
        "2 The gardener called, so [the pilot] said that [he] was busy.",
    )
    occupations = occupations_of(sentences)
    assert occupations == {"pilot", "gardener"}
    made = substituted(sentences[0], occupations, "aunt", "uncle")
    assert not isinstance(made, str)
    assert made.text == "The uncle met the aunt and greeted her."
    assert made.text[slice(*made.pronoun)] == "her"
    assert (made.referent_first, made.referent_nearest) == (False, True)
    made = substituted(sentences[1], occupations, "king", "queen")
    assert not isinstance(made, str)
    assert made.text == "The queen called, so the king said that he was busy."


def test_a_sentence_without_exactly_one_other_occupation_has_no_such_form(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "1 The pilot met [the gardener] and greeted [her].")
    reason = "not exactly one other occupation"
    assert substituted(sentence, {"gardener"}, "aunt", "uncle") == reason
    (sentence,) = read(tmp_path, "1 The pilot and the nun met [the gardener] and greeted [her].")
    assert substituted(sentence, {"gardener", "pilot", "nun"}, "aunt", "uncle") == reason


def test_the_persons_are_pairs_of_different_words() -> None:
    words = [word for pair in persons() for word in pair]
    assert len(persons()) >= 5
    assert len(set(words)) == len(words)
