"""The examples of README.md, CONTRIBUTING.md and docs/ are executed; CONTRIBUTING.md says which blocks and how."""

from __future__ import annotations

import contextlib
import doctest
import functools
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import anaphora

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
KINDS = {"python", "bash", "sh", "json", "text"}
TOLERANCE = 0.02  # of numbers in shown answers: more than any processor's rounding, less than a reader would mind


@dataclass(frozen=True)
class Block:
    """A fenced block: what it is called, its text, the line it begins on."""

    kind: str
    text: str
    line: int
    follows_at_once: bool
    """Only blank lines stand between the block before and this one."""

    def commands(self) -> list[list[str]]:
        """The words of each command, without comments; what a pipe or `>` does with the output is left out."""
        text = re.sub(r"(^|[ \t])#.*$", "", self.text, flags=re.MULTILINE).replace("\\\n", " ")
        lexer = shlex.shlex(text, posix=True, punctuation_chars="&;|>\n")
        lexer.commenters, lexer.whitespace, lexer.whitespace_split = "", " \t", True
        found: list[list[str]] = [[]]
        piped = False
        for word in lexer:
            if set(word) <= set("&;|>\n"):
                piped = word in ("|", ">", ">>")
                if not piped:
                    found.append([])
            elif not piped:
                found[-1].append(word)
        return [words for words in found if words]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found, end = [], 0
    for match in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE):
        between = text[end : match.start()]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match[1].strip(), match[2], line, bool(found) and not between.strip()))
        end = match.end()
    return found


