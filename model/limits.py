"""How much one request may ask. The service sets these; in Python they are generous."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Each is refused when exceeded, with an error that states it; nothing is ever cut."""

    max_tokens: int = 4096
    """Tokens of one text, <s> and </s> counted."""
    max_targets: int = 256
    """Targets of one blank."""
    max_target_pieces: int = 32
    """Pieces of one target."""
    max_top_k: int = 1000
    """Words of a top_k answer."""
    max_assignments: int = 1024
    """Combinations of targets over several blanks."""
    max_tokens_read: int = 1 << 19
    """Tokens that one text may make the network read, over all its targets."""
    max_trace_values: int = 1 << 22
    """Numbers in one trace: tokens x units x sites."""
    max_interventions: int = 64
    """Interventions of one request."""
