"""deploy/archive_wal.sh, which PostgreSQL runs for each segment of its log."""

import subprocess
from pathlib import Path

import pytest

from tests.processes.stack import ROOT

NAME = "000000010000000000000001"


def keep(segment: Path, folder: Path) -> int:
    """How the script ends."""
    script = ROOT / "deploy" / "archive_wal.sh"
    return subprocess.run(["sh", script, segment, NAME, folder], capture_output=True, check=False).returncode


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A segment in a folder whose name has a space."""
    folder = tmp_path / "a server"
    folder.mkdir()
    (folder / NAME).write_bytes(b"log")
    return folder / NAME


def test_a_segment_is_kept_whole_and_nothing_else_is_left(segment: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    assert keep(segment, kept) == 0
    assert [(path.name, path.read_bytes()) for path in kept.iterdir()] == [(NAME, b"log")]


def test_what_is_kept_is_taken_again_and_never_overwritten(segment: Path, tmp_path: Path) -> None:
    """A server that was killed offers what it has given before; another server's segment of that name is refused."""
    assert keep(segment, tmp_path) == 0
    assert keep(segment, tmp_path) == 0
    segment.write_bytes(b"another")
    assert keep(segment, tmp_path) != 0
    assert (tmp_path / NAME).read_bytes() == b"log"


def test_it_fails_where_nothing_can_be_kept(segment: Path, tmp_path: Path) -> None:
    """So that the server keeps the segment, and offers it again."""
    assert keep(segment, tmp_path / "not there") != 0


def test_half_a_segment_of_a_copy_that_was_interrupted_is_no_segment(segment: Path, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"lo")
    assert keep(segment, tmp_path) == 0
    assert (tmp_path / NAME).read_bytes() == b"log"
