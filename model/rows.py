"""Rows of ids that are read together: beginnings that one row shares with another, and rows of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Ids = tuple[int, ...]
MAX_BATCH_ROWS = 64
MAX_BATCH_TOKENS = 1 << 14


def longest(sequences: set[Ids]) -> dict[Ids, Ids]:
    """Each sequence -> the longest of them that it opens: one reading serves both. Sorted, a beginning comes first."""
    holder: dict[Ids, Ids] = {}
    following: Ids = ()
    for sequence in sorted(sequences, reverse=True):
        if following[: len(sequence)] == sequence:
            holder[sequence] = holder[following]
        else:
            holder[sequence] = sequence
        following = sequence
    return holder


def batches(rows: Sequence[Ids]) -> Iterator[list[Ids]]:
    """Rows of similar length together, so that little is read for nothing. `rows`: shortest first."""
    batch: list[Ids] = []
    for row in rows:
        if batch and (len(batch) == MAX_BATCH_ROWS or (len(batch) + 1) * len(row) > MAX_BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def shared_beginnings(rows: set[Ids]) -> Iterator[tuple[Ids, int]]:
    """Each row with how many of its first ids the row before it, in order, has read already."""
    before: Ids = ()
    for row in sorted(rows):
        n_shared = next((place for place, (a, b) in enumerate(zip(before, row, strict=False)) if a != b), None)
        yield row, min(len(before), len(row)) if n_shared is None else n_shared
        before = row
