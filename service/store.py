"""The served models by name: found in folders, loaded whole, warmed up, or refused with the reason.

Nothing is served by halves: one bundle that cannot be loaded stops the start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.bundle import is_bundle
from model.errors import AnaphoraError, BundleFormatError, RequestError
from model.language_model import LanguageModel, shipped_folder
from model.shelf import DEFAULT_NAME, bundles_in
from service.errors import ModelsError, NotReadyError, UnknownModelError

WARM_UP_TEXTS = ("Mary said that ___ was tired.", "Tom lost his hat, so ___ went home.")

Load = Callable[[Path], LanguageModel]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model in memory, and when it came there."""

    language_model: LanguageModel
    loaded_at: int = field(default_factory=lambda: int(time.time()))
    """Seconds since 1970."""

    @property
    def name(self) -> str:
        return self.language_model.name


class Store:
    """Made with the folders to read; empty until `load` has returned."""

    def __init__(self, folders: Sequence[Path], default: str | None, load: Load) -> None:
        """`folders`: bundles or folders of bundles, none for the shipped ones; `load`: reads and verifies one."""
        self._folders = tuple(folders)
        self._asked_default = default
        self._load = load
        self._models: Mapping[str, ServedModel] = {}
        self._default = ""

    @classmethod
    def of(cls, language_models: Iterable[LanguageModel], default: str | None = None) -> Store:
        """A store of models that are in memory already."""
        store = cls((), default, _nothing_to_load)
        store._serve([ServedModel(language_model) for language_model in language_models])
        return store

    def load(self) -> None:
        """Find, read, verify and warm up every model; takes seconds, so call it on a thread.

        Raises ModelsError, naming the bundle at fault and the reason.
        """
        if self.is_loaded:
            return
        served = []
        for folder in find_bundles(self._folders or (shipped_folder(),)):
            try:
                language_model = self._load(folder)
                warm_up(language_model)
            except (AnaphoraError, OSError) as error:
                raise ModelsError(f"{error} No model is served until this is put right.") from error
            served.append(ServedModel(language_model))
        self._serve(served)

    def _serve(self, served: Sequence[ServedModel]) -> None:
        models: dict[str, ServedModel] = {}
        for one in sorted(served, key=lambda one: one.name):
            if one.name in models:
                raise ModelsError(
                    f"two bundles are named {one.name!r}; serve one of them, or train one under another name."
                )
            models[one.name] = one
        self._default = choose_default(list(models), self._asked_default)
        self._models = models

    @property
    def is_loaded(self) -> bool:
        return bool(self._models)

    @property
    def models(self) -> Mapping[str, ServedModel]:
        """The served models, sorted by name."""
        return self._models

    @property
    def default(self) -> ServedModel:
        return self.find(None)

    def find(self, name: str | None) -> ServedModel:
        """The model of that name, or the default one. Raises UnknownModelError, NotReadyError."""
        models = self._models
        if not models:
            raise NotReadyError("the models are still being loaded; try again in a second")
        if name is None:
            return models[self._default]
        if name not in models:
            raise UnknownModelError(f"no model named {name[:100]!r} is served; there is {', '.join(models)}", "model")
        return models[name]


def find_bundles(folders: Iterable[Path]) -> list[Path]:
    """Every bundle among `folders` and right inside them, each once. Raises ModelsError where there is none."""
    found: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ModelsError(f"{folder} is not a folder; --models takes a bundle, or a folder of bundles.")
        for aside in sorted(folder.glob("*.old")):
            if is_bundle(aside) and not aside.with_suffix("").exists():
                raise ModelsError(
                    f"{aside} is a bundle that was moved aside while a new one was being written, and the new one "
                    f"is not there; rename it back to {aside.stem}."
                )
        try:
            found.update(dict.fromkeys(path.resolve() for path in bundles_in(folder)))
        except BundleFormatError as error:
            raise ModelsError(str(error)) from error
    return list(found)


def choose_default(names: Sequence[str], asked: str | None) -> str:
    """The design's rule: the one asked for, else the only one, else en-lstm, else the first by name."""
    if asked is not None:
        if asked not in names:
            raise ModelsError(f"the default model {asked!r} is not served; there is {', '.join(names)}.")
        return asked
    return DEFAULT_NAME if DEFAULT_NAME in names else min(names)


def warm_up(language_model: LanguageModel) -> None:
    """Ask two questions, so that the first caller does not pay for first times."""
    for text in WARM_UP_TEXTS:
        try:
            language_model.cloze(text)
        except RequestError:  # a bundle may be unable to answer this; that is for its callers to hear
            return


def _nothing_to_load(folder: Path) -> LanguageModel:
    raise ModelsError(f"{folder} cannot be loaded into a store of models in memory.")
