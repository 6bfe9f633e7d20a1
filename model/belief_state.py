"""The state of a belief as a string that travels with the caller: compact, versioned, checksummed, bounded.

    base64url, without padding, of:  "AB" version  model SHA-256 (32)  first word  second word  flags (1)
                                     place (8)  skipped (8)  pending  states float32  checksum (16)

Integers are little-endian, a word or text is its length (4) and UTF-8. The checksum finds what was cut or changed on
the way. It needs no secret, so a state can be handed from one process to another: one who forges a state spoils
nobody's answers but their own, and what is read from it is checked as a stranger's word is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

import numpy as np

from model.cells import CELL_TYPES, Array
from model.config import NetworkConfig
from model.errors import StateError
from model.runtime import State
from model.text import WHITESPACE

MAGIC, VERSION = b"AB", 1
CHECKSUM_BYTES = 16
MAX_PLACE = 1 << 53
"""Code points; JSON's readers count exactly so far."""
MAX_PENDING = 1 << 16
"""Code points that a state may carry."""
LARGEST_HIDDEN = 1 + 1e-4
"""Every cell's hidden state lies between -1 and 1, but for the rounding of float32."""
_STARTED, _AFTER_SENTENCE = 1, 2
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_AGAIN = "Send the text again from its start, without a state"


@dataclass(frozen=True)
class BeliefState:
    """Where a text was left: everything before `place` is read, what comes after it is pending."""

    network: State
    """The forward stack's, after <s> and all that is read; each part (1, H)."""
    place: int = 0
    """Code points of the text before the pending ones."""
    skipped: int = 0
    """Code points of whitespace that `pending` leaves out after its first one."""
    started: bool = False
    """Whether anything but whitespace is read; then `pending` begins with whitespace."""
    after_sentence: bool = False
    """Whether what is read ends a sentence."""
    pending: str = ""
    """The whitespace that the state stands at, and what came after."""

    def to_string(self, sha256: str, pair: tuple[str, str]) -> str:
        """The string for the caller. `sha256`: the bundle's content hash."""
        flags = _STARTED * self.started + _AFTER_SENTENCE * self.after_sentence
        parts = [part for layer in self.network for part in layer]
        body = b"".join(
            [
                MAGIC,
                bytes([VERSION]),
                bytes.fromhex(sha256),
                *map(_with_length, pair),
                bytes([flags]),
                self.place.to_bytes(8, "little"),
                self.skipped.to_bytes(8, "little"),
                _with_length(self.pending),
                *(np.ascontiguousarray(part, dtype="<f4").tobytes() for part in parts),
            ]
        )
        return base64.urlsafe_b64encode(body + _checksum(body)).rstrip(b"=").decode("ascii")

    @classmethod
    def from_string(cls, text: str, sha256: str, pair: tuple[str, str], config: NetworkConfig) -> BeliefState:
        """The state in a string. Raises StateError, which says what is wrong with it."""
        body = _checked_bytes(text, config, pair)
        reader = _Reader(body[len(MAGIC) + 1 :])
        owner = reader.take(32).hex()
        if owner != sha256:
            raise StateError(
                f"the state belongs to another model ({owner[:12]}...) than the one that is asked ({sha256[:12]}...); "
                f"ask that one, or start anew. {_AGAIN}."
            )
        words = reader.take_text(), reader.take_text()
        if words != pair:
            raise StateError(
                f"the state belongs to the pair {words[0]!r:.60}, {words[1]!r:.60}, and the pair asked is "
                f"{pair[0]!r:.60}, {pair[1]!r:.60}. Ask for the same pair, or start anew."
            )
        (flags,) = reader.take(1)
        place, skipped = (int.from_bytes(reader.take(8), "little") for _ in range(2))
        pending = reader.take_text()
        n_parts = CELL_TYPES[config.cell].n_states
        network: State = [
            tuple(reader.take_array(config.hidden_size) for _ in range(n_parts)) for _ in range(config.n_layers)
        ]
        hidden = [layer[0] for layer in network]
        if (
            reader.rest
            or flags not in (0, _STARTED, _STARTED | _AFTER_SENTENCE)
            or place + skipped > MAX_PLACE
            or len(pending) > MAX_PENDING
            or (flags and pending[:1] not in tuple(WHITESPACE))
            or not all(np.isfinite(part).all() for layer in network for part in layer)
            or any(np.abs(h).max() > LARGEST_HIDDEN for h in hidden)
        ):
            raise _damaged("it holds what no state holds")
        return cls(network, place, skipped, bool(flags & _STARTED), bool(flags & _AFTER_SENTENCE), pending)


def _checked_bytes(text: str, config: NetworkConfig, pair: tuple[str, str]) -> bytes:
    """What the checksum vouches for. Nothing is allocated beyond what a whole state of this network may have."""
    if not isinstance(text, str):
        raise StateError(f"the state is a {type(text).__name__}; expected the string of an earlier answer.")
    n_values = config.n_layers * CELL_TYPES[config.cell].n_states * config.hidden_size
    longest = 4 * (n_values + MAX_PENDING) + 4096 + sum(4 * len(word) for word in pair)
    if len(text) > longest * 4 // 3:
        raise StateError(f"the state has {len(text):,} characters, more than any state of this model. {_AGAIN}.")
    if not _ALPHABET.fullmatch(text):
        raise _damaged("it has characters that no state has")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise _damaged("its length is that of no state") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text or not data.startswith(MAGIC):
        raise _damaged("it does not begin or end as a state does")
    if data[len(MAGIC)] != VERSION if len(data) > len(MAGIC) else True:
        version = data[len(MAGIC)] if len(data) > len(MAGIC) else "missing"
        raise StateError(f"the state's version is {version}; this program reads {VERSION}. {_AGAIN}.")
    body, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if len(data) <= CHECKSUM_BYTES or checksum != _checksum(body):
        raise _damaged("its checksum is wrong")
    return body


def _damaged(reason: str) -> StateError:
    return StateError(f"the state is damaged: {reason}. It was cut or changed on the way. {_AGAIN}.")


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECKSUM_BYTES, person=b"anaphora belief").digest()


def _with_length(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")  # Python's strings may hold lone surrogates
    return len(encoded).to_bytes(4, "little") + encoded


class _Reader:
    """Takes values off the front of some bytes. Raises StateError where they end too soon."""

    def __init__(self, data: bytes) -> None:
        self.rest = memoryview(data)

    def take(self, n_bytes: int) -> bytes:
        if len(self.rest) < n_bytes:
            raise _damaged("it ends too soon")
        taken, self.rest = self.rest[:n_bytes], self.rest[n_bytes:]
        return bytes(taken)

    def take_text(self) -> str:
        try:
            return self.take(int.from_bytes(self.take(4), "little")).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise _damaged("its text is not UTF-8") from None

    def take_array(self, size: int) -> Array:
        return np.frombuffer(self.take(4 * size), dtype="<f4").astype(np.float32)[None]
