"""Networks whose weights are set by hand so that one unit alone carries the gender of the last pronoun read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.bundle import Bundle, as_stored, read_bundle, write_bundle
from model.cells import Array
from model.structure import weight_shapes
from tests.tiny import tiny_config, tiny_metadata, tiny_tokenizer
from training.pronouns import load_pairs

PLANTED = 3
GENDER, IS_PRONOUN = 0, 1
TEXT = "\n".join(
    f"{name} lost {his} {thing} in the old house, and so {he} went to the station."
    for thing in ("hat", "bag", "book", "hand", "door")
    for name, his, he in (("Tom", "his", "he"), ("Anna", "her", "she"), ("Paul", "his", "he"), ("Mary", "her", "she"))
)
"""A paragraph a line; the pronoun before the blank has its gender."""


def planted_weights(cell: str) -> dict[str, Array]:
    """One forward layer of 6 units over embeddings of 5 values: masculine or feminine, whether a pronoun, and noise.

    The planted unit lets the old go and takes the gender at every pronoun, keeps it elsewhere, and is the only one that
    the readout sees; it feeds no other unit, and no other one sees the gender.
    """
    config, tokenizer = tiny_config(cell, "causal", n_layers=1), tiny_tokenizer()
    random = np.random.default_rng(1)
    weights = {name: 0.5 * random.standard_normal(shape) for name, shape in weight_shapes(config).items()}
    embedding = weights["embedding"]
    embedding[:, (GENDER, IS_PRONOUN)] = 0
    for pair in load_pairs().pairs[:5]:
        for sign, form in zip((1, -1), pair.forms, strict=True):
            for number, piece in enumerate(tokenizer.pieces):
                if piece.removeprefix("▁").lower() == form:
                    embedding[number] = [sign, 1, 0, 0, 0]
    weights["output.forward.weight"][:] = 0
    weights["output.forward.weight"][GENDER, PLANTED] = 4
    weights["output.bias"][:] = 0
    prefix = "layer0.forward."
    hidden = config.hidden_size
    W, b = weights[prefix + "input_weight"], weights[prefix + "input_bias"]
    U, d = weights[prefix + "recurrent_weight"], weights[prefix + "recurrent_bias"]
    W[:, (GENDER, IS_PRONOUN)] = 0
    U[:, PLANTED] = 0
    rows = np.arange(0, len(W), hidden) + PLANTED
    W[rows], b[rows], U[rows], d[rows] = 0, 0, 0, 0
    if cell == "lstm":  # i, f, g, o
        W[rows[0], IS_PRONOUN], b[rows[0]] = 20, -10
        W[rows[1], IS_PRONOUN], b[rows[1]] = -20, 10
        W[rows[2], GENDER] = 3
        b[rows[3]] = 10
    else:  # r, z, n
        W[rows[1], IS_PRONOUN], b[rows[1]] = -20, 10
        W[rows[2], GENDER] = 3
    return as_stored(weights)


def planted_folder(folder: Path, cell: str) -> Path:
    """The network as a bundle on disk."""
    config = tiny_config(cell, "causal", n_layers=1)
    write_bundle(folder, tiny_metadata(folder.name, config), planted_weights(cell), tiny_tokenizer(), "# planted\n")
    return folder


def planted_bundle(folder: Path, cell: str) -> Bundle:
    """The same, read."""
    return read_bundle(planted_folder(folder, cell))
