"""The pages: everything they need comes from the service itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

from service.plotly import script_path
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


def test_the_scripts_use_only_elements_that_the_page_has() -> None:
    ids = set(re.findall(r'id="([\w-]+)"', (PAGE / "index.html").read_text()))
    for script in PAGE.glob("*.js"):
        assert set(re.findall(r'byId\("([\w-]+)"\)', script.read_text())) <= ids, script
        numbered = re.findall(r"byId\(`([\w-]+)-\$\{place\}`\)", script.read_text())
        assert {f"{name}-{place}" for name in numbered for place in (0, 1)} <= ids, script


def test_every_module_is_reached_from_the_page_and_is_there() -> None:
    reached, to_read = set(), ["page.js"]
    while to_read:
        name = to_read.pop()
        reached.add(name)
        imported = re.findall(r'from "\./([\w.]+)"', (PAGE / name).read_text())
        to_read += [other for other in imported if other not in reached]
    assert reached == {script.name for script in PAGE.glob("*.js")} - {"docs.js"}


def test_the_library_of_the_curves_is_sent_compressed_and_once() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.get("/page/plotly.min.js")
        assert reply.headers["content-type"].startswith("text/javascript")
        assert reply.headers["content-encoding"] == "gzip"
        assert reply.headers["vary"] == "Accept-Encoding"
        assert reply.content == script_path().read_bytes()
        again = await client.get("/page/plotly.min.js", headers={"if-none-match": reply.headers["etag"]})
        assert again.status_code == 304
        assert not again.content
        plain = await client.get("/page/plotly.min.js", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == reply.content
        assert plain.headers["etag"] != reply.headers["etag"]

    with_client(app_of(FakeLanguageModel()), use)


def test_nothing_runs_on_the_page_but_scripts_of_the_service() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        policy = (await client.get("/")).headers["content-security-policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == rules["script-src"] == rules["connect-src"] == "'self'"
        page = (await client.get("/")).text
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", page)

    with_client(app_of(FakeLanguageModel()), use)


@pytest.mark.parametrize("path", ["/page/page.js", "/page/figure.css", "/page/plotly.min.js", "/"])
def test_a_browser_asks_again_before_it_uses_a_file_it_kept(path: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.get(path)
        assert reply.headers["cache-control"] == "no-cache"
        assert reply.headers["etag"]

    with_client(app_of(FakeLanguageModel()), use)


def test_a_page_can_be_asked_for_by_head() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.head("/")
        assert reply.status_code == 200
        assert not reply.content

    with_client(app_of(FakeLanguageModel()), use)
