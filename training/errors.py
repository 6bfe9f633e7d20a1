"""Every error that training raises on purpose.

TrainingError (an AnaphoraError)    anything below: one clear line for a person
├── TrainingConfigError             settings that contradict each other, or a preset that cannot be read
├── CorpusError                     texts that cannot be read or are too few
├── TokenizerFitError               no tokenizer of this kind and size can be fitted to the texts
├── ShardError                      token shards that are damaged or were made from other texts
├── StoryError                      a grammar of stories that does not hold together
├── PairsError                      a pairs file that cannot be used
├── CheckpointError                 a checkpoint that is missing, damaged or of another run
├── DivergedError                   the loss is no longer a number
├── WorkerLostError                 one of several processes that train together has ended
├── EvaluationError                 a suite or its data that cannot be scored
└── ExperimentError                 an experiment that cannot be made with these options or texts
"""

from __future__ import annotations

from model.errors import AnaphoraError


class TrainingError(AnaphoraError):
    """The root of training's errors: its text is one clear line for a person."""


class TrainingConfigError(TrainingError):
    """Settings contradict each other, or a preset cannot be read."""


class CorpusError(TrainingError):
    """A text cannot be found or read, or all of them together are too short to train on."""


class TokenizerFitError(TrainingError):
    """No tokenizer of the asked kind and size, with the words it must hold, can be fitted to the texts."""


class ShardError(TrainingError):
    """Token shards are damaged, or were made from other texts or by another tokenizer."""


class StoryError(TrainingError):
    """A grammar calls rules or persons that do not exist, or asks for a kind of story it does not have."""


class PairsError(TrainingError):
    """A file of pronoun pairs cannot be read, or its pairs cannot be told apart."""


class CheckpointError(TrainingError):
    """A checkpoint is missing or damaged, or belongs to a run with other settings."""


class DivergedError(TrainingError):
    """The loss or a weight is no longer a finite number, so going on would train nothing."""


class WorkerLostError(TrainingError):
    """Another of the processes that train together has ended, or does not answer."""


class EvaluationError(TrainingError):
    """A suite does not exist, its data cannot be read, or the bundle cannot answer it."""


class ExperimentError(TrainingError):
    """An experiment's options contradict each other, or its texts or kept results cannot be used."""
