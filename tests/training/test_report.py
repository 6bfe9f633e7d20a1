"""The training report: one page that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import TinyRun
from tests.training.test_held_out import looked_at
from training.curves import MAX_POINTS, pictures
from training.evaluation.tables import Table
from training.held_out import HeldOut
from training.page import table
from training.report import page, write_report

EMPTY = {"meta", "link", "br", "hr", "img", "input", "path", "use", "rect"}


class Outline(HTMLParser):
    """Tags, ids and addresses of a page; fails on a tag that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag


def log_row(step: int, **values: Any) -> dict[str, Any]:
    return {"step": step, "tokens": 100 * step, "elapsed_seconds": 2.0 * step, "learning_rate": 0.001, **values}


def validation_row(step: int, **values: Any) -> dict[str, Any]:
    return {"step": step, "tokens": 100 * step, "elapsed_seconds": 2.0 * step, **values}


HISTORY = [
    log_row(1, train_left_nats=5.0, train_both_nats=None, train_contrast_left_nats=math.nan),
    log_row(2, train_left_nats=4.0, train_both_nats=None, train_contrast_left_nats=0.5),
    validation_row(2, valid_left_nats=4.5, **{"valid_he/she_left": 0.55, "valid_he/she_both": None}),
    log_row(3, train_left_nats=3.0, train_both_nats=None, train_contrast_left_nats=math.inf),
    validation_row(3, valid_left_nats=3.5, **{"valid_he/she_left": 0.75, "valid_he/she_both": None}),
]


NOTHING = HeldOut(("name", "noun"), [], [])
"""A held-out sample without a pronoun."""


def test_a_run_leaves_a_page_that_stands_alone_and_is_well_formed(finished: TinyRun) -> None:
    text = (finished.options.run_folder / "report.html").read_text(encoding="utf-8")
    outline = Outline(text)
    assert all(address.startswith("#") for address in outline.addresses)
    assert "<script" not in text
    assert "url(http" not in text
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.counts["svg"] >= 3
    assert outline.counts["svg"] <= outline.counts["desc"] <= outline.counts["title"]
    assert outline.counts["table"] >= 6
    assert "anaphora train texts --out tiny" in text


def test_the_json_holds_what_the_page_shows(finished: TinyRun) -> None:
    report = json.loads((finished.options.run_folder / "report.json").read_text(encoding="utf-8"))
    assert report["report_version"] == 1
    assert report["metrics"] == finished.bundle.metadata["metrics"]
    assert report["provenance"] == finished.bundle.metadata["provenance"]
    assert sorted({row["step"] for row in report["history"] if "valid_left_nats" in row}) == [3, 6]


def test_figures_that_are_no_numbers_are_left_out_of_curves_and_null_in_json(finished: TinyRun, tmp_path: Path) -> None:
    write_report(tmp_path, finished.bundle.metadata, HISTORY, NOTHING)
    history = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["history"]
    assert [row.get("train_contrast_left_nats") for row in history] == [None, 0.5, None, None, None]
    drawn = {picture.title: picture.description for picture in pictures(HISTORY, ["he/she"])}
    assert drawn["Which of two pronouns"] == "he/she, left context only: 0.55 at first, 0.75 at the end."
    assert "Contrast at pronouns, training, left: 0.5 at first, 0.5 at the end" in drawn["Cross-entropy"]
    assert "both sides" not in drawn["Cross-entropy"]
    assert "Speed, tokens per second: 50 at first, 50 at the end" in drawn["Speed and learning rate"]


def test_the_course_stands_in_a_table_beside_the_curves(finished: TinyRun) -> None:
    text = page(finished.bundle.metadata, HISTORY, NOTHING)
    assert '<th scope="row">200</th><td>2</td><td>4.500</td><td>0.550</td><td>50</td>' in text
    assert '<th scope="row">300</th><td>3</td><td>3.500</td><td>0.750</td><td>50</td>' in text


@pytest.mark.parametrize("history", [[], [log_row(1)], [validation_row(1, valid_left_nats=None)]])
def test_a_run_without_figures_still_has_a_page(finished: TinyRun, history: list[dict[str, Any]]) -> None:
    Outline(
        page(
            dict(finished.bundle.metadata) | {"metrics": {"validation": {"pairs": {}}}, "calibration": []},
            history,
            NOTHING,
        )
    )


def test_long_runs_are_drawn_through_the_means_of_stretches() -> None:
    history = [log_row(step, train_left_nats=float(step % 2)) for step in range(1, 10 * MAX_POINTS + 1)]
    picture = next(picture for picture in pictures(history, []) if picture.title == "Cross-entropy")
    assert "training, left: 0.5 at first, 0.5 at the end" in picture.description
    assert len(picture.svg) < 100_000


def test_pictures_take_the_pages_colour_and_are_the_same_every_time() -> None:
    first, second = (pictures(HISTORY, ["he/she"])[0].svg for _ in range(2))
    assert first == second
    assert "currentColor" in first
    assert "#010203" not in first
    assert '<svg role="img" aria-labelledby="picture-0-title picture-0-description"' in first


def test_what_stands_in_a_table_cannot_become_part_of_the_page() -> None:
    text = table(Table("<b>", ("a&b",), (("<script>",),)))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "a&amp;b" in text


def test_the_held_out_sample_is_looked_at_closely(finished: TinyRun) -> None:
    text = page(finished.bundle.metadata, HISTORY, looked_at(temperature=2.0))
    Outline(text)
    assert "words to the nearest earlier name or noun of the right gender" in text
    assert "<q>Anna hurt herself when <b>___</b> was walking to the station.</q>" in text
    assert "<small>right: she; P(he) 0.269, P(she) 0.731: right</small>" in text
    assert '<th scope="row">he/she, left only</th><td>she</td><td>2</td><td>1</td><td>he: 1</td><td>0</td>' in text
    assert ">temperature 2.000</text>" in text
    assert "perfectly calibrated" in text


def test_what_stands_in_a_held_out_text_cannot_become_part_of_the_page(finished: TinyRun) -> None:
    sample = {"left": "<script>&", "right": "", "answer": "he", "probabilities": {"he": 0.25, "she": 0.75}}
    text = page(finished.bundle.metadata, HISTORY, HeldOut(("pronoun",), [], [sample]))
    assert "<script>" not in text
    assert "<q>&lt;script&gt;&amp;<b>___</b></q><small>right: he; P(he) 0.250, P(she) 0.750: wrong</small>" in text


def test_the_json_holds_the_held_out_questions_in_full(finished: TinyRun) -> None:
    report = json.loads((finished.options.run_folder / "report.json").read_text(encoding="utf-8"))
    counts = {
        pair: {context: sum(figures["n_of_form"].values()) for context, figures in contexts.items()}
        for pair, contexts in report["metrics"]["validation"]["pairs"].items()
    }
    assert counts == {
        pair: {context: len(figures["items"]["answer"]) for context, figures in contexts.items()}
        for pair, contexts in report["held_out"]["pairs"].items()
    }
