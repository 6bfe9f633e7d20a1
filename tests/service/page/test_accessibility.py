"""axe-core finds nothing, in light and dark, on a desktop and a phone; a phone's width is enough."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.service.page.conftest import Opens
from tests.service.page.fake_api import FakeApi
from tests.service.page.test_inside import cell

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the package axe-playwright-python")

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tour", ["", pytest.param("&tour=3", marks=pytest.mark.slow)], ids=["page", "tour"])
def test_axe_finds_no_violation(open_page: Opens, api: FakeApi, device: dict[str, Any], scheme: str, tour: str) -> None:
    clamp = "edit=layer1.forward.forget_gate:10:3-3:set%3D0@a-lstm"
    page = open_page(f"#text=Mary+said+___+left.&{clamp}{tour}", api=api, color_scheme=scheme, **device)
    expect(page.locator("#belief circle").first).to_be_visible()
    expect(cell(page, 0, 1).locator("small")).to_have_text("she +0.6")
    report = axe.Axe().run(page)
    assert report.violations_count == 0, report.generate_report()


def test_a_phone_is_wide_enough_and_taps_clamp(open_page: Opens, api: FakeApi) -> None:
    page = open_page(api=api, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for part in ("#text", "#panels", "#inside"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    cell(page, 1, 1).tap()
    expect(page.locator("#edit-list li")).to_contain_text("unit 0, at “Mary”")
