"""`anaphora train` and `anaphora evaluate`: words on the command line into calls. Knows no network."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from model.bundle import read_bundle
from model.language_model import find_bundle
from model.whole_number import whole_number
from training.config import (
    CHOICES,
    RANGES,
    TrainingConfig,
    inherited,
    load_config,
    preset_names,
    preset_summary,
)
from training.errors import TrainingConfigError
from training.pronouns import Pairs, load_pairs


def train(argv: Sequence[str]) -> int:
    """`anaphora train CORPUS... --out DIR`. Returns 0 when the bundle is written, 1 when stopped before."""
    arguments = train_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # OpenMP's spinning slows a busy machine down 20 times and more
    settings = {field.name: getattr(arguments, field.name) for field in fields(TrainingConfig)}
    given = {name: value for name, value in settings.items() if value is not None}
    parent = read_bundle(find_bundle(arguments.parent)) if arguments.parent else None
    config = load_config(arguments.preset, given, inherited(parent) if parent else {})
    if parent and not arguments.pairs:
        pairs = Pairs.from_json(parent.metadata["pronouns"], f"the pairs of {parent.name}")
    else:
        pairs = load_pairs(arguments.pairs)

    import torch  # after the environment is set, which it reads at import

    from training.distributed import local_device
    from training.options import RunOptions
    from training.run import run

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingConfigError(f"--device {device} was asked for, but torch sees no CUDA device; leave it out.")
    options = RunOptions(
        corpus=arguments.corpus,
        out=arguments.out,
        valid=arguments.valid or (),
        text_field=arguments.text_field,
        resume=arguments.resume,
        parent=parent,
        find_learning_rate=arguments.find_learning_rate,
        device=local_device(device),
        licence=arguments.license,
        n_workers=arguments.workers,
        command=shlex.join(["anaphora", "train", *(word for word in argv if word != "--resume")]),
    )
    return 0 if run(config, pairs, options) else 1


def train_parser() -> argparse.ArgumentParser:
    """The words of `anaphora train`: every setting of TrainingConfig is an option of the same name."""
    parser = argparse.ArgumentParser(
        prog="anaphora train",
        description="Train a network on your text and write a bundle. Settings: defaults, then --preset, then options.",
        epilog="presets:\n" + "\n".join(f"  {name:<16} {preset_summary(name)}" for name in preset_names()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("corpus", nargs="+", help="files, folders, .gz, .jsonl, .parquet, or - for standard input")
    parser.add_argument(
        "--out", type=Path, required=True, help="the bundle to write; the run's own files go to OUT.run"
    )
    parser.add_argument("--valid", nargs="+", metavar="CORPUS", help="validation texts (default: the corpus's end)")
    parser.add_argument("--text-field", default="text", help="the field of JSON lines and parquet that holds the text")
    parser.add_argument("--preset", help="one of those below, or a YAML file of settings")
    parser.add_argument(
        "--from",
        dest="parent",
        metavar="BUNDLE",
        help="go on training a bundle, by its name or folder: its weights, its tokenizer, its sizes",
    )
    parser.add_argument("--pairs", help="pronoun pairs: a YAML file or a shipped language (default: english)")
    parser.add_argument("--license", metavar="SPDX", help="the bundle's licence, for its card, e.g. cc0-1.0")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument(
        "--find-learning-rate",
        action="store_true",
        help="only try rising learning rates for 100 steps and suggest one; changes no checkpoint",
    )
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument(
        "--workers", type=whole_number(), metavar="N", help="processes that tokenize (default: one a core)"
    )
    parser.add_argument("--threads", type=whole_number(), help="threads of torch (default: its own choice)")
    settings = parser.add_argument_group("settings (the default is the preset's or the program's)")
    for field in fields(TrainingConfig):
        option = "--" + field.name.replace("_", "-")
        if field.name in CHOICES:
            settings.add_argument(option, choices=CHOICES[field.name], help=f"default: {field.default}")
            continue
        kind: Any = int if str(field.type).startswith("int") else float
        least, most = RANGES[field.name]
        default = "none" if field.default is None else field.default
        text = f"{least:g} to {most:g}, default: {default}"
        settings.add_argument(option, type=kind, metavar=kind.__name__.upper(), help=text)
    return parser


def evaluate(argv: Sequence[str]) -> int:
    """`anaphora evaluate BUNDLE --suite NAME`."""
    from training.evaluation.runner import main

    return main(argv)
