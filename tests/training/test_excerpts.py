"""Excerpts of a corpus and their twins of the other gender."""

from __future__ import annotations

from training.augmentation import Augmentation
from training.corpus import Document
from training.excerpts import Excerpt, excerpt_documents, find_excerpts, sha256_of
from training.pronouns import load_pairs

SENTENCE = "On day {} she took her coat, and the old king followed Mary to the door."
PAIRS = load_pairs()


def documents(*texts: list[str]) -> list[Document]:
    return [Document(f"text {number}", iter(paragraphs)) for number, paragraphs in enumerate(texts)]


def found(*texts: list[str], at_most: int = 100, seed: int = 1) -> list[Excerpt]:
    return find_excerpts(documents(*texts), PAIRS, at_most, seed)


def told(excerpt: Excerpt, rename_share: float, seed: int = 1) -> list[list[str]]:
    return [list(d.paragraphs) for d in excerpt_documents([excerpt], Augmentation(PAIRS, rename_share, 0.5, seed))]


def test_excerpts_are_whole_sentences_that_stand_side_by_side_and_in_order() -> None:
    sentences = [SENTENCE.format(number) for number in range(300)]
    paragraphs = [" ".join(sentences[start : start + 3]) for start in range(0, 300, 3)]
    excerpts = found(paragraphs)
    assert " ".join(part for excerpt in excerpts for part in excerpt) == " ".join(paragraphs)
    words = [sum(len(part.split()) for part in excerpt) for excerpt in excerpts]
    assert min(words) < 30 < 100 < max(words) < 130 + len(SENTENCE.split())
    assert all(part in "\n".join(paragraphs) for excerpt in excerpts for part in excerpt)


def test_an_excerpt_ends_at_a_break_and_with_its_document() -> None:
    assert found(["He left.", "", "She came."], ["It was his."]) == [("He left.",), ("She came.",), ("It was his.",)]


def test_what_tells_no_gender_is_no_excerpt() -> None:
    assert found(["The rain fell on Mary."], ["The sun shone on it."]) == []


def test_of_many_excerpts_so_many_are_drawn_by_the_seed_from_the_whole_corpus() -> None:
    paragraphs = [f"On day {number} he left." for number in range(2000) for _ in range(2)]
    everything, drawn = found(paragraphs, at_most=10**6), found(paragraphs, at_most=50)
    assert len(drawn) == 50 < len(everything)
    assert drawn == [excerpt for excerpt in everything if excerpt in drawn]  # in the order of the corpus
    places = [everything.index(excerpt) / len(everything) for excerpt in drawn]
    assert min(places) < 0.2 < 0.8 < max(places)
    assert drawn == found(paragraphs, at_most=50)
    assert drawn != found(paragraphs, at_most=50, seed=2)
    assert len({sha256_of(drawn), sha256_of(drawn[1:]), sha256_of(everything)}) == 3


def test_a_twin_has_the_other_genders_and_is_else_the_same() -> None:
    first, second = told(("She took her coat.", "The king saw him."), rename_share=0.0)
    assert first == ["She took her coat.", "The king saw him."]
    assert second == ["He took his coat.", "The queen saw her."]


def test_names_are_replaced_in_both_twins_or_but_for_the_swap_in_neither() -> None:
    excerpt = ("Mary took her coat. Mary left.",)
    (kept,), (swapped,) = told(excerpt, rename_share=0.0)
    assert kept == excerpt[0]
    name = swapped.split()[0]
    assert swapped == f"{name} took his coat. {name} left."
    assert name != "Mary"
    (renamed,), (swapped,) = told(excerpt, rename_share=1.0)
    names = renamed.split()[0], swapped.split()[0]
    assert renamed == f"{names[0]} took her coat. {names[0]} left."
    assert swapped == f"{names[1]} took his coat. {names[1]} left."
    assert len({"Mary", *names}) == 3
    assert told(excerpt, 1.0) == told(excerpt, 1.0) != told(excerpt, 1.0, seed=2)


def test_an_excerpt_that_comes_again_bears_other_names() -> None:
    again = list(excerpt_documents([("Mary left her coat.",)] * 2, Augmentation(PAIRS, 1.0, 0.5, 1)))
    assert [document.name for document in again] == [f"excerpt {number}" for number in range(4)]
    assert len({next(document.paragraphs) for document in again}) == 4
