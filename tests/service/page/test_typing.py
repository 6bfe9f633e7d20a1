"""Typing a sentence: both models answer, stale answers are dropped, nothing typed is lost."""

from __future__ import annotations

import unicodedata

import pytest
from playwright.sync_api import Page, expect

from tests.service.page.conftest import Opens, Watched, allow
from tests.service.page.fake_api import FakeApi, is_cloze

TOM = "Tom packed his bag because ___ was leaving."


def percents(page: Page, place: int) -> list[str]:
    """The probabilities of one panel, without what they were."""
    return [text.split(" %")[0] for text in page.locator(f"#blanks-{place} .number").all_inner_texts()]


def test_both_models_answer_while_one_types(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    page = open_page(api=api)
    allow(watched, "422")  # a pause before the blank is typed
    assert percents(page, 0) == percents(page, 1) == ["10.0", "90.0"]  # he, she
    page.fill("#text", "")
    page.locator("#text").press_sequentially("Tom said ___ left.")
    expect(page.locator("#said-0")).to_have_text("Tom said he left.")
    expect(page.locator("#said-1")).to_have_text("Tom said he left.")
    assert percents(page, 0) == percents(page, 1) == ["80.0", "20.0"]
    assert {body["model"] for body in api.asked_of("/v1/cloze")} == {"a-lstm", "b-gru"}


def test_an_answer_that_is_out_of_date_is_never_shown(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    api.holds = is_cloze
    page.fill("#text", TOM)
    with page.expect_event("requestfailed"):  # the questions about Tom are aborted by the next letter
        page.wait_for_function("performance.now() > 0")
        while len(api.held) < 2:
            page.wait_for_timeout(20)
        api.holds = lambda asked: False
        page.fill("#text", "Mary left because ___ was tired.")
    expect(page.locator("#said-0")).to_have_text("Mary left because she was tired.")
    for route in api.held:
        api.fulfil(route)
    page.wait_for_timeout(200)
    expect(page.locator("#said-0")).to_have_text("Mary left because she was tired.")


def test_several_letters_typed_at_once_are_one_question(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    page.evaluate(
        """() => { const text = document.getElementById("text");
        for (const word of ["Tom", " said", " ___", " left."]) {
            text.value += word;
            text.dispatchEvent(new Event("input"));
        } }"""
    )
    expect(page.locator("#said-0")).to_contain_text("said")
    texts = {body["text"] for body in api.asked_of("/v1/cloze")}
    assert len(texts) == 2  # the one that stood there, and the finished one


def test_the_word_at_the_caret_becomes_a_blank(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    page = open_page(api=api)
    allow(watched, "422")  # without a blank
    page.fill("#text", "Mary said she left.")
    page.locator("#text").evaluate("text => text.setSelectionRange(11, 11)")
    page.click("#blank")
    expect(page.locator("#text")).to_have_value("Mary said ___ left.")
    expect(page.locator("#said-0")).to_have_text("Mary said she left.")


@pytest.mark.parametrize("word", ["कमला", unicodedata.normalize("NFD", "José"), "𝔐ary", "O’Brien", "می\u200cخواهم"])
@pytest.mark.parametrize("is_at_end", [False, True])
def test_a_word_of_any_script_becomes_one_blank(
    open_page: Opens, api: FakeApi, watched: list[Watched], word: str, is_at_end: bool
) -> None:
    page = open_page(api=api)
    allow(watched, "422")  # without a blank
    page.fill("#text", f"So {word} left.")
    caret = 3 + is_at_end * len(word.encode("utf-16-le")) // 2  # JavaScript counts UTF-16 units
    page.locator("#text").evaluate("(text, caret) => text.setSelectionRange(caret, caret)", caret)
    page.click("#blank")
    expect(page.locator("#text")).to_have_value("So ___ left.")


def test_a_selection_becomes_a_blank_without_its_spaces(open_page: Opens, api: FakeApi, watched: list[Watched]) -> None:
    page = open_page(api=api)
    allow(watched, "422")  # without a blank
    page.fill("#text", "Mary said she left.")
    page.locator("#text").evaluate("text => text.setSelectionRange(9, 14)")
    page.click("#blank")
    expect(page.locator("#text")).to_have_value("Mary said ___ left.")


def test_an_example_is_asked_at_once(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    page.click("#examples button:has-text('Tom said that')")
    expect(page.locator("#text")).to_have_value("Tom said that ___ was tired.")
    expect(page.locator("#said-1")).to_have_text("Tom said that he was tired.")


def test_the_model_of_a_side_can_be_changed(open_page: Opens) -> None:
    api = FakeApi(names=("a-lstm", "b-gru", "c-rnn"))
    page = open_page(api=api)
    page.select_option("#model-1", "c-rnn")
    expect(page.locator("#about-1")).to_have_text("plain RNN, 2 layers of 40 units, reading both ways")
    expect(page.locator("#answer-1")).to_be_visible()
    page.select_option("#model-0", "c-rnn")  # the same twice would be no comparison: they change places
    expect(page.locator("#model-1")).to_have_value("a-lstm")


def test_a_service_with_one_model_shows_one(open_page: Opens) -> None:
    page = open_page(api=FakeApi(names=("b-gru",)))
    expect(page.locator("#model-0")).to_have_value("b-gru")
    expect(page.locator("#model-1")).to_have_value("none")
    expect(page.locator("#answer-1")).to_be_hidden()


def test_what_was_typed_is_there_after_a_reload_without_its_address(open_page: Opens, api: FakeApi, url: str) -> None:
    page = open_page(api=api)
    page.fill("#text", TOM)
    page.fill("#targets", "he, she")
    expect(page.locator("#said-0")).to_contain_text("Tom packed")
    page.goto("about:blank")
    page.goto(url)
    expect(page.locator("#text")).to_have_value(TOM)
    expect(page.locator("#targets")).to_have_value("he, she")
    expect(page.locator("#said-0")).to_contain_text("Tom packed")


def test_a_reload_of_an_address_gives_what_the_address_says(open_page: Opens, api: FakeApi, url: str) -> None:
    page = open_page(api=api)
    page.fill("#text", TOM)
    expect(page.locator("#said-0")).to_contain_text("Tom packed")
    page.goto("about:blank")
    page.goto(url + "#text=Mary+said+___+left.&models=a-lstm,b-gru")  # complete: nothing in it changes
    expect(page.locator("#said-0")).to_contain_text("Mary said")
    page.reload()
    expect(page.locator("#said-0")).to_contain_text("Mary said")


def test_markup_that_is_typed_stays_text(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    typed = "Mary <img src=x onerror=alert(1)> and ___ left."
    page.fill("#text", typed)
    expect(page.locator("#said-0")).to_have_text(typed.replace("___", "she"))
    assert page.locator("main img").count() == 0


def test_with_the_service_itself(open_page: Opens, watched: list[Watched]) -> None:
    page = open_page()
    expect(page.locator("#model-0")).to_have_value("en-lstm")
    expect(page.locator("#model-1")).to_have_value("en-gru")
    page.fill("#text", TOM)
    for place in (0, 1):
        expect(page.locator(f"#said-{place}")).to_have_text(TOM.replace("___", "he"))
    page.fill("#text", TOM.replace("Tom", "Mary").replace("his", "her"))
    for place in (0, 1):
        expect(page.locator(f"#said-{place} mark")).to_have_text("she")
