"""The version stands in pyproject.toml; the changelog and the installation must agree with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import anaphora

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_changelogs_newest_version_is_the_projects() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", changelog, re.MULTILINE)
    versions = [(version, day) for version, day in headings if version != "Unreleased"]
    assert versions[0][0] == VERSION
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for _, day in versions)


def test_the_installed_version_is_the_projects() -> None:
    assert anaphora.version() == VERSION, "installed from an older pyproject.toml; make train-env"
