"""Settings: every range, what contradicts what, presets and what is laid over them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from model.config import NetworkConfig
from training.config import CHOICES, RANGES, TrainingConfig, load_config, preset_names
from training.errors import TrainingConfigError

NUMBERS = [field for field in fields(TrainingConfig) if field.name not in CHOICES]
WHOLE = [field.name for field in NUMBERS if str(field.type).startswith("int")]
OPTIONAL = [field.name for field in NUMBERS if "None" in str(field.type)]


def _with(name: str, value: Any) -> TrainingConfig:
    others: dict[str, Any] = {"least_right_context": 0} if name == "bptt_steps" else {}
    if name == "least_right_context":
        others["bptt_steps"] = 65_536
    if name in ("story_share", "excerpt_share"):
        others["fragment_share"] = 0.0
    return TrainingConfig(**(others | {name: value}))


def test_every_number_has_a_range_and_every_range_a_number() -> None:
    assert {field.name for field in NUMBERS} == RANGES.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", 0),
        ("layers", 9),
        ("dropout", 1.0),
        ("fragment_share", 1.01),
        ("language_model_weight", -0.1),
        ("validation_share", 0.0),
        ("learning_rate", 0.0),
        ("seed", -1),
        ("bptt_steps", 3),
    ],
)
def test_values_that_cannot_work_are_refused(name: str, value: float) -> None:
    with pytest.raises(TrainingConfigError, match=f"{name} is {value}; expected a"):
        _with(name, value)


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_each_range_are_allowed(name: str) -> None:
    for value in RANGES[name]:
        value = int(value) if name in WHOLE else value
        assert getattr(_with(name, value), name) == value


@pytest.mark.parametrize("name", RANGES)
def test_what_lies_beyond_a_range_is_refused_with_the_range(name: str) -> None:
    least, most = RANGES[name]
    below, above = (int(least) - 1, int(most) + 1) if name in WHOLE else (least - 1e-10, most * 1.001)
    for value in (below, above, float("nan"), float("inf"), -float("inf")):
        with pytest.raises(TrainingConfigError) as caught:
            _with(name, value)
        assert f"{name} is {value!r}; expected a" in str(caught.value)
        assert f"from {least:g} to {most:g}" in str(caught.value)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", ["3", True, [1], {}])
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises(TrainingConfigError, match=f"{name} is .*; expected a"):
        _with(name, value)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_may_not_have_a_fraction(name: str) -> None:
    with pytest.raises(TrainingConfigError, match=rf"{name} is 5\.5; expected a whole number"):
        _with(name, 5.5)


@pytest.mark.parametrize("name", RANGES)
def test_only_the_ways_to_stop_may_be_left_open(name: str) -> None:
    assert OPTIONAL == ["epochs", "steps", "minutes"]
    if name in OPTIONAL:
        assert getattr(_with(name, None), name) is None
        return
    with pytest.raises(TrainingConfigError, match=f"{name} is None"):
        _with(name, None)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("cell", "mlp, rnn, gru, lstm"),
        ("direction", "causal, bidirectional"),
        ("tokenizer", "subword, word, character"),
    ],
)
@pytest.mark.parametrize("value", ["", "LSTM", "transformer", None, 1, ["lstm"]])
def test_an_unknown_choice_is_refused_with_the_choices(name: str, choices: str, value: Any) -> None:
    with pytest.raises(TrainingConfigError) as caught:
        TrainingConfig(**{name: value})
    assert str(caught.value) == f"{name} is {value!r}; expected one of {choices}."


def test_two_ways_to_stop_are_refused_with_both_values() -> None:
    with pytest.raises(TrainingConfigError, match=r"epochs = 2\.0 and minutes = 5\.0 are both given; one of"):
        TrainingConfig(epochs=2.0, minutes=5.0)


def test_training_nothing_is_refused() -> None:
    with pytest.raises(TrainingConfigError, match="language_model_weight and contrast_weight are both 0: nothing is"):
        TrainingConfig(language_model_weight=0, contrast_weight=0)
    assert TrainingConfig(language_model_weight=0).contrast_weight == 1
    assert TrainingConfig(contrast_weight=0).language_model_weight == 1


def test_recall_that_leaves_the_language_no_step_or_has_no_weight_is_refused() -> None:
    with pytest.raises(TrainingConfigError, match="recall_steps = 8 leaves no step of steps = 8 to the language model"):
        TrainingConfig(recall_steps=8, steps=8)
    assert TrainingConfig(recall_steps=7, steps=8).recall_steps == 7
    assert TrainingConfig(recall_steps=8, steps=8, language_model_weight=0).recall_steps == 8
    with pytest.raises(TrainingConfigError, match="steps of the contrast, whose weight is 0"):
        TrainingConfig(recall_steps=1, contrast_weight=0)


def test_a_right_context_as_long_as_the_window_is_refused_with_both_values() -> None:
    with pytest.raises(TrainingConfigError, match=r"least_right_context = 12 .* windows of bptt_steps = 12"):
        TrainingConfig(bptt_steps=12)
    assert TrainingConfig(bptt_steps=13).least_right_context == 12


def test_the_network_has_the_sizes_of_the_settings() -> None:
    config = TrainingConfig(cell="gru", direction="causal", layers=3, hidden=7, embedding=5, vocabulary=900)
    assert config.network(vocabulary_size=850) == NetworkConfig(
        n_layers=3, direction="causal", hidden_size=7, embedding_size=5, vocabulary_size=850, cell="gru"
    )


def test_without_a_preset_the_defaults_stand_and_one_epoch_is_trained() -> None:
    assert load_config(None, {}) == replace(TrainingConfig(), epochs=1.0)


def test_options_change_the_preset_and_the_preset_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("hidden: 99\nembedding: 33\nsteps: 10\n")
    config = load_config(path, {"embedding": 44, "cell": "gru"})
    assert (config.hidden, config.embedding, config.cell) == (99, 44, "gru")
    assert (config.steps, config.epochs, config.minutes) == (10, None, None)
    assert config.layers == TrainingConfig().layers


@pytest.mark.parametrize(("name", "value"), [("epochs", 3.0), ("steps", 5), ("minutes", 1.5)])
def test_a_way_to_stop_among_the_options_replaces_the_preset_s(tmp_path: Path, name: str, value: float) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("steps: 10\n")
    config = load_config(path, {name: value})
    stops = {stop: getattr(config, stop) for stop in ("epochs", "steps", "minutes")}
    assert stops == {"epochs": None, "steps": None, "minutes": None, name: value}


def test_a_shipped_preset_is_found_by_its_name_and_a_file_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_config("quick", {}).minutes == 5
    monkeypatch.chdir(tmp_path)
    Path("quick").write_text("steps: 3")
    assert load_config("quick", {}).steps == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour: red\nhidden: 9\nsize: 3", "unknown settings colour, size; known are direction, layers, hidden"),
        ("1: 2", "unknown settings 1; known are"),
        ("hidden: many", "hidden is 'many'; expected a whole number from 1 to 65536"),
        ("steps: 3\nminutes: 5", "steps = 3 and minutes = 5 are both given"),
        ("- hidden", r"preset .*mine\.yaml: expected `setting: value` lines, got list"),
        ("", r"preset .*mine\.yaml: expected `setting: value` lines, got NoneType"),
        ("hidden: [", r"preset .*mine\.yaml: invalid YAML"),
        ("hidden: !!python/object/apply:os.abort []", r"preset .*mine\.yaml: invalid YAML"),
        ("[" * 500, r"preset .*mine\.yaml: invalid YAML"),
    ],
)
def test_a_preset_that_makes_no_sense_is_told_in_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(TrainingConfigError, match=reason):
        load_config(path, {})


def test_a_preset_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "latin1.yaml").write_bytes(b"\xff\xfe\x00hidden")
    for name in ("nothing", str(tmp_path), str(tmp_path / "latin1.yaml")):
        with pytest.raises(TrainingConfigError) as caught:
            load_config(name, {})
        assert f"preset {name!r} cannot be read" in str(caught.value)
        assert f"one of {', '.join(preset_names())}." in str(caught.value)
    assert {"novel", "quick"} <= set(preset_names())


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TrainingConfigError, match="unknown settings width; known are"):
        load_config(None, {"width": 3})
