"""Preparation: what the tokenizer and the shards are made from, and what makes new ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import tiny_run, write_corpus
from training import twins
from training.augmentation import Augmentation
from training.corpus import read_documents
from training.errors import CheckpointError
from training.phrases import find_phrases
from training.preparation import Corpus, prepare
from training.pronouns import Pairs, load_pairs
from training.shards import TokenShards
from training.stories import story_documents

Prepare = Callable[..., Corpus]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Prepares the tiny corpus in the test's folder, with 40 documents of stories where stories are asked for."""
    monkeypatch.setattr(twins, "N_TWINS", 40)
    monkeypatch.setattr(twins, "STORIES_FITTED", 20)
    corpus = write_corpus(tmp_path / "texts")

    def call(pairs: Pairs | None = None, **settings: Any) -> Corpus:
        tiny = tiny_run(tmp_path, corpus=corpus, **({"vocabulary": 300} | settings))
        tiny.options.run_folder.mkdir(exist_ok=True)
        return prepare(tiny.config, pairs or load_pairs(), tiny.options)

    return call


def texts(tokens: TokenShards | None, corpus: Corpus) -> list[str]:
    """The paragraphs of every document, as the tokenizer gives them back."""
    assert tokens is not None
    found = []
    for start in tokens.document_starts:
        ids = tokens.read(int(start) + 1, tokens.document_end(int(start)) - 1)
        found += "".join(corpus.tokenizer.pieces[i] for i in ids).replace("▁", " ").split("\n")
    return [text.strip() for text in found]


def written_at(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.iterdir())}


def test_without_stories_and_augmentation_there_are_the_texts_alone(prepared: Prepare, tmp_path: Path) -> None:
    corpus = prepared()
    assert corpus.twins is None
    assert not (tmp_path / "tiny.run" / "twin-shards").exists()
    read = [p for d in read_documents([tmp_path / "texts"]) for p in d.paragraphs]
    assert texts(corpus.tokens, corpus) == read


def test_stories_have_shards_of_their_own_that_follow_from_the_seed_and_the_texts(
    prepared: Prepare, tmp_path: Path
) -> None:
    corpus = prepared(story_share=0.25, seed=3)
    phrases = find_phrases(read_documents([tmp_path / "texts"]), load_pairs(), seed=3)
    told = [paragraph for document in story_documents(40, 3, phrases) for paragraph in document.paragraphs]
    known = [line for line, seen in zip(told, texts(corpus.twins, corpus), strict=True) if line == seen]
    assert len(known) > len(told) / 2  # the rest has letters that the few fitted stories lack
    assert len(corpus.tokens.document_starts) == 2


def test_excerpts_stand_beside_their_twins_after_the_stories_in_the_share_asked_for(prepared: Prepare) -> None:
    corpus = prepared(story_share=0.3, excerpt_share=0.1, rename_share=0.0)
    assert corpus.twins is not None
    assert len(corpus.twins.document_starts) == 40
    excerpts = "\n".join(texts(corpus.twins, corpus)).split("Mary packed her bag")
    assert len(excerpts) > 1
    assert corpus.tokens.sha256 == prepared(story_share=0.3, rename_share=0.0).tokens.sha256


def test_a_corpus_without_pronouns_has_no_excerpts_and_is_told_so(
    prepared: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "texts").iterdir():
        path.write_text("The rain fell on the quiet town, and nobody was out.\n" * 300)
    corpus = prepared(story_share=0.3, excerpt_share=0.1)
    assert corpus.twins is not None
    assert len(corpus.twins.document_starts) == 40
    assert prepared(excerpt_share=0.1).twins is None  # no stories instead where none were asked for
    told = capsys.readouterr()
    assert "no excerpts: no gendered pronoun stands in the corpus" in told.out + told.err


def test_the_texts_are_augmented_and_those_held_out_are_not(prepared: Prepare, tmp_path: Path) -> None:
    valid = write_corpus(tmp_path / "valid", first_seed=7)
    corpus = prepared(rename_share=0.0, swap_share=1.0, valid=[str(valid)])
    augmented = Augmentation(load_pairs(), 0.0, 1.0, 1).documents(read_documents([tmp_path / "texts"]))
    wanted = [paragraph.count(" ") for document in augmented for paragraph in document.paragraphs]
    got = texts(corpus.tokens, corpus)
    assert [text.count(" ") for text in got] == wanted
    assert not any("Mary packed her bag" in text for text in got)
    assert sum("packed her bag because she was" in text for text in texts(corpus.held_out, corpus)) == 8


@pytest.mark.parametrize(
    ("changed", "corpus_is_new", "stories_are_new"),
    [
        ({}, False, False),
        ({"steps": 9, "hidden": 4, "story_share": 0.5}, False, False),
        ({"excerpt_share": 0.25}, False, True),
        ({"swap_share": 0.25}, True, True),
        ({"rename_share": 0.75}, True, True),
        ({"seed": 2}, True, True),
        ({"vocabulary": 280}, True, True),
    ],
)
def test_shards_are_made_anew_when_what_they_depend_on_changes(
    prepared: Prepare, tmp_path: Path, changed: dict[str, Any], corpus_is_new: bool, stories_are_new: bool
) -> None:
    """A change of the augmentation changes the tokenizer's texts, and with the tokenizer everything."""
    settings = {"story_share": 0.25, "rename_share": 0.5, "swap_share": 0.5, "seed": 1}
    folders = [tmp_path / "tiny.run" / name for name in ("shards", "twin-shards")]
    prepared(**settings)
    before = [written_at(folder) for folder in folders]
    prepared(**(settings | changed))
    after = [written_at(folder) for folder in folders]
    assert [one != other for one, other in zip(before, after, strict=True)] == [corpus_is_new, stories_are_new]


def test_stories_of_another_grammar_are_made_anew_and_the_corpus_stays(
    prepared: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "tiny.run" / name for name in ("shards", "twin-shards")]
    prepared(story_share=0.25)
    before = [written_at(folder) for folder in folders]
    monkeypatch.setattr(twins, "grammar_sha256", lambda: "another")
    prepared(story_share=0.25)
    after = [written_at(folder) for folder in folders]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_a_resumed_run_refuses_another_augmentation(prepared: Prepare) -> None:
    prepared(swap_share=0.5)
    with pytest.raises(CheckpointError, match="belongs to a run on other texts"):
        prepared(swap_share=0.25, resume=True)


def test_a_language_without_lists_has_neither_stories_nor_augmentation_and_is_told_so(
    prepared: Prepare, capsys: pytest.CaptureFixture[str]
) -> None:
    english = load_pairs()
    corpus = prepared(Pairs("xx", english.pairs, english.pause_words), story_share=0.25, swap_share=1.0)
    assert corpus.twins is None
    assert any("Mary packed her bag" in text for text in texts(corpus.tokens, corpus))
    told = capsys.readouterr()
    assert "no stories and no excerpts: there is no grammar for the language 'xx'" in told.out + told.err
    assert (
        "no augmentation: there are no lists of names and gendered words for the language 'xx'" in told.out + told.err
    )