def pages_with(*kinds: str) -> list[object]:
    """The pages with a block of one of these kinds; without kinds, all."""
    pages = [page for page in PAGES if not kinds or any(block.kind in kinds for block in blocks(page))]
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `anaphora serve` with the shipped models, on a free port."""
    log = (tmp_path_factory.mktemp("server") / "log").open("w+")
    command = [sys.executable, "-u", "-m", "anaphora", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout
    first = process.stdout.readline()
    try:
        address = re.search(r"http://\S+", first)
        assert address, f"the server did not start: {Path(log.name).read_text()}"
        yield address[0]
    finally:
        process.terminate()
        process.communicate(timeout=40)
        log.close()


@pytest.mark.parametrize("page", pages_with())
def test_every_block_has_a_name_that_says_what_happens_to_it(page: Path) -> None:
    for block in blocks(page):
        assert block.kind in KINDS, f"{page.name}:{block.line}: {block.kind!r} is none of {sorted(KINDS)}"
        if block.kind == "json" and "..." not in block.text:
            json.loads(block.text)


@pytest.mark.parametrize("page", pages_with())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in (link for link in links if not re.match(r"[a-z]+:", link)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link} is not there"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link} is no heading there"


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in addresses."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.kind != "python":
            continue
        where = f"{page.name}:{block.line}"
        if ">>>" not in block.text:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile("\n" * block.line + block.text, page, "exec"), namespace)
            continue
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        example = doctest.DocTestParser().get_doctest(block.text, namespace, where, str(page), block.line)
        report = io.StringIO()
        doctest.DocTestRunner(verbose=False, optionflags=options).run(example, out=report.write, clear_globs=False)
        namespace = example.globs
        assert not report.getvalue(), report.getvalue()


@pytest.mark.parametrize("page", pages_with("bash"))
def test_commands_run_and_answer_as_shown(page: Path, server: str, tmp_path: Path) -> None:
    answer = ""
    for block in blocks(page):
        if block.follows_at_once and block.kind == "json" and answer:
            assert_matches(json.loads(answer), json.loads(block.text), f"{page.name}:{block.line}")
        elif block.follows_at_once and block.kind == "text" and answer:
            assert_text_matches(answer, block.text, f"{page.name}:{block.line}")
        answer = ""
        if block.kind == "bash":
            for words in block.commands():
                answer = run(words, server, tmp_path, f"{page.name}:{block.line}")


@pytest.mark.parametrize("page", pages_with("sh", "bash"))
def test_commands_that_are_shown_exist(page: Path) -> None:
    for block in blocks(page):
        for words in block.commands() if block.kind in ("sh", "bash") else ():
            where = f"{page.name}:{block.line}"
            while words and re.fullmatch(r"\w+=.*", words[0]):  # a variable before the command
                words = words[1:]
            if words[0] == "make":
                assert_targets_exist(words[1:], where)
            elif Path(words[0]).name == "anaphora":
                assert_options_exist(words[1:], where)


def run(words: list[str], server: str, folder: Path, where: str) -> str:
    """What the command prints; it must succeed."""
    if words[0] == "curl":
        return curl([word.replace("http://127.0.0.1:8000", server) for word in words[1:]], where)
    if Path(words[0]).name == "anaphora":
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "anaphora", *words[1:]]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}: {done.stderr}"
        return done.stdout
    assert words[0] == "make", f"{where}: {words[0]} cannot be run here; call the block 'sh' to show it only"
    return ""


def curl(words: list[str], where: str) -> str:
    """The body of the answer. Understands what examples need: -s -S -f -X METHOD -H 'NAME: VALUE' -d or --json BODY."""
    method, url, headers, body = None, "", {}, None
    rest = iter(words)
    for word in rest:
        if word in ("-X", "--request"):
            method = next(rest)
        elif word in ("-H", "--header"):
            name, _, value = next(rest).partition(":")
            headers[name] = value.strip()
        elif word in ("-d", "--data", "--json"):
            body = next(rest)
            headers |= {"Content-Type": "application/json"} if word == "--json" else {}
        elif word.startswith("http"):
            url = word
        else:
            assert set(word) <= set("-sSfLi"), f"{where}: the test does not know curl's {word!r}"
    reply = httpx.request(method or ("POST" if body else "GET"), url, headers=headers, content=body, timeout=60)
    assert reply.is_success, f"{where}: {reply.status_code} {reply.text}"
    return reply.text


def assert_matches(actual: object, shown: object, where: str) -> None:
    """`shown` may leave out keys and write "..." for a value; numbers agree to TOLERANCE."""
    if shown == "...":
        return
    if isinstance(shown, dict):
        assert isinstance(actual, dict), f"{where}: {actual!r} is not an object"
        for key, value in shown.items():
            assert key in actual, f"{where}: no {key!r} in the answer"
            assert_matches(actual[key], value, f"{where}.{key}")
    elif isinstance(shown, list):
        assert isinstance(actual, list), f"{where}: {actual!r} is not a list"
        assert len(actual) == len(shown), f"{where}: {len(actual)} entries, shown are {len(shown)}"
        for index, value in enumerate(shown):
            assert_matches(actual[index], value, f"{where}[{index}]")
    elif isinstance(shown, float):
        assert actual == pytest.approx(shown, abs=TOLERANCE), where
    else:
        assert actual == shown, where


def assert_text_matches(actual: str, shown: str, where: str) -> None:
    """Word by word; numbers with a decimal point agree to TOLERANCE, `...` stands for anything."""
    number = re.compile(r"-?\d+\.\d+")
    pattern = "".join(
        f"({number.pattern})"
        if number.fullmatch(piece)
        else {"...": r"[\s\S]*?"}.get(piece) or (r"\s+" if piece.isspace() else re.escape(piece))
        for piece in re.split(rf"({number.pattern}|\.\.\.|\s+)", shown.strip())
    )
    match = re.fullmatch(pattern, actual.strip())
    assert match, f"{where}: the command printed\n{actual}"
    for value, expected in zip(match.groups(), number.findall(shown), strict=True):
        assert float(value) == pytest.approx(float(expected), abs=TOLERANCE), where


def assert_targets_exist(words: list[str], where: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for word in words:
        assert "=" in word or word in targets, f"{where}: make has no target {word!r}"


def assert_options_exist(words: list[str], where: str) -> None:
    if words[0].startswith("-"):
        return
    n_words = 2 if " ".join(words[:2]) in anaphora.COMMANDS else 1
    subcommand = " ".join(words[:n_words])
    assert subcommand in anaphora.COMMANDS, f"{where}: there is no subcommand {subcommand!r}"
    known = help_of(subcommand)
    for option in (word.partition("=")[0] for word in words[n_words:] if word.startswith("--")):
        assert re.search(rf"{re.escape(option)}\b", known), f"{where}: {subcommand} has no option {option}"


@functools.cache
def help_of(subcommand: str) -> str:
    command = [sys.executable, "-m", "anaphora", *subcommand.split(), "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
