"""Looking inside: evidence, belief, the map's values, the keyboard's way, the site that is shown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.service.page.conftest import Opens
from tests.service.page.fake_api import FakeApi, belief_at, evidence_at, value_at


def cell(page: Page, row: int, column: int) -> Locator:
    """Row 0 is the words, column 0 is <s>."""
    return page.locator(f"#map [data-row='{row}'][data-column='{column}']")


def settled(page: Page) -> Page:
    """The page, once evidence and belief have come and what the mouse aims at moves no more."""
    expect(page.locator("#map small").last).to_be_visible()
    expect(page.locator("#belief circle")).to_have_count(9)
    return page


def test_words_are_coloured_by_evidence_and_say_which_way_it_points(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    mary, packed = cell(page, 0, 1), cell(page, 0, 2)
    expect(mary.locator("small")).to_have_text(f"she +{-evidence_at(1):.1f}")
    expect(packed.locator("small")).to_have_text(f"he +{evidence_at(2):.1f}")
    strength = mary.evaluate("cell => Number(cell.style.getPropertyValue('--strength'))")
    assert strength == pytest.approx(-evidence_at(1) / 4, abs=1e-3)
    assert mary.evaluate("cell => getComputedStyle(cell).backgroundColor") != packed.evaluate(
        "cell => getComputedStyle(cell).backgroundColor"
    )


def test_the_belief_line_stands_above_the_words(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    expect(page.locator("#belief circle")).to_have_count(9)  # words and the full stop
    dots = page.locator("#belief circle").evaluate_all(
        "all => all.map((dot) => dot.getBoundingClientRect()).map((box) => [box.x + box.width / 2, box.y])"
    )
    words = [box for place in range(1, 10) if (box := cell(page, 0, place).bounding_box())]
    for (x, y), word in zip(dots, words, strict=True):
        assert x == pytest.approx(word["x"] + word["width"] / 2, abs=1)
        assert y < word["y"]
    heights = [dot[1] for dot in dots]
    expected = [belief_at(place) for place in range(1, 10)]
    assert sorted(range(9), key=lambda place: heights[place]) == sorted(range(9), key=lambda place: -expected[place])
    assert f"Mary {belief_at(1):.2f}" in page.locator("#belief title").text_content()


def test_hover_tells_the_value(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    cell(page, 2, 3).hover()
    expect(page.locator("#tip")).to_have_text(f"unit 10 at “her”: {value_at(3, 10):.3f}")
    cell(page, 0, 1).hover()
    expect(page.locator("#tip")).to_contain_text(f"P(he) {belief_at(1):.3f}")
    page.mouse.move(5, 5)
    expect(page.locator("#tip")).to_be_hidden()


@pytest.mark.parametrize("has_focus", [False, True])
def test_the_value_stays_told_when_the_map_is_drawn_anew_under_the_pointer(
    open_page: Opens, api: FakeApi, has_focus: bool
) -> None:
    page = settled(open_page(api=api))
    tip = page.locator("#tip")
    if has_focus:  # elsewhere: it comes back when the cell is drawn anew, and must not tell its own
        cell(page, 1, 1).focus()
    cell(page, 2, 3).hover()
    value = f"unit 10 at “her”: {value_at(3, 10):.3f}"
    expect(tip).to_have_text(value)
    page.evaluate(  # what is told from here on, without a movement of the mouse
        "() => { document.querySelector('#map tbody').dataset.old = ''; window.told = [];"
        "new MutationObserver(() => told.push(tip.hidden ? 'nothing' : tip.textContent))"
        ".observe(tip, { attributes: true, childList: true }); }"
    )
    page.evaluate("location.hash = '#rows=6'")  # the units are the same four
    expect(page.locator("#map tbody[data-old]")).to_have_count(0)
    expect(tip).to_be_visible()
    assert set(page.evaluate("told")) <= {value}


def test_a_value_that_the_map_has_no_more_is_told_no_more(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    cell(page, 1, 9).hover()
    expect(page.locator("#tip")).to_contain_text("unit 0 at “.”")
    page.evaluate("location.hash = '#text=Mary+said+___.'")
    expect(page.locator("#map thead [data-column]")).to_have_count(6)
    expect(page.locator("#tip")).to_be_hidden()


def test_the_keyboard_alone_types_walks_and_clamps(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    press = page.keyboard.press
    for _ in range(4):  # the tour, then the sentence
        press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            break
    press("Control+A")
    page.keyboard.type("Mary said ___ left.")
    expect(page.locator("#said-0")).to_have_text("Mary said she left.")
    for _ in range(40):
        press("Tab")
        if page.evaluate("document.activeElement.closest('#map') !== null"):
            break
    expect(cell(page, 1, 1)).to_be_focused()
    expect(page.locator("#tip")).to_have_text(f"unit 0 at “Mary”: {value_at(1, 0):.3f}")
    press("ArrowDown")
    press("ArrowRight")
    press("Shift+ArrowRight")
    press("Shift+ArrowDown")
    press("Enter")
    expect(page.locator("#edit-list li")).to_contain_text("2 units (10, 20), at “said” to “she”: set to 0")
    expect(page.locator("#shown-answer")).to_contain_text("was")
    expect(cell(page, 3, 3)).to_be_focused()  # where one was, after the new answer
    press("Escape")
    expect(page.locator("#tip")).to_be_hidden()
    page.locator("#edit-list button").focus()
    press("Enter")
    expect(page.locator("#edits")).to_be_hidden()


def test_evidence_and_belief_for_other_words_go_before_the_new_words_come(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    places = page.locator("#map td").evaluate_all("cells => cells.map((cell) => [cell.offsetLeft, cell.offsetTop])")
    top = cell(page, 1, 1).evaluate("cell => cell.getBoundingClientRect().y")
    api.holds = lambda asked: "evidence" in asked or asked["path"] == "/v1/belief"
    page.fill("#targets", "she, he")
    expect(page.locator("#first-word")).to_have_text("she")
    expect(page.locator("#map small:visible")).to_have_count(0)
    expect(page.locator("#belief circle")).to_have_count(0)
    assert places == page.locator("#map td").evaluate_all("all => all.map((cell) => [cell.offsetLeft, cell.offsetTop])")
    assert top == cell(page, 1, 1).evaluate("cell => cell.getBoundingClientRect().y")
    api.release()
    settled(page)
    expect(cell(page, 0, 1).locator("small")).to_have_text(f"he +{-evidence_at(1):.1f}")


def test_the_dashed_line_is_not_of_other_words(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    dashed = page.locator("#belief .other")
    expect(dashed).to_have_attribute("d", re.compile("M"))
    api.holds = lambda asked: asked.get("model") == "b-gru"
    page.fill("#targets", "she, he")
    expect(page.locator("#first-word")).to_have_text("she")
    expect(dashed).to_have_attribute("d", "")
    expect(page.locator("#other-belief")).to_have_text("")


def test_letters_of_the_equations_and_boxes_of_the_structure_choose_the_site(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    page.get_by_role("button", name="c: cell state").click()
    expect(page.locator("#reading")).to_contain_text("Cell state: The unit's memory")
    page.locator("#structure .layer").nth(2).click(position={"x": 5, "y": 5})
    expect(page.locator("#stack")).to_have_value("layer0.backward")
    expect(page.get_by_role("button", name="c: cell state")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(100)
    assert api.asked_of("/v1/cloze")[-1].get("trace") or api.asked_of("/v1/cloze")[-2].get("trace")
    traced = [body["trace"] for body in api.asked_of("/v1/cloze") if body.get("trace") and not body.get("evidence")]
    assert traced[0]["units"] == "gender:12"  # the card ranks the units of layer1.forward alone
    assert traced[-1] == {"sites": ["layer0.backward.cell_state"], "units": "top:12"}


def test_the_other_model_can_be_looked_into(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    page.locator("label", has=page.locator("#look-1")).click()
    expect(page.get_by_role("button", name="z: update gate")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#reading")).to_contain_text("z near 1 keeps the old state")
    expect(page.locator("#map td").first).to_be_visible()


def test_curves_come_with_their_library_only_when_they_are_opened(open_page: Opens, api: FakeApi) -> None:
    page = settled(open_page(api=api))
    loaded = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert loaded
    assert not any("plotly" in name for name in loaded)
    page.click("summary")
    expect(page.locator("#curves .scatterlayer .trace")).to_have_count(4, timeout=60_000)
    expect(page.locator("#curves .xtick").first).to_have_text("<s>")


def test_several_blanks_are_filled_with_the_words_that_are_most_probable_together(
    open_page: Opens, api: FakeApi
) -> None:
    page = open_page("#text=Mary+said+___+and+___+left.", api=api)
    expect(page.locator("#said-0")).to_have_text("Mary said he and he left.")  # she in each of them alone
    expect(page.locator("#belief circle")).to_have_count(7)
    assert {body["text"] for body in api.asked_of("/v1/belief")} == {"Mary said he and he left."}


def test_several_blanks_are_shown_together(open_page: Opens) -> None:
    page = open_page("#text=Tom+lost+___+hat,+so+___+went+home.&targets=his,her;he,she")
    expect(page.locator("#blanks-0 caption")).to_have_text(["Blank 1", "Blank 2"])
    expect(page.locator("#joint-0")).to_contain_text(re.compile(r"Together: his … he, \d"))
    expect(page.locator("#evidence-error")).to_contain_text("Evidence weighs two words")
