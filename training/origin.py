"""Which texts a batch was read from, in words: for the message of a step that went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.batches import Batches
from training.objective import HiddenStates

MAX_NAMED_STREAMS = 3


def origin_of(batches: Batches, own: Sequence[int], states: HiddenStates) -> str:
    """Which texts the latest batch was read from: those of its rows that are no longer finite, else all.

    `own`: the batch's rows that this process read; `states`: their states.
    """
    windows = batches.windows
    finite = torch.stack([part.isfinite().all(dim=1) for layer in states.final_state for part in layer]).all(dim=0)
    rows = [row for row, is_finite in zip(own, finite.tolist(), strict=True) if not is_finite] or own
    streams = [row for row in rows if row < len(windows)]
    told = [
        f"stream {row} at token {windows[row]} of {batches.tokens.document_name(windows[row])}"
        for row in streams[:MAX_NAMED_STREAMS]
    ]
    if len(streams) > len(told):
        told.append(f"{len(streams) - len(told)} more streams")
    if len(rows) > len(streams):
        told.append(f"{len(rows) - len(streams)} fragments, stories and excerpts drawn at random")
    return ", ".join(told)
