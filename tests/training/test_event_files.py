"""TensorBoard's files: every figure of the history under its tag, each step once however often a run was resumed."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event, SessionLog

from tests.training.conftest import TinyRun, tiny_run, train
from tests.training.test_export import stop_after
from training import event_files, loop


def records(path: Path) -> Iterator[Event]:
    """The events of a file. TFRecord: length, its checksum, data, its checksum."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        for start, end in ((0, 8), (12, 12 + length)):
            (checksum,) = struct.unpack("<I", data[end : end + 4])
            plain = crc32c(data[start:end])
            assert checksum == (((plain >> 15) | (plain << 17)) + 0xA282EAD8) & 0xFFFFFFFF
        yield Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def read(folder: Path) -> dict[str, dict[int, float]]:
    """{tag: {step: value}} as TensorBoard shows it: a start drops what was written before of its step and later."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.iterdir()):
        for event in records(path):
            if event.session_log.status == SessionLog.START:
                found = {tag: {n: v for n, v in steps.items() if n < event.step} for tag, steps in found.items()}
            for value in event.summary.value:
                assert event.step not in found.setdefault(value.tag, {}), "a step twice"
                found[value.tag][event.step] = value.simple_value
    return found


def events_of(tiny: TinyRun) -> dict[str, dict[int, float]]:
    return read(tiny.options.run_folder / "tensorboard")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY_STEPS", 2)


def figures(events: dict[str, dict[int, float]]) -> dict[str, dict[int, float]]:
    """Without those that are of the clock."""
    return {tag: steps for tag, steps in events.items() if tag != "run/tokens_per_second"}


def test_every_figure_of_the_history_stands_under_its_tag_and_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr("training.export.write_report", lambda _f, _m, history, _h: rows.extend(history))
    tiny = tiny_run(tmp_path, steps=4)
    assert train(tiny)
    events = events_of(tiny)
    for row in rows:
        for name, tag in (
            ("train_loss", "train/loss"),
            ("train_left_nats", "train/left_nats"),
            ("train_right_both", "train/right_both"),
            ("learning_rate", "run/learning_rate"),
            ("gradient_norm", "run/gradient_norm"),
            ("valid_both_nats", "valid/both_nats"),
            ("valid_he/she_left", "valid/he-she_left"),
            ("valid_him/her_both", "valid/him-her_both"),
        ):
            if row.get(name) is not None:
                assert math.isclose(events[tag][row["step"]], row[name], rel_tol=1e-6), tag  # float32 in the file
    assert set(events["train/loss"]) == {2, 4}
    assert set(events["valid/left_nats"]) == {3, 4}
    assert set(events["run/tokens_per_second"]) == {4}


@pytest.mark.parametrize("stop", [2, 3, 4], ids=["after a log", "after a validation", "later"])
def test_a_resumed_run_has_each_step_once_and_no_other_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    (tmp_path / "straight").mkdir()
    straight = tiny_run(tmp_path / "straight")
    assert train(straight)
    tiny = tiny_run(tmp_path)
    with monkeypatch.context() as patched:
        stop_after(stop, patched)
        assert not train(tiny)
    # What a run that was killed after its last checkpoint may have left behind: steps that come again.
    killed = event_files.EventsWriter(str(tiny.options.run_folder / "tensorboard" / "events"), f".{time.time_ns()}.0")
    killed.write_event(Event(step=5, summary={"value": [{"tag": "train/loss", "simple_value": 1e9}]}))
    killed.close()
    resumed = replace(tiny, options=replace(tiny.options, resume=True))
    assert train(resumed)
    if stop == 3:  # a stop between two logs makes one more, of fewer steps
        return
    assert figures(events_of(resumed)) == figures(events_of(straight))


def test_a_disk_that_fails_ends_the_files_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = event_files.EventsWriter.write_event

    def full(writer: Any, event: Event) -> None:
        if event.HasField("summary"):
            raise OSError(28, "No space left on device")
        write(writer, event)

    monkeypatch.setattr(event_files.EventsWriter, "write_event", full)
    assert train(tiny_run(tmp_path))
    said = capsys.readouterr().err
    assert said.count("tensorboard cannot be written (No space left on device): no more TensorBoard files") == 1
