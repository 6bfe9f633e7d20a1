"""The normaliser: what becomes what, that it settles at once, and that every span finds its way back."""

from __future__ import annotations

import random
import time
import unicodedata

import pytest

from model.text import is_word_character, normalise, normalised, segments

CASES = {
    "‘She’ ‚said‛ 5′": "'She' 'said' 5'",
    "“She” „said‟ «and» 5″": '"She" "said" "and" 5"',
    "well\u2010known\u2011man": "well-known-man",
    "1914–18 — no ― he⸺left⸻": "1914—18 — no — he—left—",
    "he--she---they ----": "he—she—they —",
    "he–—she": "he—she",
    "a well-known man": "a well-known man",
    "wait… what": "wait... what",
    "a\u00a0b\u2003\u3000c\td\ve\ff": "a b c d e f",
    "so\u00adft z\u200bero w\u2060ord \u200eleft\u202a\u2066": "soft zero word left",
    "\ufeffstart": "start",
    "one\r\ntwo\rthree\u2028four\u0085five": "one\ntwo\nthree\nfour\nfive",
    "one  \n  two\n \n\t\n\nthree": "one\ntwo\n\nthree",
    " \n\t he \n\n": "he",
    "cafe\u0301 \u212b \u1100\u1161\u11a8": "café Å 각",
    "ﬁancée ½ ²": "ﬁancée ½ ²",
    "because ___ and [MASK] _ __": "because ___ and [MASK] _ __",
    "\x00 \x1b\ud800 \u200d": "\x00 \x1b\ud800 \u200d",
    "": "",
    " \n\u200b ": "",
}


@pytest.mark.parametrize(("source", "expected"), CASES.items(), ids=ascii)
def test_each_rule_does_what_it_says(source: str, expected: str) -> None:
    assert normalised(source) == expected
    assert normalise(source).text == expected
    assert normalised(expected) == expected


def test_both_forms_agree_and_settle_at_once_on_random_texts() -> None:
    for source in _random_texts(5_000):
        text = normalised(source)
        assert normalise(source).text == text, ascii(source)
        assert normalised(text) == text, ascii(source)
        assert unicodedata.is_normalized("NFC", text), ascii(source)


def test_both_forms_agree_on_every_character_alone_and_after_a_letter() -> None:
    for first in range(0, 0x110000, 0x2000):
        characters = [chr(code) for code in range(first, first + 0x2000)]
        for source in ("".join(characters), "a".join(characters)):
            assert normalise(source).text == normalised(source), hex(first)


def test_nothing_beyond_the_second_plane_combines_with_its_neighbours() -> None:
    # the table of combining characters in model/text.py is read from the first two planes only
    beyond = [chr(code) for code in range(0x20000, 0x110000)]
    assert not any(map(unicodedata.combining, beyond))


def test_a_span_of_an_unchanged_text_is_itself() -> None:
    text = normalise("Mary packed because ___ was leaving.")
    assert text.text == text.source
    assert text.source_span(20, 23) == (20, 23)


def test_spans_find_composed_collapsed_expanded_and_vanished_characters() -> None:
    source = "  «Cafe\u0301»   is… a--b\u200bc"
    text = normalise(source)
    assert text.text == '"Café" is... a—bc'
    assert text.source_span(0, 1) == (2, 3)  # the quote, after two spaces that vanished
    assert text.source_span(4, 5) == (6, 8)  # e and its accent
    assert text.source_span(6, 7) == (9, 12)  # three spaces
    assert text.source_span(10, 11) == (14, 15)  # the second dot of the ellipsis
    assert text.source_span(9, 12) == (14, 15)
    assert text.source_span(14, 15) == (17, 19)  # two hyphens
    assert text.source_span(15, 17) == (19, 22)  # b, a zero-width space, c
    assert text.source_span(0, len(text.text)) == (2, len(source))


def test_an_empty_span_is_a_place() -> None:
    text = normalise("  a… ")
    assert text.text == "a..."
    assert text.source_span(0, 0) == (2, 2)
    assert text.source_span(4, 4) == (4, 4)
    assert normalise(" ").source_span(0, 0) == (0, 0)


@pytest.mark.parametrize("span", [(-1, 1), (0, 4), (2, 1)])
def test_a_span_outside_the_text_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(IndexError, match="outside the text of 3"):
        normalise("she ").source_span(*span)


def test_the_source_of_each_character_normalises_to_it() -> None:
    for source in _random_texts(3_000):
        text = normalise(source)
        previous = 0
        for place, character in enumerate(text.text):
            start, end = text.source_span(place, place + 1)
            assert previous <= start < end <= len(source)
            assert character in normalised(f"_{source[start:end]}_"), (ascii(source), place)
            previous = start


@pytest.mark.parametrize(
    "source",
    ["a" + "\u0301\u0316" * 100_000, " \n" * 100_000 + "a", "-" * 200_000, "- \u200b" * 70_000, "…" * 200_000],
    ids=["marks out of order", "spaces and newlines", "hyphens", "vanishing", "growing"],
)
def test_hostile_texts_take_linear_time(source: str) -> None:
    started = time.process_time()
    assert normalise(source).text == normalised(source)
    assert time.process_time() - started < 5  # half a second as a rule; quadratic time would be minutes


def test_segments_are_words_single_marks_and_newlines_with_the_space_before() -> None:
    text = "\"Don't,\" she'd said 3x.\n\nÉlan___ 😀 \n "
    cut = [text[start:end] for start, end in segments(text)]
    words = ['"', "Don", "'", "t", ",", '"', " she", "'", "d", " said", " 3x", ".", "\n\n", "Élan"]
    assert cut == [*words, "_", "_", "_", " 😀", " ", "\n", " "]


def test_segments_cover_every_text() -> None:
    for source in _random_texts(2_000):
        assert "".join(source[start:end] for start, end in segments(source)) == source


def test_word_characters_are_letters_numbers_and_marks() -> None:
    assert all(map(is_word_character, "aÉß9½字\u0301"))
    assert not any(map(is_word_character, "' _-▁\n\x00😀\ud800"))


def _random_texts(n: int) -> list[str]:
    """Short texts dense in everything that the normaliser touches, and in what NFC composes or reorders."""
    plain = "abeoEO '\"-_.\n\t\r\x00 ‘“»…–—\u00ad\u200b\u2028\u0085\u2000▁\ud800"
    marks = "\u0301\u0316\u0308\u0323\u030a\u0338\u0344\u0f71\u0f72\u0f73\u3099\u093c\u09be\u09d7\u1b35\u0b56\U000110ba"
    starters = (
        "\u212a\u226e\u1100\u1161\u11a8\uac00\uac01\u0958\u0915\u304b\u1b05\u09c7\u0b47\U000110a5\U0001d15e\U0002f800"
    )
    chance = random.Random(2)
    return ["".join(chance.choices(plain + marks + starters, k=chance.randrange(14))) for _ in range(n)]
