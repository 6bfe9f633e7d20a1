"""Evidence: what each token of a text contributes to the choice between two targets.

For each token, log-odds(first target against second) with it minus without it, in nats. Without it means:

    hold    at that token all layers and directions pass their state on unchanged, and its own log-probability is not
            counted: as if it were left out. (An mlp has no state to pass on: its output is 0 there.)
    write   LSTM: the input gates are closed at that token, so it writes nothing into the cell states
    erase   LSTM: the forget gates are open at that token, so it lets nothing go

Every variant of the text is a row of one batch that shares the beginning before its token with the whole text, so a
text of n tokens costs about n * n / 2 steps rather than n * n. Knows terms and their values; what reads them with a
token left out is equations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.cells import Array
from model.config import NetworkConfig
from model.errors import EvidenceError, TooManyError, UnsupportedError
from model.moments import token_of, without
from model.rows import Ids, shared_beginnings
from model.scores import Place, Term
from model.trace import TracedToken

KINDS = ("hold", "write", "erase")


@dataclass(frozen=True)
class TokenEvidence:
    """One token; the blank, without which there is no question, has None."""

    token: TracedToken
    log_odds_change: float | None
    """In nats: above 0 the token speaks for the first target, below 0 for the second."""

    def to_dict(self) -> dict[str, Any]:
        """As in the HTTP reply."""
        return self.token._asdict() | {"log_odds_change": self.log_odds_change}


@dataclass(frozen=True)
class Evidence:
    """What each token of a text contributes, one entry a token as in a trace."""

    kind: str
    """hold, write or erase."""
    first: str
    """The target for which a change above 0 speaks, as filled ..."""
    second: str
    """... and the one against it."""
    tokens: tuple[TokenEvidence, ...]

    def to_list(self) -> list[dict[str, Any]]:
        """As in the HTTP reply."""
        return [entry.to_dict() for entry in self.tokens]


@dataclass(frozen=True)
class PreparedEvidence:
    """What has to be read, and which terms add up to which score."""

    kind: str
    terms: tuple[Term, ...]
    """Each once."""
    whole: tuple[tuple[int, ...], tuple[int, ...]]
    """Indices of the terms of either target's score."""
    without: tuple[tuple[tuple[int, ...], tuple[int, ...]] | None, ...]
    """The same without each of the tokens; None for the blank."""
    n_tokens: int
    """Steps and predictions that it takes."""

    def changes(self, values: Array) -> list[float | None]:
        """Log-odds with each token minus without it, from the values of the terms in nats."""

        def log_odds(sums: tuple[tuple[int, ...], tuple[int, ...]]) -> float:
            first, second = (float(values[list(indices)].sum()) for indices in sums)
            return first - second

        whole = log_odds(self.whole)
        return [None if sums is None else whole - log_odds(sums) for sums in self.without]


def check_evidence(kind: object, n_blanks: int, n_targets: int | None, config: NetworkConfig) -> None:
    """`n_targets`: of the blank; None where the whole vocabulary is asked. Raises EvidenceError, UnsupportedError."""
    if kind not in KINDS:
        raise EvidenceError(f"evidence is {kind!r:.60}; expected one of {', '.join(KINDS)}.")
    if n_blanks != 1:
        raise EvidenceError(f"evidence is for a text with one blank; this one has {n_blanks}. Fill all blanks but one.")
    if n_targets != 2:
        came = "top_k without targets" if n_targets is None else f"{n_targets} target{'s' * (n_targets != 1)}"
        raise EvidenceError(
            f"evidence is about the choice between exactly two targets; got {came}. Give two, such as he and she."
        )
    if kind in ("write", "erase") and config.cell != "lstm":
        raise UnsupportedError(
            f'evidence "{kind}" is about the {"input" if kind == "write" else "forget"} gate of an LSTM; this network '
            f'has {config.cell} cells. Use "hold", which every cell has, or a model with LSTM cells.',
            "evidence",
        )


def prepare_evidence(
    kind: str, sums: Sequence[Sequence[Term]], n_tokens: int, blank: int, max_tokens_read: int
) -> PreparedEvidence:
    """`sums`: the terms of either target, rows of moments; `blank`: its token among `n_tokens`. Raises TooManyError."""
    n_read = n_steps({term.place for terms in sums for term in terms}, blank)
    if n_read > max_tokens_read:
        raise TooManyError(
            f"evidence reads the text once without each of its {n_tokens:,} tokens, {n_read:,} steps and predictions "
            f"in all; the limit on one question leaves {max_tokens_read:,} for them, after the question itself. Send a "
            "shorter text, or only what stands near the blank.",
            "evidence",
        )
    index: dict[Term, int] = {}

    def indices(terms: Sequence[Term]) -> tuple[int, ...]:
        return tuple(index.setdefault(term, len(index)) for term in terms)

    first, second = sums
    whole = indices(first), indices(second)
    left_out = tuple(
        None if token == blank else (indices(_without(first, token, kind)), indices(_without(second, token, kind)))
        for token in range(n_tokens)
    )
    return PreparedEvidence(kind, tuple(index), whole, left_out, n_read)


def n_steps(places: set[Place], blank: int) -> int:
    """How many steps and predictions the evidence of these places takes: with each row, a variant for each token of
    it that can be left out, from that token on; and each place asked again for each token that was read for it."""
    total = 0
    left = {place.left[: place.n_left] for place in places}
    for rows in (left, {place.right for place in places if place.right is not None}):
        for row, n_shared in shared_beginnings(rows):
            total += sum(1 + _n_left_out(row[: n_read + 1], blank) for n_read in range(n_shared, len(row)))
    for place in places:
        total += 1 + _n_left_out(place.left[: place.n_left], blank) + _n_left_out(place.right or (), blank)
    return total


def _n_left_out(row: Ids, blank: int) -> int:
    """Tokens of a row without which it can be read: all but the blank, each of which is one moment."""
    return sum(token_of(moment) != blank for moment in row)


def _without(terms: Sequence[Term], token: int, kind: str) -> list[Term]:
    """The terms of a score when `token` is not taken in, nor, held, its own log-probability counted."""
    rows: dict[Ids, Ids] = {}
    kept = []
    for (left, n_left, right), piece in terms:
        if kind == "hold" and n_left < len(left) and token_of(left[n_left]) == token:
            continue
        if left not in rows:
            rows[left] = without(left, token)
        was_read = any(token_of(moment) == token for moment in left[:n_left])
        kept.append(Term(Place(rows[left] if was_read else left, n_left, right and without(right, token)), piece))
    return kept
