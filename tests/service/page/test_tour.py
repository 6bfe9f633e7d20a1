"""The guided tour: six steps on live models, and back to what stood there before."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.service.page.conftest import Opens
from tests.service.page.fake_api import FakeApi

TITLES = ["The structure", "The cell", "The forget gate", "A new subject", "The GRU", "The plain RNN forgets"]


def walk_to(page: Page, step: int) -> None:
    page.click("#tour-start")
    for _ in range(step - 1):
        page.click("#tour-next")
    expect(page.locator("#tour-title")).to_have_text(TITLES[step - 1])


def test_six_steps_tell_the_story_and_give_the_sentence_back(open_page: Opens, api: FakeApi) -> None:
    page = open_page("#text=My+own+___+sentence.", api=api)
    page.click("#tour-start")
    for number, title in enumerate(TITLES, 1):
        expect(page.locator("#tour-title")).to_have_text(title)
        expect(page.locator("#tour-title")).to_be_focused()
        expect(page.locator("#tour-place")).to_have_text(f"Step {number} of 6")
        expect(page.locator(".looked-at")).to_be_visible()
        page.click("#tour-next")
    expect(page.locator("#tour")).to_be_hidden()
    expect(page.locator("#text")).to_have_value("My own ___ sentence.")
    expect(page.locator("#tour-start")).to_be_focused()


def test_the_gru_step_looks_into_the_gru(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    walk_to(page, 5)
    expect(page.locator("#look-1")).to_be_checked()
    expect(page.locator("#equations [aria-pressed='true']")).to_have_text("z")


@pytest.mark.parametrize("names", [("a-lstm",), ("a-lstm", "c-rnn")])
def test_without_a_gru_its_step_holds_the_forget_gate_of_the_lstm(open_page: Opens, names: tuple[str, ...]) -> None:
    page = open_page(api=FakeApi(names=names))
    walk_to(page, 5)
    expect(page.locator("#tour-text")).to_contain_text("This service serves no GRU")
    expect(page.locator("#equations [aria-pressed='true']")).to_have_text("f")
    expect(page.locator("#tour-tries button >> nth=0")).to_have_text("Hold it at 1 at “Tom came”")


def test_the_forget_gate_is_shut_by_a_button_of_its_step(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    walk_to(page, 3)
    expect(page.locator("#said-0")).to_contain_text("Mary was late")
    page.click("#tour-tries button >> nth=0")
    expect(page.locator("#shown-answer")).to_contain_text("was")
    asked = [body for body in api.asked_of("/v1/cloze") if body.get("interventions")][-1]
    layers = ("layer0.forward.forget_gate", "layer1.forward.forget_gate")
    assert asked["interventions"] == [{"site": site, "units": "all", "tokens": [10, 11], "set": 0} for site in layers]
    page.click("#tour-tries button >> nth=1")
    expect(page.locator("#shown-answer")).not_to_contain_text("was")


def test_without_a_plain_rnn_the_last_step_says_so(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    walk_to(page, 6)
    expect(page.locator("#tour-text")).to_contain_text("This service serves no plain RNN")


def test_with_a_plain_rnn_the_last_step_shows_it(open_page: Opens) -> None:
    page = open_page(api=FakeApi(names=("a-lstm", "b-gru", "c-rnn")))
    walk_to(page, 6)
    expect(page.locator("#model-0")).to_have_value("c-rnn")
    expect(page.locator("#model-1")).to_have_value("a-lstm")


def test_a_step_can_be_shared_and_left_by_escape(open_page: Opens, api: FakeApi) -> None:
    page = open_page("#tour=2&text=Mary+said+___+left.", api=api)
    expect(page.locator("#tour-title")).to_have_text("The cell")
    expect(page.locator("#text")).to_have_value("Mary said ___ left.")
    page.locator("#tour-next").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()
    expect(page.locator("#text")).to_have_value("Mary said ___ left.")


def test_a_reload_in_the_middle_of_the_tour_does_not_lose_the_sentence(open_page: Opens, api: FakeApi) -> None:
    page = open_page("#text=My+own+___+sentence.", api=api)
    walk_to(page, 2)
    page.reload()
    expect(page.locator("#tour-title")).to_have_text("The cell")
    page.click("#tour-end")
    expect(page.locator("#text")).to_have_value("My own ___ sentence.")


def test_the_tour_begun_anew_in_its_middle_does_not_lose_the_sentence(open_page: Opens, api: FakeApi) -> None:
    page = open_page("#text=My+own+___+sentence.", api=api)
    walk_to(page, 3)
    walk_to(page, 2)
    page.reload()
    page.click("#tour-start")
    page.click("#tour-end")
    expect(page.locator("#text")).to_have_value("My own ___ sentence.")


def sites_clamped(page: Page, api: FakeApi) -> list[str]:
    """Where the first button of a step clamps."""
    expect(page.locator("#map [data-column='12']").first).to_be_visible()  # the step's own sentence
    page.click("#tour-tries button >> nth=0")
    expect(page.locator("#shown-answer")).to_contain_text("was")
    asked = [body for body in api.asked_of("/v1/cloze") if body.get("interventions")][-1]
    return [clamp["site"] for clamp in asked["interventions"]]


@pytest.mark.parametrize(
    ("name", "step", "gate"),
    [("b-gru", 3, "update"), ("b-gru", 4, "update"), ("a-lstm", 5, "forget"), ("b-gru", 6, "update")],
)
def test_a_step_clamps_a_gate_that_the_served_model_has(open_page: Opens, name: str, step: int, gate: str) -> None:
    api = FakeApi(names=(name,))
    page = open_page(api=api)
    walk_to(page, step)
    assert sites_clamped(page, api) == [f"layer{layer}.forward.{gate}_gate" for layer in (0, 1)]


def test_without_a_gate_a_step_has_none_to_clamp(open_page: Opens) -> None:
    page = open_page(api=FakeApi(names=("c-rnn",)))
    walk_to(page, 5)
    expect(page.locator("#equations [aria-pressed='true']")).to_have_text("h")
    expect(page.locator("#tour-tries button")).to_have_count(0)


@pytest.mark.parametrize("step", [3, 4, 5])
def test_a_step_clamps_nothing_where_its_words_are_not(open_page: Opens, api: FakeApi, step: int) -> None:
    page = open_page(api=api)
    walk_to(page, step)
    page.fill("#text", "___ and Mary left.")
    expect(page.locator("#map thead [data-column]")).to_have_count(7)
    page.click("#tour-tries button >> nth=0")
    page.wait_for_timeout(300)
    expect(page.locator("#edits")).to_be_hidden()
    assert not [body for body in api.asked if body.get("interventions")]


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [(3, "she", (45.0, 75.0)), (4, "he", (0.0, 50.0)), (5, "he", (0.0, 50.0))],
)
def test_what_a_step_promises_happens_in_the_shipped_models(
    open_page: Opens, step: int, before: str, after: tuple[float, float]
) -> None:
    page = open_page()
    walk_to(page, step)
    shown = page.locator("#shown-answer")
    expect(shown).to_contain_text(re.compile(rf"^{before} [89]\d\.\d %$"))
    page.click("#tour-tries button >> nth=0")
    expect(shown).to_contain_text("was")
    place = page.evaluate("document.getElementById('look-0').checked ? 0 : 1")
    assert after[0] <= percentages(page, place)[before] <= after[1]


def percentages(page: Page, place: int) -> dict[str, float]:
    """What one of the two models answers: word -> per cent."""
    rows = page.locator(f"#blanks-{place} tr").evaluate_all(
        "rows => rows.map((row) => [row.cells[0].textContent, parseFloat(row.cells[2].textContent)])"
    )
    return dict(rows)


def test_the_last_step_shows_the_shipped_plain_rnn_at_a_loss_about_who_is_far_away(open_page: Opens) -> None:
    page = open_page()
    walk_to(page, 6)
    expect(page.locator("#blanks-0")).to_contain_text(re.compile(r"she\s*[45]\d\.\d %"))
    expect(page.locator("#blanks-1")).to_contain_text(re.compile(r"she\s*9\d\.\d %"))
