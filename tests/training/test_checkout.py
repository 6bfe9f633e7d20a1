"""Which version and which commit of the program runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from training import checkout


def test_the_commit_is_only_that_of_the_programs_own_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    inside = tmp_path / "site-packages"
    inside.mkdir()
    monkeypatch.setattr(checkout, "ROOT", inside)
    assert checkout.commit() is None
    monkeypatch.setattr(checkout, "ROOT", tmp_path.resolve())
    commit = checkout.commit()
    assert commit is not None
    assert len(commit) == 40


def test_the_version_is_known_in_a_checkout() -> None:
    assert checkout.version() is not None
