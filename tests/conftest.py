"""Tests that need the novels or benchmarks of ../shared skip where it is missing; the last line says how many did."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ../shared beside the checkout; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    n_without_shared = sum("../shared" in str(report.longrepr) for report in skipped)
    if n_without_shared:
        terminalreporter.write_line(f"{n_without_shared} tests were skipped for want of ../shared")
