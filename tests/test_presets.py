"""Every preset parses, and every setting and every line of a preset says what it is."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from importlib import resources

import pytest
import yaml

from training.cli import train_parser
from training.config import TrainingConfig, load_config, preset_names, preset_summary


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_parses_and_says_when_to_stop(name: str) -> None:
    config = load_config(name, {})
    assert sum(stop is not None for stop in (config.epochs, config.steps, config.minutes)) == 1


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_says_what_it_is_for_in_its_first_line(name: str) -> None:
    text = (resources.files("training") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".")
    assert yaml.safe_load(text).keys() <= {field.name for field in fields(TrainingConfig)}


@pytest.mark.parametrize("name", preset_names())
def test_each_line_of_a_preset_says_what_its_setting_is(name: str) -> None:
    text = (resources.files("training") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    for line in text.splitlines()[1:]:
        setting, _, comment = line.partition("  # ")
        assert len(yaml.safe_load(setting)) == 1, line
        assert len(comment.split()) > 1, line


def test_the_help_names_each_preset_with_its_sentence() -> None:
    text = train_parser().format_help()
    for name in preset_names():
        assert f"  {name:<16} {preset_summary(name)}\n" in text


def test_each_setting_is_followed_by_a_sentence_about_it() -> None:
    """A string alone on the lines after a field, as in `hidden: int = 384` and then what it is."""
    (node,) = ast.parse(inspect.getsource(TrainingConfig)).body
    assert isinstance(node, ast.ClassDef)
    sentences: dict[str, str] = {}
    for statement, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = after.value if isinstance(after, ast.Expr) else None
            sentences[statement.target.id] = str(value.value) if isinstance(value, ast.Constant) else ""
    assert sentences.keys() == {field.name for field in fields(TrainingConfig)}
    for name, sentence in sentences.items():
        assert len(sentence) > 10, name
        assert sentence.endswith("."), name
