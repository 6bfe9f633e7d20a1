"""What is trained, on what, and for how long. Presets are the same fields as YAML (training/presets/)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from model.bundle import Bundle
from model.config import CELLS, DIRECTIONS, NetworkConfig
from model.tokenizer import KINDS
from training.errors import TrainingConfigError

CHOICES: dict[str, tuple[str, ...]] = {
    "cell": CELLS,
    "direction": tuple(DIRECTIONS),
    "tokenizer": KINDS,
    "precision": ("auto", "float32", "bf16"),
}
"""What every setting that is a word may be."""


@dataclass(frozen=True)
class TrainingConfig:
    """Every setting of a training run; each default stands here and nowhere else."""

    # The structure, then the cell.
    direction: str = "bidirectional"
    """causal or bidirectional."""
    layers: int = 2
    """Layers in each direction, 1 to 8."""
    hidden: int = 384
    """Units of a layer."""
    embedding: int = 256
    """Length of a piece's vector."""
    cell: str = "lstm"
    """mlp, rnn, gru or lstm."""

    tokenizer: str = "subword"
    """subword, word or character."""
    vocabulary: int = 8192
    """Most pieces the tokenizer may know."""

    rows: int = 20
    """Windows read side by side in one step."""
    bptt_steps: int = 96
    """Tokens of a window: how far the gradient goes back."""
    fragment_share: float = 0.5
    """Share of rows that are short texts read from the initial state; the rest are streams that carry theirs."""
    story_share: float = 0.0
    """Share of rows that are synthetic stories whose right pronouns are known (training/stories.py; English)."""
    excerpt_share: float = 0.0
    """Share of rows that are excerpts of the corpus, each beside itself with the genders swapped (English)."""
    rename_share: float = 0.0
    """Share of the corpus's stretches whose first names are replaced by names of today (English)."""
    swap_share: float = 0.0
    """Share of the corpus's stretches whose genders are swapped (English)."""
    least_right_context: int = 12
    """Tokens that must follow a place, unless the text really ends, for it to be asked with both sides."""

    language_model_weight: float = 1.0
    """Weight of the cross-entropy of pieces; 0 trains the contrast alone (no top-k, perplexity or fill-mask then)."""
    language_model_share: float = 0.12
    """Share of places, drawn at random, at which the language model's cross-entropy is taken."""
    contrast_weight: float = 1.0
    """Weight of the choice between a pronoun and its counterpart; 0 switches it off."""
    contrast_warmup_steps: int = 0
    """Steps in which that weight rises to its whole, so that words are learnt first: networks of characters need it."""
    recall_steps: int = 0
    """Steps at the start that learn which pronoun stood near, and no language: an LSTM of characters needs them."""

    learning_rate: float = 0.002
    """Peak of the schedule."""
    warmup_steps: int = 200
    """Steps to the peak."""
    weight_decay: float = 0.02
    """Of matrices, per step, times the learning rate (AdamW)."""
    gradient_clip: float = 1.0
    """Largest norm of all gradients together."""
    dropout: float = 0.1
    """Share of a layer's inputs dropped in training."""

    epochs: float | None = None
    """Stop after the corpus was read this often, counted in tokens."""
    steps: int | None = None
    """Stop after this many steps."""
    minutes: float | None = None
    """Stop after this long; such a run cannot be repeated exactly."""

    precision: str = "auto"
    """Of matrix products: float32, bf16, or auto (bf16 where the processor has it)."""

    seed: int = 1
    """Of initial weights, windows, dropout, augmentation and stories."""
    validate_every_steps: int = 500
    """Steps between validations."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints."""
    validation_share: float = 0.01
    """Share of the corpus, its end, held out where no validation text is given."""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise TrainingConfigError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(choices)}.")
        for field in fields(self):
            _check_number(field.name, getattr(self, field.name), str(field.type))
        given = [name for name in ("epochs", "steps", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            pairs = " and ".join(f"{name} = {getattr(self, name)}" for name in given)
            raise TrainingConfigError(f"{pairs} are both given; one of epochs, steps and minutes says when to stop.")
        if self.language_model_weight == 0 and self.contrast_weight == 0:
            raise TrainingConfigError(
                "language_model_weight and contrast_weight are both 0: nothing is learnt. Give one a weight."
            )
        shares = {name: getattr(self, name) for name in ("fragment_share", "story_share", "excerpt_share")}
        if sum(shares.values()) > 1 + 1e-9:
            told = " and ".join(f"{name} = {share}" for name, share in shares.items() if share)
            raise TrainingConfigError(f"{told} are more than all rows together; make one smaller.")
        if self.steps is not None and self.language_model_weight and self.recall_steps >= self.steps:
            raise TrainingConfigError(
                f"recall_steps = {self.recall_steps} leaves no step of steps = {self.steps} to the language model; "
                "make it smaller, or give language_model_weight 0."
            )
        if self.recall_steps and self.contrast_weight == 0:
            raise TrainingConfigError("recall_steps are steps of the contrast, whose weight is 0; give recall_steps 0.")
        if self.least_right_context >= self.bptt_steps:
            raise TrainingConfigError(
                f"least_right_context = {self.least_right_context} leaves no place in windows of bptt_steps = "
                f"{self.bptt_steps}; make it smaller."
            )

    @property
    def twin_share(self) -> float:
        """Share of rows that stand beside their twin: stories and excerpts."""
        return self.story_share + self.excerpt_share

    def network(self, vocabulary_size: int) -> NetworkConfig:
        """The network's own config, once the tokenizer is known."""
        return NetworkConfig(
            cell=self.cell,
            n_layers=self.layers,
            direction=self.direction,
            vocabulary_size=vocabulary_size,
            embedding_size=self.embedding,
            hidden_size=self.hidden,
        )


RANGES: dict[str, tuple[float, float]] = {
    "layers": (1, 8),
    "hidden": (1, 65_536),
    "embedding": (1, 65_536),
    "vocabulary": (16, 1 << 20),
    "rows": (1, 65_536),
    "bptt_steps": (4, 65_536),
    "fragment_share": (0, 1),
    "story_share": (0, 1),
    "excerpt_share": (0, 1),
    "rename_share": (0, 1),
    "swap_share": (0, 1),
    "least_right_context": (0, 65_535),
    "language_model_weight": (0, 1e6),
    "language_model_share": (0, 1),
    "contrast_weight": (0, 1e6),
    "contrast_warmup_steps": (0, 1e9),
    "recall_steps": (0, 1e9),
    "learning_rate": (1e-9, 10),
    "warmup_steps": (0, 1e9),
    "weight_decay": (0, 1),
    "gradient_clip": (1e-6, 1e6),
    "dropout": (0, 0.95),
    "epochs": (1e-6, 1e6),
    "steps": (1, 1e12),
    "minutes": (1e-3, 1e6),
    "seed": (0, 2**31 - 1),
    "validate_every_steps": (1, 1e9),
    "checkpoint_minutes": (0, 1e6),
    "validation_share": (1e-6, 0.5),
}
"""Smallest and largest value of every number."""


def _check_number(name: str, value: Any, kind: str) -> None:
    if name not in RANGES or (value is None and "None" in kind):
        return
    least, most = RANGES[name]
    whole = kind.startswith("int")
    right_type = type(value) is int or (not whole and type(value) is float)
    if not right_type or not least <= value <= most:
        noun = "a whole number" if whole else "a number"
        raise TrainingConfigError(f"{name} is {value!r}; expected {noun} from {least:g} to {most:g}.")


def inherited(bundle: Bundle) -> dict[str, Any]:
    """The settings that a bundle keeps when its training goes on."""
    network = bundle.network
    return {
        "direction": network.direction,
        "layers": network.n_layers,
        "hidden": network.hidden_size,
        "embedding": network.embedding_size,
        "cell": network.cell,
        "tokenizer": bundle.tokenizer.kind,
        "vocabulary": network.vocabulary_size,
    }


def preset_names() -> list[str]:
    """The presets that come with the package."""
    folder = resources.files("training") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_config(
    preset: str | Path | None, overrides: dict[str, Any], kept: Mapping[str, Any] = MappingProxyType({})
) -> TrainingConfig:
    """The defaults, changed by a preset (a shipped name or a YAML file), changed by `overrides`.

    A way to stop (epochs, steps, minutes) in the overrides replaces the preset's. `kept`: settings of the bundle that
    is trained further, which neither may contradict. Raises TrainingConfigError.
    """
    values = {} if preset is None else _read_preset(preset)
    if {"epochs", "steps", "minutes"} & overrides.keys():
        values = {name: value for name, value in values.items() if name not in ("epochs", "steps", "minutes")}
    values |= overrides
    known = [field.name for field in fields(TrainingConfig)]
    if unknown := sorted(values.keys() - set(known)):
        raise TrainingConfigError(f"unknown settings {', '.join(unknown)}; known are {', '.join(known)}.")
    if others := [name for name in kept if values.get(name, kept[name]) != kept[name]]:
        told = ", ".join(f"{name} is {kept[name]!r} there and {values[name]!r} here" for name in others)
        raise TrainingConfigError(
            f"the bundle that is trained further keeps its tokenizer and sizes: {told}. Leave these settings out "
            "(of the preset too)."
        )
    config = TrainingConfig(**(values | dict(kept)))
    if config.epochs is config.steps is config.minutes is None:
        return replace(config, epochs=1.0)
    return config


def preset_summary(name: str) -> str:
    """What a shipped preset is for: its first line, a sentence."""
    text = (resources.files("training") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    return text.partition("\n")[0].removeprefix("# ")


def _read_preset(preset: str | Path) -> dict[str, Any]:
    path = Path(preset)
    if not path.is_file() and str(preset) in preset_names():
        text = (resources.files("training") / "presets" / f"{preset}.yaml").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingConfigError(
                f"preset {str(preset)!r} cannot be read ({error}); expected a YAML file or one of "
                f"{', '.join(preset_names())}."
            ) from error
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise TrainingConfigError(f"preset {preset}: invalid YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(values, dict):
        raise TrainingConfigError(f"preset {preset}: expected `setting: value` lines, got {type(values).__name__}.")
    return {str(name): value for name, value in values.items()}
