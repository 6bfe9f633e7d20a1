"""One training run from texts to a bundle: tokenizer, shards, steps, and what is written at the end.

`--out DIR`: DIR becomes the bundle and nothing else. Everything on the way stays in DIR.run/: tokenizer.model,
shards/, valid-shards/, checkpoint.safetensors, tensorboard/, report.html and report.json.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from training.checkpoint import has_checkpoint
from training.config import TrainingConfig
from training.destination import check_replaceable
from training.distributed import World, joined
from training.errors import CheckpointError, CorpusError, TrainingConfigError
from training.event_files import EventFiles
from training.loop import CHECKPOINT, Trainer
from training.options import RunOptions
from training.preparation import prepare
from training.progress import ProgressBar, say
from training.pronouns import Pairs
from training.provenance import note_start
from training.sources import STANDARD_INPUT


def run(config: TrainingConfig, pairs: Pairs, options: RunOptions) -> bool:
    """Trains, and writes the bundle; False when it was stopped before the end (the checkpoint is saved).

    Where torchrun started several processes, each calls this and the first one writes. Raises TrainingError and its
    kin; OSError where a folder cannot be written.
    """
    with joined(options.device) as world:
        return _run(config, pairs, options, world)


def _run(config: TrainingConfig, pairs: Pairs, options: RunOptions, world: World) -> bool:
    check_replaceable(options.out)
    if world.size > 1 and STANDARD_INPUT in options.corpus:
        raise TrainingConfigError("several processes cannot share standard input; save the text to a file first.")
    if world.size > 1 and options.find_learning_rate:
        raise TrainingConfigError("one process looks for a learning rate; leave torchrun out.")
    folder = options.run_folder
    started = has_checkpoint(folder / CHECKPOINT)
    if options.resume and not started:
        raise CheckpointError(f"{folder} holds no checkpoint to resume from; give the same command without --resume.")
    if started and not options.resume and not options.find_learning_rate:
        raise TrainingConfigError(
            f"{folder} holds the checkpoint of an earlier run. Go on with --resume, choose another --out, or delete it."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not started and world.leads:
            note_start(folder)
    except OSError as error:
        raise TrainingConfigError(
            f"the run's folder {folder} cannot be written ({error.strerror or error}); give another --out."
        ) from error
    try:  # a run that has begun keeps what was prepared for it
        prepared = replace(options, resume=started)
        corpus = world.first_on_each_machine(lambda: prepare(config, pairs, prepared))
    except OSError as error:
        raise CorpusError(
            f"{error.filename or folder} cannot be written ({error.strerror or error}). What had been prepared stays: "
            "make room or permit writing, then give the same command again."
        ) from error
    trainer = Trainer(
        config, corpus.tokenizer, corpus.tokens, corpus.held_out, pairs, folder, options.device, corpus.twins, world
    )
    if options.parent:
        trainer.start_from(options.parent)
    if options.resume:
        trainer.resume()
        say(f"going on at step {trainer.n_steps}")
    if options.find_learning_rate:
        _find_learning_rate(trainer, folder / "learning-rate.html")
        return True
    world.check_same(texts=trainer.identity, settings=asdict(config), step=trainer.n_steps)
    if not world.leads:
        with stopped_by_signals(trainer):
            return trainer.run(lambda trainer: None)
    with (
        stopped_by_signals(trainer),
        EventFiles(folder / "tensorboard", trainer) as events,
        ProgressBar(trainer) as bar,
    ):

        def told(trainer: Trainer) -> None:
            events.update(trainer)
            bar.update(trainer)

        finished = trainer.run(told)
        told(trainer)  # the last figures come after the last step
    if not finished:
        say(f"stopped at step {trainer.n_steps}; saved. Go on with: {options.command} --resume")
        return False
    from training.export import export  # plots and the card: needed at the end only

    export(trainer, corpus, options, options.licence)
    say(f"wrote the bundle {options.out} and the report {folder / 'report.html'}")
    return True


def _find_learning_rate(trainer: Trainer, page: Path) -> None:
    """Prints a suggestion and a table to standard output and draws the curve; saves nothing of the trainer."""
    from training.learning_rate import search, write_page  # plots: needed here only

    say("looking for a learning rate; nothing of this is saved")
    with stopped_by_signals(trainer):
        found = search(trainer)
    shown = found.table()
    for row in (shown.header, *shown.rows):
        sys.stdout.write("  ".join(f"{cell:>13}" for cell in row) + "\n")
    sys.stdout.write(found.advice + "\n")
    write_page(page, found)
    say(f"drawn in {page}")


@contextmanager
def stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """ctrl-C and SIGTERM end the run after the step under way; a second ctrl-C ends it at once."""

    def stop(number: int, frame: object) -> None:
        trainer.stop_requested = True
        if trainer.world.size == 1:  # torchrun passes on what every process of the terminal has got already
            signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
