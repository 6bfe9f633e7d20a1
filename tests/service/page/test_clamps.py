"""Clamps: by mouse, with any number, undone one by one; what they do to answers and evidence; which model they hold."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.service.page.conftest import Opens, Watched, allow
from tests.service.page.fake_api import FakeApi, refusal
from tests.service.page.test_inside import cell, settled


def test_a_click_clamps_a_cell_and_another_lets_it_go(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    cell(page, 2, 3).click()
    expect(page.locator("#blanks-0")).to_contain_text("50.0 %, was 90.0 %")
    asked = [body for body in api.asked_of("/v1/cloze") if body.get("interventions")]
    assert asked[-1]["interventions"] == [
        {"site": "layer1.forward.forget_gate", "units": [10], "tokens": [3, 3], "set": 0}
    ]
    assert asked[-1]["model"] == "a-lstm"
    expect(cell(page, 2, 3)).to_have_text("0.00, clamped")
    expect(page.locator("#edit-list li")).to_contain_text(
        "a-lstm, layer1.forward.forget_gate, unit 10, at “her”: set to 0"
    )
    cell(page, 2, 3).click()
    expect(page.locator("#edits")).to_be_hidden()
    expect(page.locator("#blanks-0")).not_to_contain_text("was")


def test_a_drag_over_tokens_clamps_them_all(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    page.select_option("#brush-verb", "scale")
    page.fill("#brush-number", "0.5")
    cell(page, 1, 2).hover()
    page.mouse.down()
    cell(page, 3, 5).hover()
    assert page.locator("#map .marked").count() == 12
    page.mouse.up()
    expect(page.locator("#edit-list li")).to_have_count(1)
    expect(page.locator("#shown-answer")).to_contain_text("was")
    asked = [body for body in api.asked_of("/v1/cloze") if body.get("interventions")]
    assert asked[-1]["interventions"] == [
        {"site": "layer1.forward.forget_gate", "units": [0, 10, 20], "tokens": [2, 5], "scale": 0.5}
    ]


def test_a_drag_over_the_words_clamps_all_units_shown(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    page.select_option("#brush-verb", "freeze")
    cell(page, 0, 4).hover()
    page.mouse.down()
    cell(page, 0, 5).hover()
    page.mouse.up()
    expect(page.locator("#edit-list li")).to_contain_text("at “bag” to “because”: as it was before")
    expect(page.locator("#shown-answer")).to_contain_text("was")
    asked = [body for body in api.asked_of("/v1/cloze") if body.get("interventions")]
    assert asked[-1]["interventions"][0]["units"] == [0, 10, 20, 30]
    assert asked[-1]["interventions"][0]["freeze"] is True
    page.click("#clear")
    expect(page.locator("#edits")).to_be_hidden()


def clamps_of(api: FakeApi, part: str) -> list[object]:
    """The clamps of every question that asked for `part`."""
    return [body.get("interventions") for body in api.asked_of("/v1/cloze") if body.get(part)]


def test_evidence_is_of_the_network_as_it_is_clamped(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    assert clamps_of(api, "evidence") == [None]
    with page.expect_response(lambda response: "evidence" in (response.request.post_data or "")):
        cell(page, 2, 3).click()
    assert clamps_of(api, "evidence")[-1] == [
        {"site": "layer1.forward.forget_gate", "units": [10], "tokens": [3, 3], "set": 0}
    ]


def test_evidence_is_of_the_plain_network_where_its_clamps_are_refused(
    open_page: Opens, api: FakeApi, watched: list[Watched]
) -> None:
    api.refused_fields["interventions"] = refusal("interventions[0]: no", param="interventions[0]")
    page = open_page("#text=Mary+said+___+left.&edit=layer0.forward.forget_gate:3:1-1:set%3D0@a-lstm", api=api)
    allow(watched, "400")
    expect(page.locator("#map small").first).to_be_visible()
    assert clamps_of(api, "evidence") == [None]


def clamped(page: Page, *columns: int) -> Locator:
    """The "undo" of each of these cells of unit 10, clamped by clicks."""
    for column in columns:
        cell(page, 2, column).click()
        expect(cell(page, 2, column)).to_have_text("0.00, clamped")
    return page.locator("#edit-list button")


def test_an_undo_undoes_its_own_clamp_however_often_it_is_pressed(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    undos = clamped(page, 2, 3, 4)
    undos.first.dblclick()
    expect(undos).to_have_count(2)
    page.wait_for_timeout(200)  # and not fewer later
    expect(page.locator("#edit-list li")).to_have_text([re.compile("at “her”"), re.compile("at “bag”")])
    api.holds = lambda asked: True
    page.evaluate("document.querySelectorAll('#edit-list button').forEach((undo) => undo.click())")  # before any answer
    expect(page.locator("#edits")).to_be_hidden()


def test_after_an_undo_the_keyboard_is_at_the_next_one(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    undos = clamped(page, 2, 3)
    page.evaluate("document.querySelector('#map tbody').dataset.old = ''")
    undos.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#map tbody[data-old]")).to_have_count(0)  # the new answer has come
    expect(
        page.get_by_role("button", name="Undo: a-lstm, layer1.forward.forget_gate, unit 10, at “her”")
    ).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#edits")).to_be_hidden()
    assert page.evaluate("document.activeElement.closest('#map') !== null")


@pytest.mark.parametrize("number", ["0.25", "-3.141593", "5000"])
def test_a_clamp_takes_any_number_that_an_address_can_hold(open_page: Opens, api: FakeApi, number: str) -> None:
    page = settled(open_page(api=api))
    page.fill("#brush-number", number)
    clamped_to = float(number)
    cell(page, 2, 3).click()
    expect(page.locator("#edit-list li")).to_contain_text(f"set to {number}")
    expect(cell(page, 2, 3)).to_have_text(f"{clamped_to:.2f}, clamped".replace("-", "−"))
    page.reload()
    expect(page.locator("#brush-number")).to_have_value(number)
    expect(page.locator("#edit-list li")).to_contain_text(f"set to {number}")


def test_a_number_too_small_for_an_address_becomes_one_that_is_not(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page("#text=Mary+packed+her+bag+because+___+was+leaving.&brush=scale%3D0.25", api=api))
    page.fill("#brush-number", "1e-7")
    expect(page.locator("#brush-number")).to_have_value("0")
    cell(page, 2, 3).click()
    expect(page.locator("#edit-list li")).to_contain_text("times 0")
    page.reload()
    expect(page.locator("#edit-list li")).to_contain_text("times 0")


def test_what_a_click_does_can_be_changed_where_an_address_names_its_number(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page("#text=Mary+packed+her+bag+because+___+was+leaving.&brush=set%3D0.25", api=api))
    expect(page.locator("#brush-number")).to_have_value("0.25")
    page.select_option("#brush-verb", "scale")
    cell(page, 2, 3).click()
    expect(page.locator("#edit-list li")).to_contain_text("times 0.25")


def test_until_the_other_model_has_answered_the_first_one_stays_and_is_clamped(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    api.holds = lambda asked: asked.get("model") == "b-gru"
    with page.expect_response(lambda response: "a-lstm" in (response.request.post_data or "")):
        page.locator("label", has=page.locator("#look-1")).click()
    expect(page.locator("#inside")).to_be_visible()
    expect(page.locator("#look-1")).to_be_focused()
    cell(page, 2, 3).click()
    expect(page.locator("#edit-list li")).to_contain_text("a-lstm, layer1.forward.forget_gate, unit 10, at “her”")
    api.release()
    expect(page.get_by_role("button", name="z: update gate")).to_be_visible()
    expect(page.locator("#blanks-0")).to_contain_text("was 90.0 %")
    assert "was" not in page.locator("#blanks-1").inner_text()


def test_until_a_newly_chosen_model_has_answered_the_old_one_is_clamped(open_page: Opens) -> None:
    api = FakeApi(names=("a-lstm", "b-gru", "c-rnn"))
    page = settled(open_page(api=api))
    api.holds = lambda asked: asked.get("model") == "c-rnn"
    with page.expect_response(lambda response: "b-gru" in (response.request.post_data or "")):
        page.select_option("#model-0", "c-rnn")
    cell(page, 2, 3).click()
    expect(page.locator("#edit-list li")).to_contain_text("a-lstm, layer1.forward.forget_gate, unit 10, at “her”")
    api.release()
    expect(page.get_by_role("button", name="h: hidden state")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#edit-error")).to_have_text("")
