"""The commands that scripts rely on: what they print, and the sentence they end with when something is wrong."""

import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command, load_command_class
from pytest_django import Settings

from licensemgr.core.models import DemonstrationClock
from licensemgr.portal.playing import ensure_catalogue
from organizations.models import Organization
from organizations.services import create_organization
from products.models import System
from tests.conftest import FrozenClock
from wallet import keycode
from wallet.models import KeyBatch, LicenseKey

COMMANDS = (
    "issue_license_keys", "revoke_license_key", "run_daily", "verify_books", "set_clock", "report_system", "backup", "demo",
    "serve", "seed_demonstration", "import_units", "rotate_signing_key", "verify_license_file", "reconcile_issued",
    "simulate_system", "peppers", "database_limits", "export_organization", "import_organization",
)  # fmt: skip


def run(*arguments: Any) -> str:
    """What a command prints on standard output."""
    out = StringIO()
    call_command(*(str(argument) for argument in arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def catalogue(db: None) -> None:
    ensure_catalogue()


ISSUE = ("issue_license_keys", "--product", "camera-station", "--kind", "subscription")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(name: str) -> None:
    command = load_command_class("licensemgr.portal", name)
    assert len(command.help) > 60
    assert name in command.create_parser("manage.py", name).format_help()
    assert f"manage.py {name}" in (django_settings.BASE_DIR / "README.md").read_text()


@pytest.mark.usefixtures("catalogue")
def test_keys_are_printed_one_a_line_and_nothing_else() -> None:
    printed = run(
        *ISSUE, "--license", "core-device=3", "--license", "universal-device=1", "--count", 4, "--order", "PO 1"
    )
    keys = printed.splitlines()
    assert len(set(keys)) == 4
    assert {keycode.parse(key).kind for key in keys} == {keycode.Kind.SUBSCRIPTION}
    assert KeyBatch.objects.get().order_reference == "PO 1"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--license", "core-device=-1", "--count", "1"), "no quantity"),
        (("--license", "core-device=1.5", "--count", "1"), "no quantity"),
        (("--license", "core-device=１", "--count", "1"), "no quantity"),
        (("--license", "core-device=" + "9" * 30, "--count", "1"), "no quantity"),
        (("--license", "core-device=0", "--count", "1"), "at least one license"),
        (("--license", "core-device", "--count", "1"), "no quantity"),
        (("--license", "core-device=1", "--license", "core-device=2", "--count", "1"), "named twice"),
        (("--license", "audio-device=1", "--count", "1"), "no license type"),
        (("--license", "core-device=1", "--count", "0"), "keys can be issued"),
        (("--license", "core-device=1", "--count", "many"), "invalid int"),
        (("--license", "core-device=1", "--count", "1", "--order", "x" * 81), "at most 80"),
    ],
)
@pytest.mark.usefixtures("catalogue")
def test_keys_that_make_no_sense_are_refused_with_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*ISSUE, *arguments)
    assert not LicenseKey.objects.exists()


@pytest.mark.usefixtures("catalogue")
def test_an_unknown_product_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(CommandError, match="audio-manager, camera-station"):
        run("issue_license_keys", "--product", "x", "--kind", "hardware", "--license", "core-device=1", "--count", 1)


