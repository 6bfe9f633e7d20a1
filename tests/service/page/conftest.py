"""The page in a real Chromium; skipped, with a reason, where Playwright or Chromium is missing.

Every test ends with a look at the browser's console and at where requests went.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.service.page.fake_api import FakeApi
from tests.service.processes import service

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright  # noqa: E402

expect.set_options(timeout=20_000)  # a busy machine is slow; nothing here measures time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.page)


def chromium() -> str | None:
    """The path of the system's Chromium or Chrome; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = chromium()
    if found is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_playwright() as started:
        # A container's root has no sandbox, and its /dev/shm is small.
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """The address of `anaphora serve` with the shipped models."""
    with service(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive") as running:
        yield running.url + "/"


class Watched:
    """What a page did that it should not: errors in the console, requests to other hosts."""

    def __init__(self, page: Page, host: str) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.expected: Callable[[str], bool] = lambda message: False
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url, host))

    def _note(self, address: str, host: str) -> None:
        if not address.startswith(("data:", "blob:")) and urlsplit(address).netloc != host:
            self.outside.append(address)

    def check(self) -> None:
        assert [message for message in self.errors if not self.expected(message)] == []
        assert self.outside == []


Opens = Callable[..., Page]


def allow(watched: list[Watched], *words: str) -> None:
    """Pass over messages with one of these words: the browser itself writes refused requests into its console."""
    watched[-1].expected = lambda message: any(word in message for word in words)


@pytest.fixture
def watched() -> list[Watched]:
    """One for each page that was opened."""
    return []


@pytest.fixture
def open_page(browser: Browser, url: str, watched: list[Watched]) -> Iterator[Opens]:
    """Opens the page. `api`: a fake in place of the service's own answers; further arguments: a browser context's."""
    contexts: list[BrowserContext] = []

    def open_(address: str = "", *, api: FakeApi | None = None, answered: bool = True, **options: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        watched.append(Watched(page, urlsplit(url).netloc))
        if api is not None:
            api.serve(page)
        page.goto(url + address)
        if answered:
            expect(page.locator("#answer-0")).to_be_visible()
        return page

    yield open_
    for context in contexts:
        context.close()
    for one in watched:
        one.check()


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()
