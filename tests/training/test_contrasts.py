"""Contrasts: found where the mined text says they are, with the pieces that decide, for every kind of tokenizer."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from model.text import normalised
from model.tokenizer import KINDS, Tokenizer
from tests.tiny import SENTENCES, tiny_tokenizer
from training.contrasts import ContrastTable
from training.corpus import Document
from training.fit_tokenizer import fit_tokenizer
from training.mining import mine
from training.pronouns import Pairs, PronounPair, load_pairs

TEXT = " ".join(map(normalised, SENTENCES))


def stream(tokenizer: Tokenizer, text: str = TEXT) -> np.ndarray:
    return np.array([tokenizer.begin_id, *tokenizer.encode_ids(text), tokenizer.end_id])


@pytest.mark.parametrize("kind", ["subword", "word"])
def test_a_single_piece_is_contrasted_with_its_counterpart_in_the_same_form(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    table = ContrastTable(load_pairs(), tokenizer)
    ids = stream(tokenizer, 'Anna said she was. "He was," he said.')
    found = table.find(ids)
    pieces = [(tokenizer.pieces[a], tokenizer.pieces[b]) for a, b in zip(found.right_ids, found.wrong_ids, strict=True)]
    assert pieces == [("▁she", "▁he"), ("He", "She"), ("▁he", "▁she")]
    assert [tokenizer.pieces[piece] for piece in ids[found.positions]] == [right for right, _ in pieces]
    assert found.pair_index.tolist() == [0, 0, 0]
    assert found.answer_index.tolist() == [1, 0, 0]


def test_in_a_character_stream_the_first_differing_character_decides() -> None:
    tokenizer = tiny_tokenizer("character")
    ids = stream(tokenizer, "saw him, his book")
    found = ContrastTable(load_pairs(), tokenizer).find(ids)
    pieces = [(tokenizer.pieces[a], tokenizer.pieces[b]) for a, b in zip(found.right_ids, found.wrong_ids, strict=True)]
    assert pieces == [("i", "e"), ("i", "e")]  # h-i-m against h-e-r, h-i-s against h-e-r
    assert found.positions.tolist() == [1 + 5, 1 + 10]


@pytest.mark.parametrize("kind", KINDS)
def test_the_stream_s_contrasts_are_the_text_s_items_capitals_included(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    pairs = load_pairs()
    found = ContrastTable(pairs, tokenizer).find(stream(tokenizer))
    names = [
        (pairs.pairs[pair].name, pairs.pairs[pair].forms[answer])
        for pair, answer in zip(found.pair_index, found.answer_index, strict=True)
    ]
    assert names == [(item.pair.name, item.answer) for item in mine([Document("text", iter([TEXT.lower()]))], pairs)]


@pytest.mark.parametrize("kind", KINDS)
def test_words_that_only_begin_like_a_pronoun_are_not_found(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    assert (
        len(
            ContrastTable(load_pairs(), tokenizer)
            .find(stream(tokenizer, "hershe sheher heshe xhe, herselfs."))
            .positions
        )
        == 0
    )


def test_a_word_cut_at_the_stream_s_end_or_by_padding_is_not_counted() -> None:
    tokenizer = tiny_tokenizer("subword")
    table = ContrastTable(load_pairs(), tokenizer)
    ids = np.array([tokenizer.begin_id, *tokenizer.encode_ids("Tom said he")])
    assert len(table.find(ids).positions) == 0
    assert len(table.find(np.append(ids, tokenizer.end_id)).positions) == 1
    # Whether "her" is his or him depends on a word that may go on where the window ends.
    her = np.array([tokenizer.begin_id, *tokenizer.encode_ids("He saw her hand")])
    assert table.find(np.append(her, tokenizer.pad_id)).pair_index.tolist() == [0]
    assert table.find(np.append(her, tokenizer.end_id)).pair_index.tolist() == [0, 2]


def test_a_form_split_into_pieces_is_found_at_the_piece_that_differs() -> None:
    tokenizer = tiny_tokenizer("subword")
    pairs = Pairs("xx", (PronounPair("heshe/hehim", ("heshe", "hehim")),))
    first, second = (tokenizer.encode_ids(form) for form in ("heshe", "hehim"))
    offset = next(k for k, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    found = ContrastTable(pairs, tokenizer).find(stream(tokenizer, "Tom heshe was hehim."))
    start = 1 + len(tokenizer.encode_ids("Tom"))
    assert found.positions.tolist() == [start + offset, start + len(first) + len(tokenizer.encode_ids("was")) + offset]
    assert found.right_ids.tolist() == [first[offset], second[offset]]
    assert found.wrong_ids.tolist() == [second[offset], first[offset]]


def test_a_form_that_opens_its_counterpart_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = tiny_tokenizer("character")
    with caplog.at_level(logging.WARNING):
        table = ContrastTable(Pairs("xx", (PronounPair("he/her", ("he", "her")),)), tokenizer)
    assert len(table) == 0
    assert "the contrast he/her is left out: not decided by one piece" in caplog.text
    assert len(table.find(stream(tokenizer)).positions) == 0


def test_a_form_that_the_tokenizer_does_not_know_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        table = ContrastTable(Pairs("xx", (PronounPair("он/она", ("он", "она")),)), tiny_tokenizer("word"))
    assert len(table) == 0
    assert "left out" in caplog.text


def test_an_empty_stream_has_no_contrasts() -> None:
    found = ContrastTable(load_pairs(), tiny_tokenizer()).find(np.zeros(0, dtype=np.uint16))
    assert [len(column) for column in found] == [0] * 6


def test_small_integer_types_are_read_as_well() -> None:
    tokenizer = tiny_tokenizer()
    table = ContrastTable(load_pairs(), tokenizer)
    expected = table.find(stream(tokenizer))
    for dtype in (np.uint16, np.int32, np.uint32):
        for column, wanted in zip(table.find(stream(tokenizer).astype(dtype)), expected, strict=True):
            np.testing.assert_array_equal(column, wanted)


def rival_tokenizer() -> Tokenizer:
    """Words, among them itself and themselves."""
    texts = [*map(normalised, SENTENCES), "The cat saw itself. They saw themselves. Itself! Themselves!"]
    return fit_tokenizer(texts, "word", 200, [*load_pairs().gendered_forms, "itself", "themselves"])


def rivals_of(tokenizer: Tokenizer, text: str) -> list[list[str]]:
    found = ContrastTable(load_pairs(), tokenizer).find(stream(tokenizer, text))
    return [[tokenizer.pieces[rival] if rival >= 0 else "" for rival in row] for row in found.rival_ids]


def test_a_reflexive_is_told_from_its_rivals_in_the_same_written_form() -> None:
    tokenizer = rival_tokenizer()
    assert rivals_of(tokenizer, "Anna hurt herself.") == [["▁itself", "▁themselves"]]
    assert rivals_of(tokenizer, "Herself!") == [["▁Itself", "▁Themselves"]]
    assert rivals_of(tokenizer, "the cat saw itself.") == [["▁himself", "▁herself"]]
    assert rivals_of(tokenizer, "Tom saw her, she said.") == [["", ""], ["", ""]]  # no rivals: padded


def test_the_pair_of_a_number_is_a_contrast_of_its_own() -> None:
    tokenizer = rival_tokenizer()
    found = ContrastTable(load_pairs(), tokenizer).find(stream(tokenizer, "They saw themselves."))
    names = [load_pairs().pairs[pair].name for pair in found.pair_index]
    assert names == ["itself/themselves"]
    assert [tokenizer.pieces[piece] for piece in (*found.right_ids, *found.wrong_ids)] == ["▁themselves", "▁itself"]


def test_a_rival_that_the_tokenizer_does_not_know_is_left_out_and_the_contrast_stays() -> None:
    tokenizer = tiny_tokenizer("word")  # knows neither itself nor themselves
    found = ContrastTable(load_pairs(), tokenizer).find(stream(tokenizer, "Anna hurt herself."))
    assert len(found.positions) == 1
    assert (found.rival_ids == -1).all()


def test_a_rival_decides_at_the_same_piece_as_the_counterpart() -> None:
    tokenizer = tiny_tokenizer("character")
    pairs = Pairs("en", (PronounPair("himself/herself", ("himself", "herself"), rivals=("hem", "itself", "hi")),))
    found = ContrastTable(pairs, tokenizer).find(stream(tokenizer, "saw himself."))
    # h-i-m against h-e-r: at the second letter hem has another one; itself differs before, hi does not differ there.
    assert [tokenizer.pieces[rival] for rival in found.rival_ids[0]] == ["e"]
