"""A state of the page by its address; pictures and numbers to keep."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree as ET

from playwright.sync_api import Page, expect

from tests.service.page.conftest import Opens
from tests.service.page.fake_api import FakeApi, belief_at, value_at
from tests.service.page.test_inside import cell

CONTROLS = """() => Object.fromEntries([...document.querySelectorAll("main input, main select, main textarea")]
    .map((field) => [field.id, field.type === "radio" ? field.checked : field.value]))"""


def shown(page: Page) -> tuple[object, str, str, str]:
    """All that a reader sees of the state, once evidence is there: the controls, answers, clamps and the map."""
    expect(page.locator("#map small").first).to_be_visible()
    texts = [page.locator(part).inner_text() for part in ("#panels", "#edit-list", "#map")]
    return page.evaluate(CONTROLS), texts[0], texts[1], texts[2]


def test_an_address_restores_the_page_exactly(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api, permissions=["clipboard-read", "clipboard-write"])
    page.fill("#text", "Mary & Söhne said: “100 % of ___ left” #1.")
    page.fill("#targets", "he, she")
    page.select_option("#context", "left")
    page.locator("label", has=page.locator("#look-1")).click()
    page.get_by_role("button", name="r: reset gate").click()
    page.select_option("#stack", "layer0.forward")
    page.select_option("#rows", "6")
    page.select_option("#brush-verb", "scale")
    page.fill("#brush-number", "0.5")
    expect(page.locator("#reading")).to_contain_text("Reset gate")
    cell(page, 2, 3).click()
    expect(page.locator("#blanks-1")).to_contain_text("was")
    page.click("#share")
    expect(page.locator("#download-told")).to_have_text("The address of what you see is on the clipboard.")
    address = page.evaluate("navigator.clipboard.readText()")
    other = open_page("#" + address.partition("#")[2], api=api)
    expect(other.locator("#blanks-1")).to_contain_text("was")
    assert shown(other) == shown(page)


def test_without_a_clipboard_the_address_can_be_copied_by_hand(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.click("#share")
    expect(page.locator("#address")).to_be_focused()
    assert page.locator("#address").input_value() == page.url


def test_an_address_of_nonsense_gives_the_page_as_it_begins(open_page: Opens, api: FakeApi) -> None:
    page = open_page(
        "#shown=7&rows=-3&site=%3Cscript%3E&edit=x&edit=a:b:c&tour=99&models=,,,&brush=set%3Dzero", api=api
    )
    expect(page.locator("#text")).to_have_value("Mary packed her bag because ___ was leaving.")
    expect(page.locator("#rows")).to_have_value("12")
    expect(page.locator("#look-0")).to_be_checked()


def test_an_address_cannot_make_the_page_hold_more_than_it_can_bear(open_page: Opens, api: FakeApi) -> None:
    def edit(units: str) -> str:
        return f"&edit=layer0.forward.forget_gate:{units}:1-1:set%3D0@a-lstm"

    runs = ",".join(["0-9999"] * 3000)
    page = open_page("#text=Mary+said+___+left." + edit(runs) + edit("9-2") + edit("3,3,2-4") * 400, api=api)
    expect(page.locator("#blanks-0")).to_contain_text("was")
    assert page.locator("#edit-list li").count() == 254
    assert {str(clamp["units"]) for clamp in api.asked[-1].get("interventions", [])} <= {"[3, 2, 4]"}
    expect(page.locator("#edit-list li").first).to_contain_text("3 units (3, 2, 4)")


def saved(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click(f"#save-{kind}")
    assert download.value.suggested_filename == f"anaphora.{kind}"
    path = folder / f"anaphora.{kind}"
    download.value.save_as(path)
    return path


def test_a_saved_picture_tells_the_edits_that_were_in_force(open_page: Opens, api: FakeApi, tmp_path: Path) -> None:
    page = open_page(api=api)
    cell(page, 2, 3).click()
    expect(page.locator("#blanks-0")).to_contain_text("was")
    cell(page, 3, 4).click()
    expect(page.locator("#edit-list li")).to_have_count(2)
    expect(cell(page, 3, 4)).to_have_text("0.00, clamped")
    picture = ET.parse(saved(page, "svg", tmp_path)).getroot()
    texts = list(picture.iter("{http://www.w3.org/2000/svg}text"))
    told = [text for text in texts if (text.text or "").startswith("edited: ")]
    assert [text.text for text in told] == [
        "edited: layer1.forward.forget_gate, unit 10, at “her”: set to 0",
        "edited: layer1.forward.forget_gate, unit 20, at “bag”: set to 0",
    ]
    heights = [float(text.get("y", "0")) for text in texts]
    assert heights.count(float(told[0].get("y", "0"))) == heights.count(float(told[1].get("y", "0"))) == 1
    with saved(page, "csv", tmp_path).open(newline="") as lines:
        edited = {row["edits"] for row in csv.DictReader(lines) if row["quantity"] == "layer1.forward.forget_gate"}
    assert edited == {"layer1.forward.forget_gate:10:3-3:set=0 layer1.forward.forget_gate:20:4-4:set=0"}
    page.click("#clear")
    expect(page.locator("#blanks-0")).not_to_contain_text("was")
    assert "edited" not in saved(page, "svg", tmp_path).read_text()


def test_a_text_that_xml_cannot_hold_is_saved_as_a_picture_nevertheless(
    open_page: Opens, api: FakeApi, tmp_path: Path
) -> None:
    page = open_page("#text=Mary+%01said%EF%BF%BE+___+left.", api=api)
    picture = ET.parse(saved(page, "svg", tmp_path)).getroot()
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "Mary \ufffdsaid\ufffd ___ left." in texts
    assert saved(page, "png", tmp_path).read_bytes().startswith(b"\x89PNG\r\n")


def test_a_long_edit_is_cut_between_two_characters(open_page: Opens, api: FakeApi, tmp_path: Path) -> None:
    edits = "".join(f"&edit=layer1.forward.forget_gate:{unit}:1-1:set%3D0@a-lstm" for unit in (0, 10))
    page = open_page(f"#text={'𝔐' * 20}+___{edits}", api=api)
    expect(page.locator("#blanks-0")).to_contain_text("was")
    texts = ET.parse(saved(page, "svg", tmp_path)).getroot().iter("{http://www.w3.org/2000/svg}text")
    told = [text.text or "" for text in texts if (text.text or "").startswith("edited: ")]
    assert [text[-2:] for text in told] == ["𝔐…", "𝔐…"]  # one is a character longer: by UTF-16 units a half would stay


def test_a_spreadsheet_takes_no_token_for_a_formula(open_page: Opens, api: FakeApi, tmp_path: Path) -> None:
    page = open_page("#text=Mary+-+said+%2B+%3D+%40+___+left.", api=api)
    expect(page.locator("#belief circle")).to_have_count(9)
    page.fill("#brush-number", "-0.5")
    cell(page, 2, 3).click()
    expect(page.locator("#blanks-0")).to_contain_text("was")
    with saved(page, "csv", tmp_path).open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {"'-", "'+", "'=", "'@", "said"} <= {row["token"] for row in rows}
    assert "-0.5" in {row["value"] for row in rows}


def test_no_number_saved_is_for_other_words_than_those_shown(open_page: Opens, api: FakeApi, tmp_path: Path) -> None:
    page = open_page(api=api)
    expect(page.locator("#map small:visible").first).to_be_visible()
    api.holds = lambda asked: "evidence" in asked or asked["path"] == "/v1/belief"
    page.fill("#targets", "she, he")
    expect(page.locator("#first-word")).to_have_text("she")
    with saved(page, "csv", tmp_path).open(newline="") as lines:
        quantities = {row["quantity"].partition(" ")[0] for row in csv.DictReader(lines)}
    assert quantities == {"probability", "layer1.forward.forget_gate"}
    assert "polyline" not in saved(page, "svg", tmp_path).read_text()


def test_pictures_and_numbers_can_be_saved(open_page: Opens, api: FakeApi, tmp_path: Path) -> None:
    page = open_page(api=api)
    expect(page.locator("#belief circle")).to_have_count(9)
    expect(cell(page, 0, 1).locator("small")).to_contain_text("she")

    picture = ET.parse(saved(page, "svg", tmp_path)).getroot()
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Mary packed her bag because ___ was leaving.", "Mary", "30"} <= set(words)

    assert saved(page, "png", tmp_path).read_bytes().startswith(b"\x89PNG\r\n")

    with saved(page, "csv", tmp_path).open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    values = {(row["quantity"], row["unit"], row["token_index"]): row["value"] for row in rows}
    assert float(values["layer1.forward.forget_gate", "10", "3"]) == value_at(3, 10)
    assert float(values["belief in he against she", "", "1"]) == belief_at(1)
    assert {row["model"] for row in rows} == {"a-lstm", "b-gru"}

    kept = json.loads(saved(page, "json", tmp_path).read_text())
    assert kept["state"]["text"] == "Mary packed her bag because ___ was leaving."
    assert [answer["model"] for answer in kept["answers"]] == ["a-lstm", "b-gru"]
    assert kept["answers"][0]["result"]["trace"]["sites"]["layer1.forward.forget_gate"]["units"] == [0, 10, 20, 30]
