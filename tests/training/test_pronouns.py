"""The pairs: what the shipped files hold, how forms shared by two pairs are told apart, and files that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.errors import PairsError
from training.pronouns import Pairs, PronounPair, load_pairs


def test_the_default_pairs_are_english_and_ask_he_or_she_first() -> None:
    pairs = load_pairs()
    assert pairs.default.forms == ("he", "she")
    gendered = ["he/she", "him/her", "his/her", "his/hers", "himself/herself"]
    assert [pair.name for pair in pairs.pairs] == [*gendered, "itself/themselves"]
    assert [pair.name for pair in pairs.pairs if pair.gendered] == gendered
    assert pairs.gendered_forms == ("he", "she", "him", "her", "his", "hers", "himself", "herself")
    assert pairs.forms == (*pairs.gendered_forms, "itself", "themselves")


def test_a_shipped_language_is_loaded_by_its_name() -> None:
    assert load_pairs("spanish").default.forms == ("él", "ella")


def test_each_form_knows_its_counterpart() -> None:
    pair = load_pairs().named("his/her")
    assert (pair.other("his"), pair.other("her")) == ("her", "his")


@pytest.mark.parametrize(
    ("following", "expected"),
    [
        (" book was", "noun"), (" mother", "noun"), (" own", "noun"), (" little", "noun"),
        ("", "pause"), ("\n", "pause"), (".", "pause"), (", and", "pause"), ("; he", "pause"), ("—the", "pause"),
        (" — the", "pause"), ('" said', "pause"), (" to go", "pause"), (" and", "pause"), (" the book", "pause"),
        (" that", "pause"), (")", "pause"),
        (" go home", "unclear"), (" Mary", "unclear"), (" two", "unclear"), (' "dear" friend', "unclear"),
        (" back", "unclear"), (" standing", "unclear"), (" slowly", "unclear"), (" beloved", "unclear"),
        (" 3", "unclear"), ("-self", "unclear"), ("'n", "unclear"), (" (the", "unclear"),
    ],
)  # fmt: skip
def test_what_follows_opens_a_noun_phrase_or_is_a_pause_or_is_unclear(following: str, expected: str) -> None:
    assert load_pairs().following(following) == expected


def test_a_language_without_lists_tells_by_marks_alone() -> None:
    pairs = Pairs("xx", (PronounPair("a/b", ("a", "b"), "pause"),))
    assert (pairs.following("."), pairs.following(" and")) == ("pause", "noun")


@pytest.mark.parametrize("name", ["english", "spanish"])
def test_pairs_survive_a_bundle_s_json(name: str) -> None:
    pairs = load_pairs(name)
    assert Pairs.from_json(json.loads(json.dumps(pairs.to_json()))) == pairs


def test_forms_are_normalised_as_every_text_is(tmp_path: Path) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text("language: es\npairs: [{name: él/ella, forms: [e\u0301l, ella]}]", encoding="utf-8")  # e, accent
    assert load_pairs(path).default.forms == ("él", "ella")


ENTRY = "{name: he/she, forms: [he, she]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language: [", "invalid YAML"),
        ("just words", "the file must hold the fields language, pairs"),
        ("pairs: []", "the file lacks language"),
        ("{language: en, pairs: []}", "'pairs' must be a list of at least one pair"),
        (f"{{language: en, pairs: [{ENTRY}], pauses: [to]}}", "unknown fields pauses; known are language"),
        ("{language: en, pairs: [{name: he/she}]}", "pair 1 lacks forms"),
        ("{language: en, pairs: [{name: x, forms: [he]}]}", "pair 1: 'forms' must be a list of two words"),
        ("{language: no, pairs: []}", "'pairs'"),
        ("{language: en, pairs: [{name: x, forms: [no, she]}]}", r"must be a word, got False.*in quotes"),
        ("{language: en, pairs: [{name: x, forms: [he, he]}]}", "the two forms are the same, 'he'"),
        ("{language: en, pairs: [{name: x, forms: [He, she]}]}", "write the form 'He' in lower case"),
        ("{language: en, pairs: [{name: x, forms: [he, she he]}]}", "'she he' is not one word of letters"),
        ("{language: en, pairs: [{name: x, forms: [he, she], before: noon}]}", "or left out, got 'noon'"),
        (f"{{language: en, pairs: [{ENTRY}, {ENTRY}]}}", "two pairs are named 'he/she'"),
        (f"{{language: en, pairs: [{ENTRY}], pause_words: 3}}", "'pause_words' must be a list of words"),
        (
            "{language: en, pairs: [{name: a, forms: [him, her]}, {name: b, forms: [his, her], before: noun}]}",
            r"'her' stands in the pairs 'a' and 'b' and nothing tells them apart.*before: noun",
        ),
    ],
)  # fmt: skip
def test_a_wrong_pairs_file_is_refused_with_its_name_and_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PairsError, match=message) as caught:
        load_pairs(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused_with_the_shipped_names() -> None:
    with pytest.raises(PairsError, match=r"klingon: cannot be read .* one of english, spanish"):
        load_pairs("klingon")


def test_an_unknown_pair_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(PairsError, match="no pair 'they/them'; the pairs are he/she, him/her"):
        load_pairs().named("they/them")
