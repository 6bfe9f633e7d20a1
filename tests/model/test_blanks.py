"""Texts with blanks: where they are, what a target becomes in its place, and which pieces are the blanked word's."""

from __future__ import annotations

import itertools
import random
import unicodedata

import pytest

from model.blanks import BlankedText, FilledBlank
from model.errors import BlankError, TargetError
from model.scoring import filled_ids
from model.tokenizer import KINDS
from tests.tiny import tiny_tokenizer


def blanked(text: str, kind: str = "subword") -> BlankedText:
    return BlankedText(text, tiny_tokenizer(kind))


def pieces(fill: FilledBlank, kind: str = "subword") -> list[str]:
    return [tiny_tokenizer(kind).pieces[piece] for piece in fill.word_ids]


@pytest.mark.parametrize("blank", ["___", "____", "_" * 40, "[MASK]", "<mask>"])
def test_a_blank_is_three_or_more_underscores_or_a_mask(blank: str) -> None:
    text = f"Tom said that {blank} was tired."
    assert blanked(text).source_span(0) == (14, 14 + len(blank))
    assert len(blanked(text).blanks) == 1


@pytest.mark.parametrize(
    "text", ["", "Tom said so.", "Tom __ said", "_ _ _", "[mask]", "<MASK>", "[ MASK ]", "\\_\\_\\_"]
)
def test_a_text_without_a_blank_is_refused_with_the_three_spellings(text: str) -> None:
    with pytest.raises(BlankError, match=r"no blank.*___ \(or \[MASK\] or <mask>\)") as refused:
        blanked(text)
    assert refused.value.param == "text"


def test_spellings_may_be_mixed_and_blanks_are_counted_from_the_left() -> None:
    text = "<mask> said that [MASK] was ____."
    assert [blanked(text).source_span(n) for n in range(3)] == [(0, 6), (17, 23), (28, 32)]


@pytest.mark.parametrize("text", ["___[MASK]", "<mask><mask>", "___/___", "so ___—___ was", 'a ___,"___ b', "___a___"])
def test_two_blanks_without_a_space_between_them_are_refused(text: str) -> None:
    with pytest.raises(BlankError, match="no space between them"):
        blanked(text)


def test_blanks_that_only_a_space_or_a_line_end_parts_are_two() -> None:
    assert len(blanked("___ ___\n___").blanks) == 3


def test_a_text_of_nothing_but_blanks_is_refused_at_once() -> None:
    """Looking around every blank to the text's end and back would take an hour here."""
    with pytest.raises(BlankError):
        blanked("___a" * 50_000)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "Tom left. ",
        "Tom left! ",
        "Tom left? ",
        "Tom left.\n",
        "Tom left.\n\n",
        '"Tom left." ',
        "'Tom left!' ",
        "(Tom left.) ",
        "“Tom left?” ",
        "“‘Tom left.’” ",
        "Tom left… ",  # becomes three full stops
        '"',
        "“",
        "('",
        'Tom left. "',
        "“Tom left.” “",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_lower_case_target_is_capitalised_where_a_sentence_starts(before: str, kind: str) -> None:
    assert blanked(before + "___ was", kind).fill(0, "she").filled == "She"


@pytest.mark.parametrize(
    "before",
    [
        "Tom left ",
        "Tom left, ",
        "Tom left: ",
        "Tom left; ",
        'Tom asked: "',
        "Tom left — ",
        "Chapter One\n",
        "x",
        "Tom left.—",
        "« ",  # a space parts the quote from the blank
    ],
)
def test_a_target_is_left_as_it_is_anywhere_else(before: str) -> None:
    assert blanked(before + "___ was").fill(0, "she").filled == "she"


@pytest.mark.parametrize("target", ["Mary", "SHE", "iPhone", "He", "I"])
def test_nothing_is_ever_lower_cased(target: str) -> None:
    assert blanked("Then ___ was").fill(0, target).filled == target
    assert blanked("___ was").fill(0, target).filled == target


