"""The deployment examples fit the image: its version, its user, its settings, its routes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import anaphora
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def example(name: str) -> tuple[str, list[dict]]:
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    return text, list(yaml.safe_load_all(text))


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_an_example_runs_the_image_of_this_version(name: str) -> None:
    text, _ = example(name)
    assert re.findall(r"image: (\S+)", text) == [f"anaphora:{anaphora.version()}"]


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_an_example_sets_only_what_is_a_setting(name: str) -> None:
    text, _ = example(name)
    settings = {f"ANAPHORA_{field.upper()}" for field in Settings.model_fields}
    set_there = set(re.findall(r"^\s*(?:- \{name: )?(ANAPHORA_\w+)", text, re.MULTILINE))
    assert set_there
    assert set_there <= settings
    assert set(re.findall(r"ANAPHORA_\w+", DOCKERFILE)) <= settings


def test_kubernetes_runs_the_images_user_and_gives_it_time_to_stop() -> None:
    _, (deployment, _) = example("kubernetes.yaml")
    pod = deployment["spec"]["template"]["spec"]
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n" in DOCKERFILE
    (drain,) = (float(e["value"]) for e in pod["containers"][0]["env"] if e["name"] == "ANAPHORA_DRAIN_SECONDS")
    assert pod["terminationGracePeriodSeconds"] > drain + Settings.model_fields["shutdown_seconds"].default


def test_both_examples_can_do_nothing_but_answer() -> None:
    _, (compose,) = example("compose.yaml")
    service = compose["services"]["anaphora"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    _, (deployment, _) = example("kubernetes.yaml")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