@pytest.mark.usefixtures("catalogue")
def test_a_key_is_revoked_once() -> None:
    key = run(*ISSUE, "--license", "core-device=3", "--count", 1).strip()
    assert key[-5:] in run("revoke_license_key", key, "--reason", "lost in the post")
    assert LicenseKey.objects.get().revoked_reason == "lost in the post"
    for wrong, sentence in (
        (key, "revoked before"),
        ("\0", "not a whole|no license key contains"),
        ("", "No license key"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run("revoke_license_key", wrong, "--reason", "again")


@pytest.mark.usefixtures("catalogue")
def test_a_system_reports_its_devices(frozen_clock: FrozenClock) -> None:
    create_organization(name="Reporter", actor=None, on=frozen_clock.today)
    report = ("report_system", "--organization", "reporter", "--product", "camera-station", "--system")
    system_id = uuid.uuid4()
    assert "2027-03-01" in run(*report, system_id, "--devices", "core-device=3", "universal-device=1")
    counts = System.objects.get(system_id=system_id).device_counts.values_list("quantity", flat=True)
    assert sorted(counts) == [1, 3]
    for wrong, sentence in (
        ((*report, "12", "--devices", "core-device=3"), "no system id"),
        ((*report, system_id, "--devices", "core-device=x"), "no quantity"),
        ((*report, system_id, "--devices", "core-device=999999999"), "from 0 to"),
        (
            ("report_system", "--organization", "x", "--product", "y", "--system", system_id, "--devices", "a=1"),
            "no organ",
        ),
    ):
        with pytest.raises(CommandError, match=sentence):
            run(*wrong)


@pytest.mark.django_db
def test_run_daily_prints_figures(frozen_clock: FrozenClock) -> None:
    assert run("run_daily").splitlines() == ["looked_at: 0", "settled: 0", "written: 0", "failed: none"]
    for wrong in ("2027-02-29", "tomorrow", "20270301", "0001-01-01", "99999-01-01"):
        with pytest.raises(CommandError, match="no date"):
            run("run_daily", "--date", wrong)


@pytest.mark.django_db
def test_the_clock_is_set_in_a_demonstration_only(settings: Settings) -> None:
    with pytest.raises(CommandError, match="in demonstration mode only"):
        run("set_clock", "2099-03-01")
    with pytest.raises(CommandError, match="no demonstration"):
        run("seed_demonstration")
    settings.DEMONSTRATION = True
    assert "Today is 2099-03-01" in run("set_clock", "2099-03-01")
    assert DemonstrationClock.objects.get().date == date(2099, 3, 1)
    with pytest.raises(CommandError, match="only moves forward"):
        run("set_clock", "2099-02-28")


@pytest.mark.django_db
def test_the_demonstration_is_told_into_an_empty_database_only(settings: Settings, tmp_path: Path) -> None:
    settings.DEMONSTRATION, settings.VAR_DIR = True, tmp_path
    create_organization(name="Somebody", actor=None, on=date(2027, 3, 1))
    with pytest.raises(CommandError, match="has organizations already"):
        run("seed_demonstration")
    assert Organization.objects.count() == 1


@pytest.mark.django_db
def test_demo_and_serve_refuse_the_other_ones_mode() -> None:
    with pytest.raises(CommandError, match="MODE=demonstration"):
        run("demo")
    with pytest.raises(CommandError, match="unset MODE"):
        run("serve")


def test_a_backup_is_a_copy_and_never_overwrites(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source, target = tmp_path / "books.sqlite3", tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(source)) as books:
        books.execute("PRAGMA journal_mode=WAL")
        books.execute("CREATE TABLE entry (quantity INTEGER)")
        books.execute("INSERT INTO entry VALUES (7)")
        books.commit()
        # Another change is under way and not committed: the copy must not have it.
        books.execute("INSERT INTO entry VALUES (8)")
        settings.SQLITE = True
        monkeypatch.setitem(django_settings.DATABASES["default"], "NAME", str(source))
        run("backup", target)
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT quantity FROM entry").fetchall() == [(7,)]
    assert target.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("copy.sqlite3-*"))
    with pytest.raises(CommandError, match="exists already"):
        run("backup", target)
    with pytest.raises(CommandError, match="can't be written"):
        run("backup", tmp_path / "nowhere" / "copy.sqlite3")
    settings.SQLITE = False
    with pytest.raises(CommandError, match="pg_dump"):
        run("backup", tmp_path / "other.sqlite3")


_SHORT = dict.fromkeys(("SECRET_KEY", "LICENSE_KEY_PEPPER", "ENCRYPTION_SECRET"), "short")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "SECRET_KEY is not set"),
        ({"MODE": "staging"}, "MODE has to be"),
        ({**_SHORT, "ALLOWED_HOSTS": "a.example"}, "too weak"),
        (_SHORT, "ALLOWED_HOSTS is empty"),
        ({**_SHORT, "ALLOWED_HOSTS": "*"}, "every host"),
        ({**_SHORT, "ALLOWED_HOSTS": "a.example", "DEBUG": "1"}, "DEBUG is on"),
        ({"MODE": "test", "SETTLE_MAX_DAYS": "soon"}, "SETTLE_MAX_DAYS is 'soon'"),
    ],
)
def test_settings_that_are_unsafe_or_wrong_are_a_sentence_and_no_traceback(
    environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=django_settings.BASE_DIR,
        # A folder of its own: where `make demo` ran, commands are the demonstration's unless something is set.
        env={"PATH": "/usr/bin:/bin", "VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
