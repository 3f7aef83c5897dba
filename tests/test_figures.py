"""What a long program has done is added up over interruptions, and begins anew where the code is another one."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import figures
from tests.proof import REPORT, ROOT


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, at which the figures stand."""
    monkeypatch.setattr(figures, "_state", lambda program: tmp_path / "var" / f"{program}.json")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "code.py", "1")
    monkeypatch.setattr(figures, "commit", lambda of=figures.commit: of(tmp_path))
    return tmp_path


def git(root: Path, *command: str) -> None:
    names = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", *command], cwd=root, check=True, env=os.environ | names)


def commit(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    git(root, "add", name)
    git(root, "commit", "--quiet", "--message", name)


def test_figures_are_added_up_until_the_run_is_complete(root: Path) -> None:
    figures.note("kills", {"kills": 2, "Redis": 1})
    figures.note("kills", {"kills": 3})
    assert figures.done("kills") == {"kills": 5, "Redis": 1}
    figures.forget("kills")
    assert figures.done("kills") == {}


def test_that_figures_are_committed_changes_nothing_and_other_code_begins_anew(root: Path) -> None:
    figures.note("kills", {"kills": 2})
    commit(root, str(REPORT.relative_to(ROOT)), "| kills | 1,000 |")
    figures.note("kills", {"kills": 3})
    assert figures.done("kills") == {"kills": 5}
    commit(root, "code.py", "2")
    assert figures.done("kills") == {}
