"""What a network is made of: cell, layers, directions, sizes. Frozen, checked, to and from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from model.errors import ConfigError

CELLS = ("mlp", "rnn", "gru", "lstm")
DIRECTIONS = {"causal": ("forward",), "bidirectional": ("forward", "backward")}
MAX_LAYERS = 8
MAX_SIZE = 65_536


@dataclass(frozen=True)
class NetworkConfig:
    """The structure first (layers, direction, sizes), then the cell that fills it."""

    n_layers: int
    """Layers up, 1 to 8, in each direction."""
    direction: str
    """`causal`: a forward stack. `bidirectional`: a forward and a backward stack that do not see each other."""
    hidden_size: int
    """Units of every layer (H)."""
    embedding_size: int
    """Length of a piece's vector (E), shared by input and output."""
    vocabulary_size: int
    """Pieces the tokenizer knows (V)."""
    cell: str = "lstm"
    """What stands at each crossing of a layer and a moment: mlp, rnn, gru or lstm."""

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ConfigError(f"cell is {self.cell!r}; expected one of {', '.join(CELLS)}.")
        if self.direction not in tuple(DIRECTIONS):
            raise ConfigError(f"direction is {self.direction!r}; expected one of {', '.join(DIRECTIONS)}.")
        for name, least, most in (
            ("n_layers", 1, MAX_LAYERS),
            ("hidden_size", 1, MAX_SIZE),
            ("embedding_size", 1, MAX_SIZE),
            ("vocabulary_size", 5, 1 << 20),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ConfigError(f"{name} is {value!r}; expected a whole number from {least} to {most}.")

    @property
    def directions(self) -> tuple[str, ...]:
        """The stacks of the network: ("forward",) or ("forward", "backward")."""
        return DIRECTIONS[self.direction]

    def input_size(self, layer: int) -> int:
        """What layer `layer` reads: the embedding at the bottom, the layer below elsewhere."""
        return self.embedding_size if layer == 0 else self.hidden_size

    def to_json(self) -> dict[str, Any]:
        """A dict that json.dumps takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """The config that `to_json` wrote. Raises ConfigError on unknown, missing or impossible values."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"a network config is a JSON object; got {type(values).__name__}.")
        names = [field.name for field in fields(cls)]
        if set(values) != set(names):
            raise ConfigError(
                f"a network config has the fields {', '.join(names)}; got {', '.join(map(str, values)) or 'none'}."
            )
        return cls(**values)
