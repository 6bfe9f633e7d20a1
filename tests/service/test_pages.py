"""The pages: everything they need comes from the service itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

from service.routes.pages import PAGE
from tests.service.clients import app_of, with_client
from tests.service.fakes import FakeLanguageModel


class References(HTMLParser):
    """Every src and href of a page, and the ids of its labels and fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.labelled: set[str] = set()
        self.fields: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.paths += [value for name in ("src", "href") if (value := named.get(name))]
        if tag == "label":
            self.labelled.add(named["for"] or "")
        if tag in {"input", "select", "textarea"}:
            self.fields.add(named["id"] or "")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_all_that_a_page_loads_is_here_and_relative(path: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.get(path)
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in reply.headers["content-security-policy"]
        references = References(reply.text).paths
        assert references
        for reference in references:
            assert not reference.startswith(("http", "/"))  # relative: works under any prefix of a proxy
            assert (await client.get(f"/{reference}")).status_code == 200, reference

    with_client(app_of(FakeLanguageModel()), use)


def test_our_own_files_name_no_other_host() -> None:
    for file in PAGE.iterdir():
        hosts = set(re.findall(r"(?:https?:)?//([\w.-]+\.\w+)", file.read_text()))
        assert hosts <= {"www.w3.org"}, file  # the name space of SVG, which nobody loads


def test_every_field_has_a_label() -> None:
    page = References((PAGE / "index.html").read_text())
    assert page.fields
    assert page.fields <= page.labelled


def test_the_script_uses_only_elements_that_the_page_has() -> None:
    ids = set(re.findall(r'id="([\w-]+)"', (PAGE / "index.html").read_text()))
    assert set(re.findall(r'byId\("([\w-]+)"\)', (PAGE / "page.js").read_text())) <= ids


def test_a_page_can_be_asked_for_by_head() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.head("/")
        assert reply.status_code == 200
        assert not reply.content

    with_client(app_of(FakeLanguageModel()), use)
