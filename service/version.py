"""The version of the installed package."""

from __future__ import annotations

import functools
from importlib import metadata


@functools.cache
def version() -> str:
    """As in pyproject.toml; "unknown" where the code runs without having been installed."""
    try:
        return metadata.version("anaphora")
    except metadata.PackageNotFoundError:
        return "unknown"
