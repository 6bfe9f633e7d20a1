"""Settings: read from the environment when built, checked once, documented all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "service.md"


def test_a_variable_sets_a_setting_and_an_argument_wins_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANAPHORA_PORT", "9000")
    assert Settings().port == 9000
    assert Settings(port=9001).port == 9001


def test_model_folders_are_separated_by_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANAPHORA_MODELS", "/models/a:/models/b")
    assert Settings().models == (Path("/models/a"), Path("/models/b"))


def test_keys_are_separated_by_commas_and_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANAPHORA_API_KEYS", "first-secret, second-secret")
    settings = Settings()
    assert settings.keys() == ("first-secret", "second-secret")
    assert "secret" not in repr(settings)
    assert "secret" not in str(settings.model_dump())
    assert "secret" not in settings.model_dump_json()


@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_key_variable_asks_for_no_key(monkeypatch: pytest.MonkeyPatch, nothing: str) -> None:
    monkeypatch.setenv("ANAPHORA_API_KEYS", nothing)
    assert Settings().keys() == ()


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70000},
        {"deadline_seconds": 0},
        {"deadline_seconds": float("nan")},
        {"max_texts": 0},
        {"log_level": "loud"},
        {"shutdown_seconds": 5, "deadline_seconds": 6},
        {"api_keys": " , "},
        {"prot": 8000},
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_every_setting_is_documented_with_its_default_and_no_other_is() -> None:
    rows = dict(re.findall(r"^\| `ANAPHORA_(\w+)` \| ([^|]*?) \|", DOCUMENT.read_text(), re.MULTILINE))
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default = rows[name.upper()]
        if field.default in (None, ()):
            assert default == "unset", name
        else:
            value = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            assert default == f"`{value}`", name


def test_every_setting_has_a_sentence_beside_it() -> None:
    source = (Path(__file__).parents[2] / "service" / "settings.py").read_text()
    for name in Settings.model_fields:
        assert re.search(rf'^    {name}: [^\n]*\n    """[A-Z][^\n]*\."""$', source, re.MULTILINE), name