@pytest.mark.parametrize(("target", "filled"), [("él", "Él"), ("e\u0301l", "Él"), ("3rd", "3rd"), ("'tis", "'tis")])
def test_only_the_first_character_is_made_a_capital_after_normalisation(target: str, filled: str) -> None:
    fill = blanked("___ was").fill(0, target)
    assert (fill.target, fill.filled) == (target, filled)


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("Tom said ___ was", "she", ["▁she"]),
        ("___ was", "she", ["▁She"]),
        ('"___ was', "she", ["She"]),
        ('Tom said "___ was', "she", ["she"]),
        ("so\n___ was", "she", ["▁she"]),
        ("Tom said ___.", "met", ["▁m", "et"]),
        ("Tom said (___)", "herself", ["herself"]),
        ("Tom said ___'s", "she", ["▁she"]),
        ("Tom said ___ was", "she was", ["▁she", "▁was"]),
        ("Tom said ___ was", "her.", ["▁her", "."]),
        ("Tom said ___ was", "😀", ["▁", "<unk>"]),
    ],
)
def test_a_target_is_tokenized_in_its_place(text: str, target: str, expected: list[str]) -> None:
    assert pieces(blanked(text).fill(0, target)) == expected


@pytest.mark.parametrize(
    ("kind", "text", "target", "expected"),
    [
        ("subword", "Tom saw ___self.", "him", ["▁himself"]),
        ("subword", "Tom saw him___.", "self", ["▁himself"]),
        ("subword", "Tom saw h___elf.", "ers", ["▁herself"]),
        ("subword", '"___self', "her", ["Herself"]),
        ("subword", "Tom saw ___self-s", "him", ["▁himself"]),
        ("word", "Tom saw ___self.", "him", ["▁himself"]),
        ("character", "Tom saw ___self.", "him", list("himself")),
        ("character", "Tom saw him___, s", "s", list("hims")),
    ],
)
def test_a_blank_that_touches_letters_is_the_whole_word(kind: str, text: str, target: str, expected: list[str]) -> None:
    fill = blanked(text, kind).fill(0, target)
    assert pieces(fill, kind) == expected
    assert fill.filled in (target, target.capitalize())


@pytest.mark.parametrize("kind", ["subword", "character"])
@pytest.mark.parametrize("target", ["é", "😀", ".", "-", "he-"])
def test_what_is_scored_beside_a_target_does_not_depend_on_the_target(target: str, kind: str) -> None:
    """Else a target that cannot join the letters around it would be spared their cost."""
    text = blanked("Tom saw ж___self.", kind)
    fill = text.fill(0, target)
    expected = list("self") if kind == "character" else ["self"]
    assert pieces(fill, kind)[-len(expected) :] == expected
    assert "<unk>" in pieces(fill, kind), "the unknown letter before it is of the word"
    assert fill.outside == blanked("Tom saw ж___self.", kind).fill(0, "him").outside


@pytest.mark.parametrize("target", ["", " ", "\u200b", "\n", "___", "a [MASK]", "<mask>"])
def test_a_target_that_is_no_word_is_refused(target: str) -> None:
    with pytest.raises(TargetError, match="of blank 1 is no word to put there") as refused:
        blanked("Tom said ___.").fill(0, target)
    assert refused.value.param == "targets"


