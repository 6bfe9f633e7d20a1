"""Imports run one way, service -> model <- training, and serving never loads torch."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import anaphora

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("model", "training", "service")
MAY_IMPORT = {"model": {"model"}, "training": {"training", "model"}, "service": {"service", "model"}}
SOURCES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(source: Path) -> set[str]:
    """Top-level names of all that a file imports, inside functions and under TYPE_CHECKING too."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(source.parts[0] if node.level else (node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_imports_run_one_way(source: Path) -> None:
    ours = imported(source) & {*PACKAGES, "anaphora", "tests"}
    assert ours <= MAY_IMPORT[source.parts[0]]


@pytest.mark.parametrize("source", [source for source in SOURCES if source.parts[0] != "training"], ids=str)
def test_torch_stays_in_the_trainers_face(source: Path) -> None:
    if source != Path("model/network.py"):
        assert "torch" not in imported(source)


@pytest.mark.parametrize("source", [source for source in SOURCES if source.parts[0] != "training"], ids=str)
def test_nothing_that_reads_a_bundle_can_unpickle(source: Path) -> None:
    assert not imported(source) & {"pickle", "dill", "joblib", "shelve", "marshal"}


def test_the_command_imports_nothing_before_it_knows_which_subcommand() -> None:
    assert not imported(Path("anaphora.py")) & {*PACKAGES, "numpy", "torch", "onnxruntime"}


@pytest.mark.parametrize("name", anaphora.COMMANDS)
def test_every_subcommand_leads_to_a_function(name: str) -> None:
    module, _, function = anaphora.COMMANDS[name].function.partition(":")
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_imports_is_among_its_dependencies(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["training"] if package == "training" else []
    declared = {re.split(r"[<>=]", requirement)[0] for requirement in [*project["dependencies"], *extra]}
    names = set().union(*(imported(source) for source in SOURCES if source.parts[0] == package))
    if package == "model":
        names -= imported(Path("model/network.py"))  # torch; only training imports it
    foreign = names - set(sys.stdlib_module_names) - set(PACKAGES) - {"pydantic_core"}  # a part of pydantic
    distributions = importlib.metadata.packages_distributions()
    assert {distributions[name][0].lower().replace("_", "-") for name in foreign} <= declared


def test_serving_and_filling_never_load_torch() -> None:
    modules = [
        ".".join(source.with_suffix("").parts)
        for source in SOURCES
        if source.parts[0] != "training" and source != Path("model/network.py") and source.name != "__init__.py"
    ]
    code = f"import importlib, sys; [importlib.import_module(m) for m in {modules}]; print('torch' in sys.modules)"
    assert _last_line(code) == "False"


def test_onnx_runtime_reports_nothing_to_its_makers() -> None:
    code = "import model.runtime, os; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    assert _last_line(code) == "1"


def _last_line(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]
