"""Where a bundle comes from: texts, settings, program, machine and time, so that somebody else can make it again.

Knows machines and versions; knows nothing of figures. Nothing here names a folder of this machine but the command that
the user typed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from training.checkout import commit, package_version, version
from training.loop import Trainer
from training.options import RunOptions
from training.preparation import Corpus
from training.sources import SourceRecord

MAX_LISTED_BYTES = 1 << 20
"""A longer list of texts is left out and stands in the bundle by its number and hash alone: bundle.json has a limit."""
STARTED = "started_at"
"""The file of a run's folder that holds when it began."""
PACKAGES = ("torch", "numpy", "sentencepiece", "safetensors")


def provenance(trainer: Trainer, corpus: Corpus, options: RunOptions) -> dict[str, Any]:
    """What a bundle says of its making, as JSON values."""
    n_epochs = trainer.n_tokens / max(trainer.n_corpus_tokens, 1)
    return {
        **texts("sources", corpus.sources),
        **texts("valid_sources", corpus.valid_sources),
        "parent": {
            "name": options.parent.name,
            "sha256": options.parent.sha256,
            "unknown_share": round(corpus.tokens.unknown_share, 6),
        }
        if options.parent
        else None,
        "n_documents": len(corpus.tokens.document_starts),
        "n_corpus_tokens": trainer.n_corpus_tokens,
        "n_tokens": trainer.n_tokens,
        "n_steps": trainer.n_steps,
        "n_epochs": round(n_epochs, 4),
        "seed": trainer.config.seed,
        "settings": asdict(trainer.config),
        "command": _encodable(options.command),
        "code": {"version": version(), "commit": commit()},
        "versions": {"python": platform.python_version()} | {name: package_version(name) for name in PACKAGES},
        "hardware": hardware(options.device),
        "n_processes": trainer.world.size,
        "started_at": started_at(options.run_folder),
        "finished_at": _utc(datetime.now(UTC)),
        "elapsed_seconds": round(trainer.elapsed_seconds, 3),
    }


def texts(name: str, records: Sequence[SourceRecord]) -> dict[str, Any]:
    """`name`: the records, or [] where they are too many to list; `n_{name}` and `{name}_sha256`: of the whole list."""
    listed = [asdict(record) | {"name": _encodable(record.name)} for record in records]
    as_text = json.dumps(listed, ensure_ascii=False)
    return {
        name: listed if len(as_text.encode()) <= MAX_LISTED_BYTES else [],
        f"n_{name}": len(records),
        f"{name}_bytes": sum(record.bytes for record in records),
        f"{name}_sha256": hashlib.sha256("\n".join(record.sha256 for record in records).encode()).hexdigest(),
    }


def _encodable(text: str) -> str:
    """The text with "?" for what UTF-8 cannot hold: names of files are bytes, and old ones in other encodings."""
    return text.encode("utf-8", "replace").decode("utf-8")


def note_start(run_folder: Path) -> None:
    """Notes that a run begins now; a resumed one is left as it is."""
    (run_folder / STARTED).write_text(_utc(datetime.now(UTC)) + "\n", encoding="utf-8")


def started_at(run_folder: Path) -> str | None:
    """When the run began, UTC; the time of its tokenizer where it was not noted, None where there is neither."""
    try:
        return (run_folder / STARTED).read_text(encoding="utf-8").strip()
    except OSError:
        stamp = run_folder / "tokenizer.sha256"
        return _utc(datetime.fromtimestamp(stamp.stat().st_mtime, UTC)) if stamp.exists() else None


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def hardware(device: str) -> dict[str, Any]:
    """What the network was trained on. device: torch's name, e.g. cpu or cuda."""
    return {
        "device": device,
        "cpu": _cpu_name(),
        "n_cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.startswith("cuda") else None,
    }


def _cpu_name() -> str | None:
    try:  # platform.processor() is empty or "x86_64" on Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine() or None