def test_a_refusal_does_not_repeat_a_target_at_length() -> None:
    with pytest.raises(TargetError) as refused:
        blanked("Tom said ___.").fill(0, "___" * 10_000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("source", "before"),
    [
        ("Zoe\u0308 said ___.", "Zoe\u0308 said "),  # two code points that become one
        ("“So,” said ___.", "“So,” said "),
        ("😀😀 said ___.", "😀😀 said "),
        ("So   said \t ___.", "So   said \t "),
        ("  ___.", "  "),
        ("so\u200b\u200b said\u00ad ___.", "so\u200b\u200b said\u00ad "),
        ("So… said ___.", "So… said "),
        ("ﬁn -- ___.", "ﬁn -- "),
        ("so\r\n\r\n\r\n___.", "so\r\n\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_offsets_count_code_points_of_the_text_as_it_was_sent(source: str, before: str, kind: str) -> None:
    start, end = blanked(source, kind).source_span(0)
    assert (start, end) == (len(before), len(before) + 3)
    assert source[start:end] == "___"


def test_a_blank_with_something_invisible_in_it_is_still_one() -> None:
    source = "so _\u200b__ was"
    start, end = blanked(source).source_span(0)
    assert source[start:end] == "_\u200b__"


def test_unknown_pieces_are_found_where_they_stand_in_the_source() -> None:
    source = "Zoe\u0308 жж —  😀 said (___é)."
    found = [source[start:end] for start, end in blanked(source).unknown_spans()]
    assert found == ["Z", "e\u0308", "ж", "ж", "—", "😀", "(", ")"]  # é touches the blank: it is the word's
    assert unicodedata.normalize("NFC", found[1]) == "ë"


def test_unknown_words_are_found_whole_with_a_word_tokenizer() -> None:
    source = "Zebra  said “___” xyz"
    assert [source[a:b] for a, b in blanked(source, "word").unknown_spans()] == ["Zebra", "xyz"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_around_the_blanks_have_their_spans_in_order(kind: str) -> None:
    source = 'Tom  said: "___," and—(___self) was; Mary'
    text = blanked(source, kind)
    found = text.fixed_pieces([text.fill(0, "she"), text.fill(1, "met")])
    shown = [source[start:end] for _, (start, end) in found]
    if kind == "character":
        assert "".join(shown) == 'Tom  said: "," and—() was; Mary'
    else:
        assert "".join(shown) == 'Tomsaid:","and—()was;Mary'
    assert all(a[1] <= b[0] for (_, a), (_, b) in itertools.pairwise(found))


@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_counts_as_one_token_with_the_letters_that_it_touches(kind: str) -> None:
    for source, filled in [
        ("Tom said ___.", "Tom said t."),
        ('Tom said "___," and', 'Tom said "t," and'),
        ("___ said", "T said"),
        ("___", "T"),
    ]:
        assert blanked(source, kind).n_tokens == 2 + len(tiny_tokenizer(kind).encode(filled)), source
    assert blanked("Tom saw ___self.", kind).n_tokens == blanked("Tom saw ___.", kind).n_tokens


def test_a_word_carries_the_mark_after_a_space_a_newline_and_at_the_start() -> None:
    texts = ["___ a", "a ___", "a\n___", '"___"', "a (___)", "a-___"]
    assert [blanked(text).marked(0) for text in texts] == [True, True, True, False, False, False]


def test_one_piece_put_in_a_blank_is_the_word_that_it_spells() -> None:
    for source in ('Tom said "___" so', "Tom said ___.", "She ___ so"):
        text = blanked(source)
        template = text.fill(0, "x")
        for piece in text.tokenizer.whole_words(text.marked(0)):
            fill = text.fill_piece(template, int(piece))
            spelled = text.fill(0, fill.filled)
            assert (fill.ids, fill.first, fill.end) == (spelled.ids, spelled.first, spelled.end)


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_text_has_the_pieces_of_the_whole_text_with_the_words_in_it(kind: str) -> None:
    """However a text is cut for filling, no piece may differ from those of the text in one."""
    tokenizer = tiny_tokenizer(kind)
    chance = random.Random(7)
    for _ in range(300):
        parts = [
            "".join(chance.choices("heMary  .,'\"!—😀é3\n", k=chance.randrange(9)))
            for _ in range(chance.choice((2, 3)))
        ]
        source = " ___ ".join(parts) if chance.random() < 0.5 else "___".join(parts[:2])
        try:
            text = BlankedText(source, tokenizer)
        except BlankError:
            continue
        fills = [
            text.fill(n, chance.choice(["he", "herself", "Mary", "é", "he had", "her."]))
            for n in range(len(text.blanks))
        ]
        ids, spans = filled_ids(text, fills)
        whole, place = "", 0
        for (start, end), fill in zip(text.blanks, fills, strict=True):
            whole += text.text.text[place:start] + fill.filled
            place = end
        encoding = tokenizer.encode(whole + text.text.text[place:])
        assert list(ids) == [tokenizer.begin_id, *encoding.ids, tokenizer.end_id]
        for fill, (first, end) in zip(fills, spans, strict=True):
            word = "".join(tokenizer.pieces[piece] for piece in ids[first:end])
            assert "<unk>" in word or fill.filled in word.replace("▁", " ")
