"""Fitting: the vocabulary's size, the words it must hold, the same result twice, and what cannot be fitted."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from model.tokenizer import KINDS
from training.errors import TokenizerFitError
from training.fit_tokenizer import count_segments, fit_tokenizer

PARAGRAPHS = [
    f"The {colour} {animal} saw a {other} and {verb} slowly over the {place}, singing."
    for colour in ("red", "brown", "yellow")
    for animal in ("fox", "hen", "tiger", "wolf")
    for other in ("cat", "mouse")
    for verb in ("walked", "talked", "stalked")
    for place in ("river", "valley", "mountain")
]
ALWAYS = ["he", "she", "him", "her", "his", "hers", "himself", "herself"]
FORMS = [form for word in ALWAYS for form in (" " + word, word, " " + word.title(), word.title())]


@pytest.mark.parametrize("kind", ["subword", "word"])
def test_the_words_to_hold_are_single_pieces_in_four_forms(kind: str) -> None:
    tokenizer = fit_tokenizer(PARAGRAPHS, kind, 150, ALWAYS)
    for form in FORMS:
        assert [tokenizer.pieces[i] for i in tokenizer.encode_segment(form)] == [form.replace(" ", "▁")]


def test_the_words_to_hold_never_match_inside_other_words() -> None:
    tokenizer = fit_tokenizer([*PARAGRAPHS, *["Where is Weimer?"] * 400], "subword", 150, ["he", "me"])
    assert [tokenizer.pieces[i] for i in tokenizer.encode_ids("Where")] == ["▁Where"]


def test_the_character_kind_holds_their_letters() -> None:
    tokenizer = fit_tokenizer(["aaa bbb"], "character", 100, ["xe", "Žluť"])
    assert set("xeXŽluťab▁\n") <= set(tokenizer.pieces)


@pytest.mark.parametrize(("kind", "size"), [("subword", 120), ("word", 20), ("character", 20)])
def test_the_vocabulary_has_the_size_asked_for(kind: str, size: int) -> None:
    assert fit_tokenizer(PARAGRAPHS, kind, size).vocabulary_size == size


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_corpus_gives_a_smaller_vocabulary_and_a_warning(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tokenizer = fit_tokenizer(PARAGRAPHS, kind, 5_000, ["he"])
    assert 20 < tokenizer.vocabulary_size < 1_000
    assert f"the texts offer only {tokenizer.vocabulary_size} {kind} pieces; 5000 were asked for" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_tokenizer_in_any_order(kind: str) -> None:
    first = fit_tokenizer(PARAGRAPHS, kind, 100, ["he"])
    assert fit_tokenizer(iter(PARAGRAPHS), kind, 100, ["he"]).serialized == first.serialized
    assert fit_tokenizer(PARAGRAPHS[::-1], kind, 100, ["he"]).serialized == first.serialized


@pytest.mark.parametrize("kind", KINDS)
def test_odd_characters_never_become_pieces(kind: str) -> None:
    odd = "a\x00b \ud800 ▁she x\ty \x1b\x7f 😀 <s> </s>\n\nnext"
    pieces = fit_tokenizer([odd] * 3, kind, 100).pieces
    assert not {"\x00", "\ud800", "\t", "\x1b", "\x7f", "▁▁"} & set("".join(pieces[5:]).replace("\n", ""))
    assert "😀" in "".join(pieces)
    assert pieces.count("<s>") == pieces.count("</s>") == 1


def test_rare_characters_leave_room_for_words() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 500)))
    tokenizer = fit_tokenizer([*PARAGRAPHS * 3, many], "subword", 200)
    assert sum(piece in many for piece in tokenizer.pieces) < 100
    assert "▁walked" in tokenizer.pieces


def test_words_around_a_rare_character_still_count() -> None:
    paragraphs = [*["naïve"] * 50, *["river"] * 60_000, *["zebraЖzebra"] * 2]
    tokenizer = fit_tokenizer(paragraphs, "subword", 100)
    assert "Ж" not in tokenizer.pieces
    assert "ebra" in "".join(tokenizer.pieces)


def test_segments_are_counted_with_the_space_before_them() -> None:
    counts = count_segments(["she saw (she\nshe", "\x00 x\x00", "y" * 2_000])
    assert counts == Counter({" she": 2, " saw": 1, " (": 1, "she": 1, " x": 1})


def test_counting_forgets_the_rarest_when_there_are_too_many() -> None:
    paragraphs = ["she she she he he"] + [f"w{i}" for i in range(100)]
    counts = count_segments(paragraphs, max_counted=10)
    assert len(counts) <= 10
    assert counts[" she"] == 3
    assert counts[" he"] == 2


def test_empty_texts_are_refused() -> None:
    for paragraphs in ([], ["", "\n", "\x00"]):
        with pytest.raises(TokenizerFitError, match="empty texts"):
            fit_tokenizer(paragraphs, "subword", 100)


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TokenizerFitError, match="'bytes' does not exist; expected one of subword, word, character"):
        fit_tokenizer(PARAGRAPHS, "bytes", 100)


@pytest.mark.parametrize("word", ["", "they're", "he she", "▁he", "😀"])
def test_a_word_that_cannot_be_one_piece_is_refused(word: str) -> None:
    with pytest.raises(TokenizerFitError, match="cannot be a single piece"):
        fit_tokenizer(PARAGRAPHS, "subword", 100, ["he", word])


@pytest.mark.parametrize(
    ("kind", "size", "reason"),
    [
        ("subword", 12, "Ask for at least 16"),
        ("character", 12, "Ask for at least 16"),
        ("subword", 40, "too small to hold .* as single pieces"),
        ("word", 12, "too small to hold .* as single pieces"),
        ("word", 3, "could not fit|too small"),
    ],
)
def test_a_vocabulary_too_small_for_the_words_is_refused(kind: str, size: int, reason: str) -> None:
    with pytest.raises(TokenizerFitError, match=reason):
        fit_tokenizer(PARAGRAPHS, kind, size, ALWAYS)
