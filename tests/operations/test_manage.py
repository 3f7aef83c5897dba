"""Which installation a command acts on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

WITHOUT = {"MODE", "SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "VAR_DIR", "DJANGO_SETTINGS_MODULE"}


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in WITHOUT}
    return subprocess.run(
        [sys.executable, str(folder / "manage.py"), *arguments],
        env={**environment, "PYTHONPATH": str(settings.BASE_DIR), **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a manage.py of its own, and the demonstration that `make demo` leaves."""
    shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demonstration.sqlite3").touch()
    return tmp_path


def test_it_acts_on_the_demonstration_that_is_there(folder: Path) -> None:
    assert run(folder, "check").returncode == 0


def test_it_asks_for_settings_where_no_demonstration_is(folder: Path) -> None:
    (folder / "var" / "demonstration.sqlite3").unlink()
    assert "SECRET_KEY is not set" in run(folder, "check").stderr


@pytest.mark.parametrize(("command", "more"), [("serve", {}), ("check", {"MODE": "production"})])
def test_it_never_serves_a_demonstration_as_an_installation(folder: Path, command: str, more: dict[str, str]) -> None:
    assert "SECRET_KEY is not set" in run(folder, command, **more).stderr
