"""Which version of the program runs, and from which commit. Knows git and installed packages; knows no torch."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version() -> str | None:
    """Anaphora's: as installed, else as the checkout's pyproject.toml says."""
    installed = package_version("anaphora")
    try:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, KeyError):
        return installed
    return installed or str(project["version"])


def commit() -> str | None:
    """The commit of the checkout that the program runs from, `-dirty` where it was changed; None outside of one."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != ROOT:  # installed into an environment inside another project's checkout
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def package_version(package: str) -> str | None:
    """That of an installed package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
