"""The three kinds of tokenizer: pieces, spans, what is unknown, and what is refused."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from model import tokenizer as tokenizer_module
from model.errors import BundleContentError
from model.text import normalised
from model.tokenizer import KINDS, Tokenizer, marked_segments
from training.fit_tokenizer import fit_tokenizer

PARAGRAPHS = [
    'Mary packed because she was leaving. "She was tired," he said.',
    "John said that he was leaving, and Mary said she'd seen him. He hit it; his dog hid.",
    "Her (she) 'he' (He) (She) walking, talking, singing, reading — and walked, talked, packed!",
] * 3


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return _fitted(request.param)


@pytest.fixture(scope="module")
def subword() -> Tokenizer:
    return _fitted("subword")


@pytest.fixture(scope="module")
def word() -> Tokenizer:
    return _fitted("word")


@pytest.fixture(scope="module")
def character() -> Tokenizer:
    return _fitted("character")


def test_the_first_ids_are_padding_unknown_begin_end(tokenizer: Tokenizer) -> None:
    assert tokenizer.pieces[:4] == ("<pad>", "<unk>", "<s>", "</s>")
    assert (tokenizer.pad_id, tokenizer.unknown_id, tokenizer.begin_id, tokenizer.end_id) == (0, 1, 2, 3)
    assert tokenizer.vocabulary_size == len(tokenizer.pieces) == len(tokenizer.is_word) == len(tokenizer.is_marked)


def test_subword_pieces_carry_the_mark_of_the_space_before(subword: Tokenizer) -> None:
    assert _pieces(subword, 'She said "she\nHe') == ["▁She", "▁said", '▁"', "she", "\n", "▁He"]


def test_the_start_of_a_text_and_of_a_line_count_as_a_space(subword: Tokenizer, word: Tokenizer) -> None:
    for tokenizer in (subword, word):
        assert tokenizer.encode_ids("she") == tokenizer.encode_ids(" she")
        assert _pieces(tokenizer, "she\n\nshe") == ["▁she", "\n", "\n", "▁she"]


def test_context_never_changes_the_pieces_of_a_segment(tokenizer: Tokenizer) -> None:
    text = "Mary's dog said \"she walks\".\nHe 'hides'"
    whole = [tokenizer.pieces[i] for segment in marked_segments(text) for i in tokenizer.encode_segment(segment)]
    if tokenizer.kind == "character":
        whole = [tokenizer.pieces[i] for character in text for i in tokenizer.encode_segment(character)]
    assert whole == _pieces(tokenizer, text)


def test_words_outside_the_vocabulary_are_one_unknown_piece_with_its_span(word: Tokenizer) -> None:
    encoding = word.encode("Mary zebra, she")
    assert [word.pieces[i] for i in encoding.ids] == ["▁Mary", "<unk>", ",", "▁she"]
    assert list(zip(encoding.starts, encoding.ends, strict=True)) == [(0, 4), (5, 10), (10, 11), (12, 15)]


def test_characters_are_pieces_and_the_space_is_the_mark(character: Tokenizer) -> None:
    encoding = character.encode("he is\n")
    assert [character.pieces[i] for i in encoding.ids] == ["h", "e", "▁", "i", "s", "\n"]
    assert encoding.starts == [0, 1, 2, 3, 4, 5]
    assert encoding.ends == [1, 2, 3, 4, 5, 6]


def test_spans_leave_out_the_space_that_the_mark_stands_for(subword: Tokenizer) -> None:
    text = "she leaving\nHe (she"
    encoding = subword.encode(text)
    spans = zip(encoding.ids, encoding.starts, encoding.ends, strict=True)
    assert all(text[start:end] == subword.pieces[i].removeprefix("▁") for i, start, end in spans)
    assert "".join(text[a:b] for a, b in zip(encoding.starts, encoding.ends, strict=True)) == text.replace(" ", "")


def test_each_unknown_character_is_a_piece_of_its_own(subword: Tokenizer) -> None:
    encoding = subword.encode("she😀😀 😀")
    assert [subword.pieces[i] for i in encoding.ids] == ["▁she", "<unk>", "<unk>", "▁", "<unk>"]
    assert list(zip(encoding.starts, encoding.ends, strict=True)) == [(0, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
    assert _pieces(subword, "sheйheй") == ["▁she", "<unk>", "he", "<unk>"]


def test_a_mark_that_stands_for_no_space_covers_nothing(subword: Tokenizer) -> None:
    encoding = subword.encode("😀she")
    assert [subword.pieces[i] for i in encoding.ids] == ["▁", "<unk>", "she"]
    assert list(zip(encoding.starts, encoding.ends, strict=True)) == [(0, 0), (0, 1), (1, 4)]


@pytest.mark.parametrize(
    "text", ["▁she", "<s> he </s>", "<pad><unk>", "\x00he\x00", "\ud800\udfff", " ", "\n", "", "he ", "\t▁▁"]
)
def test_no_text_becomes_a_control_piece_or_a_mark_of_its_own(tokenizer: Tokenizer, text: str) -> None:
    encoding = tokenizer.encode(text)
    assert not {tokenizer.pad_id, tokenizer.begin_id, tokenizer.end_id} & set(encoding.ids)
    assert tokenizer.encode_ids(text) == encoding.ids
    for i, start, end in zip(encoding.ids, encoding.starts, encoding.ends, strict=True):
        assert i == tokenizer.unknown_id or "▁" not in text[start:end]


def test_both_ways_of_encoding_agree_and_spans_are_in_order(tokenizer: Tokenizer) -> None:
    chance = random.Random(3)
    for _ in range(1_000):
        text = "".join(chance.choices("shemaryHE  ','.\n\n▁\x00😀й\ud800é3", k=chance.randrange(20)))
        encoding = tokenizer.encode(text)
        assert tokenizer.encode_ids(text) == encoding.ids
        place = 0
        for i, start, end in zip(encoding.ids, encoding.starts, encoding.ends, strict=True):
            assert place <= start <= end <= len(text)
            assert set(text[place:start]) <= {" "}
            if i != tokenizer.unknown_id:
                piece = tokenizer.pieces[i]
                assert text[start:end] == (piece if piece == "\n" else piece.removeprefix("▁")) or piece == "▁"
            place = end
        assert set(text[place:]) <= {" "}


def test_the_cache_changes_nothing_and_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_module, "_CACHED_SEGMENTS", 5)
    fresh = _fitted("subword")
    text = normalised(" ".join(PARAGRAPHS)) + " " + "she" * 50
    expected = [i for segment in marked_segments(text) for i in fresh.encode_segment(segment)]
    for _ in range(2):
        assert fresh.encode_ids(text) == expected
        assert len(fresh._cache) <= 5


def test_a_very_long_word_is_encoded_in_reasonable_time(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("she" * 50_000)
    assert encoding.ends[-1] == 150_000


def test_word_pieces_and_marks_are_known_by_id(subword: Tokenizer) -> None:
    of = {piece: i for i, piece in enumerate(subword.pieces)}
    assert subword.is_word[[of["▁she"], of["she"], of["s"]]].all()
    assert not subword.is_word[[0, 1, 2, 3, of["\n"], of["▁"], of[","], of['▁"']]].any()
    assert subword.is_marked[[of["▁she"], of["▁"], of['▁"']]].all()
    assert not subword.is_marked[[0, 1, 2, 3, of["she"], of["\n"]]].any()


def test_inner_pieces_continue_the_word_before_them(subword: Tokenizer) -> None:
    of = {piece: i for i, piece in enumerate(subword.pieces)}
    ids = [of[piece] for piece in ("she", "▁she", "s", "s", "▁he", ",", "s", "s", "\n", "▁he", "▁", "s")]
    expected = [False, False, True, True, False, False, False, True, False, False, False, False]
    assert subword.is_inner(ids).tolist() == expected
    assert subword.is_inner(np.array(ids)).tolist() == expected
    assert subword.is_inner([]).tolist() == []


def test_a_letter_after_a_letter_is_inner_in_the_character_kind(character: Tokenizer) -> None:
    assert not character.is_marked.any()
    assert character.is_inner(character.encode_ids("he is")).tolist() == [False, True, False, False, True]


def test_nothing_is_inner_in_the_word_kind(word: Tokenizer) -> None:
    assert not word.is_inner(word.encode_ids("Mary's dog, she'd said")).any()


def test_whole_words_are_marked_after_a_space_and_bare_after_anything_else(
    subword: Tokenizer, word: Tokenizer, character: Tokenizer
) -> None:
    for tokenizer in (subword, word):
        marked = {tokenizer.pieces[i] for i in tokenizer.whole_words(marked=True)}
        bare = {tokenizer.pieces[i] for i in tokenizer.whole_words(marked=False)}
        assert {"▁she", "▁She", "▁Mary"} <= marked
        assert {"she", "She"} <= bare
        assert all(piece.startswith("▁") for piece in marked)
        assert not any(piece.startswith("▁") for piece in bare)
        assert "ing" not in bare
    assert "ing" in subword.pieces
    letters = {character.pieces[i] for i in character.whole_words(marked=True)}
    assert {"h", "e"} <= letters
    assert not {"▁", ",", "\n"} & letters


def test_the_serialized_tokenizer_loads_again(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(tokenizer.serialized)
    for again in (Tokenizer.load(path, tokenizer.kind), Tokenizer.load(tokenizer.serialized, tokenizer.kind)):
        assert again.pieces == tokenizer.pieces
        assert again.encode(PARAGRAPHS[0]) == tokenizer.encode(PARAGRAPHS[0])


def test_a_kind_that_does_not_exist_is_refused(subword: Tokenizer) -> None:
    with pytest.raises(BundleContentError, match="'bytes' does not exist; expected one of subword"):
        Tokenizer.load(subword.serialized, "bytes")


@pytest.mark.parametrize("damaged", [b"", b"not a model", bytes(100)])
def test_bytes_that_are_no_model_are_refused(damaged: bytes) -> None:
    with pytest.raises(BundleContentError, match="tokenizer cannot be used: its bytes are no SentencePiece model"):
        Tokenizer.load(damaged, "subword")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleContentError, match="No such file"):
        Tokenizer.load(tmp_path / "tokenizer.model", "subword")


def test_damaged_bytes_are_refused_or_still_encode(tokenizer: Tokenizer) -> None:
    chance = random.Random(4)
    n_refused = 0
    for _ in range(200):
        damaged = bytearray(tokenizer.serialized)
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.3:
            damaged = damaged[: chance.randrange(len(damaged))]
        try:
            loaded = Tokenizer.load(bytes(damaged), tokenizer.kind)
        except BundleContentError:
            n_refused += 1
            continue
        encoding = loaded.encode("She said ▁<s>\n\nbecause ___ \ud800\x00 😀😀")
        assert encoding.ids == loaded.encode_ids("She said ▁<s>\n\nbecause ___ \ud800\x00 😀😀")
    assert n_refused > 20


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"pad_id": 3, "eos_id": 0}, "pieces 2 and 3 should be"),
        ({"pad_id": -1, "unk_id": 0, "bos_id": 1, "eos_id": 2}, "pieces 0 and 1 should be"),
        ({"user_defined_symbols": []}, "no piece for the newline"),
        ({"byte_fallback": True}, "byte pieces"),
        ({"normalization_rule_name": "nfkc"}, "changes texts by itself"),
        ({"add_dummy_prefix": True}, "changes texts by itself"),
        ({"remove_extra_whitespaces": True}, "changes texts by itself"),
    ],
)
def test_a_model_fitted_otherwise_is_refused(settings: dict[str, object], reason: str) -> None:
    written = io.BytesIO()
    usual: dict[str, object] = {
        "pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "user_defined_symbols": ["\n"], "add_dummy_prefix": False,
        "remove_extra_whitespaces": False, "normalization_rule_name": "identity", "model_type": "bpe",
        "vocab_size": 300, "hard_vocab_limit": False, "minloglevel": 2,
    }  # fmt: skip
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PARAGRAPHS), model_writer=written, **usual | settings
    )
    with pytest.raises(BundleContentError, match=reason):
        Tokenizer.load(written.getvalue(), "subword")


def _fitted(kind: str) -> Tokenizer:
    return fit_tokenizer(PARAGRAPHS, kind, {"subword": 160, "word": 70, "character": 40}[kind], ["he", "she"])


def _pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.pieces[i] for i in tokenizer.encode(text).ids]
