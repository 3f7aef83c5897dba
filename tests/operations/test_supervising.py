"""The supervisor: starts again what dies, stops everything in time, leaves no process."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from licensemgr.portal import supervising
from licensemgr.portal.supervising import CannotStart, Child, Supervisor, alone_in, refuse_port_in_use

# Writes its process id to the file that is named first, and then lives on; "deaf" ones do not hear SIGTERM.
LIVES = """
import os, pathlib, signal, subprocess, sys, time
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in sys.argv:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pathlib.Path(sys.argv[1] + ".child").write_text(str(child.pid))
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""


def _child(path: Path, *how: str) -> Child:
    return Child(path.name, [sys.executable, "-c", LIVES, str(path), *how])


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_for(path: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


@pytest.fixture
def listening() -> Iterator[tuple[str, int]]:
    """The address of something that answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()


def _stop_after(*paths: Path) -> threading.Thread:
    def stop() -> None:
        try:
            for path in paths:
                _wait_for(path)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    return thread


def test_it_leaves_no_process_not_even_a_deaf_one_or_a_grandchild(tmp_path: Path, listening: tuple[str, int]) -> None:
    hears, deaf = tmp_path / "hears", tmp_path / "deaf"
    ready: list[bool] = []
    supervisor = Supervisor([_child(hears, "parent"), _child(deaf, "deaf")], kill_after=0.5, say=lambda line: None)
    thread = _stop_after(hears, deaf)
    supervisor.run(lambda: ready.append(True), listening)
    thread.join()
    assert ready == [True]
    started = [int(path.read_text()) for path in (hears, deaf, tmp_path / "hears.child")]
    deadline = time.monotonic() + 5
    while any(map(_is_running, started)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_is_running, started))


def test_a_child_that_dies_is_started_again(tmp_path: Path, listening: tuple[str, int]) -> None:
    path = tmp_path / "once"
    said: list[str] = []
    script = "import os, pathlib, sys, time; p = pathlib.Path(sys.argv[1])\nif not p.exists(): p.touch(); sys.exit(3)\n"
    child = Child(
        "worker", [sys.executable, "-c", script + "p.write_text(str(os.getpid())); time.sleep(60)", str(path)]
    )
    thread = _stop_after(path)
    Supervisor([child], kill_after=2, say=said.append).run(lambda: None, listening)
    thread.join()
    assert said == ["The worker ended with exit code 3; it is started again in 1 s."]


def test_no_child_learns_how_the_owner_of_the_tables_signs_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listening: tuple[str, int]
) -> None:
    for name in ("DATABASE_OWNER_URL", "DATABASE_OWNER_PASSWORD", "DATABASE_OWNER_PASSWORD_FILE", "DATABASE_WEB"):
        monkeypatch.setenv(name, "x")
    path = tmp_path / "told"
    script = "import os, pathlib, sys, time; told = sum(name.startswith('DATABASE_OWNER') for name in os.environ)\n"
    script += "pathlib.Path(sys.argv[1]).write_text(f'{told}{int(\"DATABASE_WEB\" in os.environ)}'); time.sleep(60)"
    thread = _stop_after(path)
    child = Child("worker", [sys.executable, "-c", script, str(path)])
    Supervisor([child], kill_after=2, say=lambda line: None).run(lambda: None, listening)
    thread.join()
    assert path.read_text() == "01"


def test_a_child_that_keeps_dying_stops_everything_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listening: tuple[str, int]
) -> None:
    monkeypatch.setattr(supervising, "MAXIMUM_DEATHS", 1)
    other = tmp_path / "other"
    dies = Child(
        "beat", [sys.executable, "-c", f"import os, time\nwhile not os.path.exists({str(other)!r}): time.sleep(.01)"]
    )
    with pytest.raises(CannotStart, match="The beat ended 1 times in a row"):
        Supervisor([_child(other), dies], kill_after=2, say=lambda line: None).run(lambda: None, listening)
    assert not _is_running(_wait_for(other))


def test_a_port_in_use_is_a_sentence(listening: tuple[str, int]) -> None:
    with pytest.raises(CannotStart, match=f"Port {listening[1]} is in use"):
        refuse_port_in_use(*listening)


def test_two_never_run_on_one_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(CannotStart, match="is running on"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_a_folder_that_can_not_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="can't be written to"), alone_in(tmp_path / "file"):
        pass
