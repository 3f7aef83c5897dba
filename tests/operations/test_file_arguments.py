"""Commands that are given a file: one that can't be used gets a sentence, never a traceback."""

import gzip
import uuid
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from products.models import System
from tests.factories import Books

pytestmark = pytest.mark.django_db

REPORT = ("report_system", "--organization=harbour", "--product=camera-station", f"--system={uuid.uuid4()}")
# What is read, and what is made; the file goes where FILE stands.
READING: tuple[tuple[str, ...], ...] = (
    ("import_organization", "FILE"),
    ("import_units", "FILE"),
    ("play_history", "FILE"),
    ("reconcile_issued", "FILE"),
    ("verify_license_file", "FILE"),
    (*REPORT, "--devices-file", "FILE"),
    ("simulate_system", "FOLDER", "--jwks", "FILE"),
    ("messages", "--fill", "sv", "FILE"),
)
WRITING: tuple[tuple[str, ...], ...] = (
    ("backup", "FILE"),
    ("export_organization", "harbour", "FILE"),
    ("import_units", "UNITS", "--refusals", "FILE"),
    ("simulate_system", "FILE"),
)


def refusal(command: tuple[str, ...], file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The sentence that a command ends with."""
    units = folder / "units.csv"
    units.write_text("serial,model,oak\nS1,none,7KQM29XFP4TR\n", encoding="utf-8")
    places = {"FILE": str(file), "FOLDER": str(folder / "system"), "UNITS": str(units)}
    monkeypatch.setattr("licensemgr.portal.management.commands.play_history.Organization.objects.exists", lambda: False)
    with pytest.raises(CommandError) as refused:
        call_command(*(places.get(part, part) for part in command))
    sentence = str(refused.value)
    # A terminal can be told it.
    assert sentence.encode()
    return sentence


@pytest.mark.parametrize("command", READING[:-1] + WRITING)
def test_a_name_that_is_no_utf_8_is_refused_first(
    command: tuple[str, ...], books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "caf\udce9.csv"
    if command in READING:
        file.write_bytes(b"serial,model,oak\n")
    assert "caf\\udce9.csv” is no name in UTF-8. Nothing was changed" in refusal(command, file, tmp_path, monkeypatch)
    assert command in READING or not file.exists()
    assert not System.objects.exists()


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("name", ["", "no/such", "file/below", "x" * 300])
def test_what_can_not_be_read_is_said(
    command: tuple[str, ...], name: str, books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "can't be read: " in refusal(command, tmp_path / name, tmp_path, monkeypatch)


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
def test_what_can_not_be_written_is_said(
    command: tuple[str, ...], name: str, books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    sentence = refusal(command, tmp_path / name, tmp_path, monkeypatch)
    if command[0] == "backup" and connection.vendor == "postgresql":
        # There it writes no file at all.
        assert "use pg_dump for it" in sentence
    else:
        assert "can't be " in sentence or "exists already" in sentence


def test_actions_that_are_cut_off_are_said(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "actions.jsonl.gz"
    whole = gzip.compress(b"\n" * 100_000)
    for content in (whole[:-12], whole[:12] + b"\xff" + whole[13:], b"no gzip"):
        file.write_bytes(content)
        assert "can't be read: " in refusal(("play_history", "FILE"), file, tmp_path, monkeypatch)
