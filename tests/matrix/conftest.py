"""The world that the matrix asks, built for each test: it costs a second, and nothing of it outlives the test."""

import logging
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from django.conf import LazySettings

from organizations.models import User
from tests.matrix import progress
from tests.matrix.drawing import SLICES
from tests.matrix.world import World, build_world


@pytest.fixture
def world(today: date, staff: User, settings: LazySettings, tmp_path: Path) -> Iterator[World]:
    """Both organizations and everybody. Refusals are meant: thousands of them in the log would bury what is wrong."""
    settings.ACCOUNT_RATE_LIMITS = False
    settings.ISSUE_LOG_DIR = tmp_path
    logging.disable(logging.CRITICAL)
    yield build_world(today, staff)
    logging.disable(logging.NOTSET)


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """The seed of the run's draw."""
    return int(getattr(pytestconfig.option, "randomly_seed", 0))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test that draws, and in ``make proof`` one for each slice of all groups."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(SLICES) if os.environ.get("PROOF") else ["drawn"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of all slices that are done, for the report of ``make proof``."""
    if os.environ.get("PROOF") and (told := progress.figures()):
        terminalreporter.write_line(f"Figures: {told}")
