"""docs/training.md names every option of `anaphora train` with its default."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from training.cli import train_parser
from training.config import TrainingConfig, preset_names

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
ACTIONS = [action for action in train_parser()._actions if action.option_strings and action.dest != "help"]


def row_of(option: str) -> str:
    return next(line for line in PAGE.splitlines() if re.match(rf"\| .*`{option}\b", line))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.dest)
def test_every_option_has_a_row_with_its_default(action: argparse.Action) -> None:
    row = row_of(action.option_strings[0])
    default = getattr(TrainingConfig, action.dest, action.default)
    if default not in (None, False):
        assert re.search(rf"\b{re.escape(str(default))}\b", row.split("|")[2]), row


def test_every_row_is_an_option() -> None:
    named = re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE)
    assert set(named) <= {option for action in ACTIONS for option in action.option_strings}


def test_every_preset_is_named() -> None:
    for name in preset_names():
        assert f"`{name}`" in PAGE
