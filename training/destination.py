"""Where a bundle goes: whether something may be replaced there, and what the bundle is called after it."""

from __future__ import annotations

import re
from pathlib import Path

from model.bundle import check_room_aside, is_bundle
from training.errors import TrainingConfigError


def check_replaceable(out: Path) -> None:
    """Raises TrainingConfigError when `out` stands and is neither a bundle nor an empty folder: it would be deleted.

    Raises FileExistsError where the bundle that stands there could not be moved aside.
    """
    if out.name in ("", ".."):
        raise TrainingConfigError(f"--out {out} names no folder of its own; name one, e.g. --out {out / 'mine'}.")
    if not out.exists() or is_bundle(out) or (out.is_dir() and not any(out.iterdir())):
        check_room_aside(out)
        return
    raise TrainingConfigError(
        f"--out {out} exists and is no bundle, so it is not replaced. Choose another name, or move it away."
    )


def bundle_name(out: Path) -> str:
    """The folder's own name as a model's: letters, digits, "-", "_" and ".", at most 100, no "." first; or "model"."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in out.name)
    return re.sub(r"^[-.]+", "", name)[:100] or "model"
