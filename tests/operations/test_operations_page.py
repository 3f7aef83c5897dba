"""docs/operations.md, by which somebody works at night: each command, option, setting, file and service that it names is there."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from licensemgr.variables import VARIABLES

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
_BLOCK = r"(?ms)^```[a-z ]*\n(.*?)^```$"
CODE = re.findall(_BLOCK, PAGE) + [
    " ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(_BLOCK, "", PAGE))
]
# What belongs to others: words of the runbook's blocks, parts of the image's, the server's own.
NOT_THE_PORTALS = {
    "BACKUPS", "BASE", "BYPASSRLS", "CREATEROLE", "ERROR", "LOST", "PATH", "PGDATA", "PGUSER", "SECOND", "SLUG", "FILE", "VERSION",
    "CONCURRENTLY", "ON_ERROR_STOP", "WEB_REPLICAS",
}  # fmt: skip


def test_it_names_only_commands_and_options_that_there_are() -> None:
    named = [line for code in CODE for line in re.findall(r"manage\.py (\w+[^`\n|;&]*)", code)]
    assert len(named) > 15
    known = get_commands()
    for line in named:
        name, *words = line.split()
        assert name in known, line
        app = known[name]
        assert isinstance(app, str), name
        command = load_command_class(app, name)
        options = command.create_parser("manage.py", name)._option_string_actions
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= set(options), line


def test_every_command_for_a_portal_that_runs_stands_in_it() -> None:
    """Those that staff or the person on call use there; the README has all."""
    for name in ("backup", "verify_books", "reconcile_issued", "run_daily", "rotate_signing_key", "peppers"):
        assert re.search(rf"\b{name}\b", PAGE), name
    for name in ("renew_encryption", "database_limits", "export_organization", "import_organization", "import_units"):
        assert re.search(rf"\b{name}\b", PAGE), name


def test_it_names_only_settings_that_there_are() -> None:
    named = {name for code in CODE for name in re.findall(r"\b[A-Z][A-Z]+(?:_[A-Z]+)+\b|^[A-Z]{5,}$", code)}
    # A family, as DATABASE_*_SECONDS.
    families = {name for name in named if any(known.startswith(name) for known in VARIABLES)}
    assert "ISSUE_LOG_DIR" in named and "SETTLE_MAX_DAYS" in named
    assert named - set(VARIABLES) - families - NOT_THE_PORTALS == set()


def test_it_names_only_files_that_there_are() -> None:
    # By deploy/secrets.sh.
    made = {"deploy/secrets", "deploy/secrets/tls"} | {f"deploy/secrets/{name}" for name in COMPOSE["secrets"]}
    named = {name for code in CODE for name in re.findall(r"(?<![\w/$.-])(?:deploy|docs|tests)/[\w./-]*\w/?", code)}
    named = {name.rstrip("/") for name in named} | {
        f"docs/{name}" for name in re.findall(r"\]\(([\w./-]+)(?:#[\w-]*)?\)", PAGE)
    }
    assert len(named) > 8
    assert [name for name in sorted(named - made) if not (ROOT / name).exists()] == []


def test_it_names_only_services_that_there_are() -> None:
    services = set(COMPOSE["services"])
    named: set[str] = set()
    for line in (line for code in CODE for line in re.findall(r"docker compose ([^`\n#]+)", code)):
        verb, *words = [word for word in line.split() if not word.startswith("--")]
        if "--user" in line:
            words = words[1:]
        # What is run within is the service's own.
        named |= set(words[:1] if verb in ("run", "exec") else words)
    assert {"migrate", "proxy", "postgres"} <= named <= services


def test_what_it_quotes_of_commands_is_what_they_print() -> None:
    """Somebody compares that at night."""
    commands = ROOT / "licensemgr" / "portal" / "management" / "commands"
    assert 'f"differences: {' in (commands / "verify_books.py").read_text() and "`differences: 0`" in PAGE
    dashboard = {panel["title"] for panel in json.loads((ROOT / "deploy" / "grafana.json").read_text())["panels"]}
    alerts = PAGE.partition("| alert | means | do |")[2].partition("\n\n")[0]
    shown = set(re.findall(r"\*([^*]+)\*", alerts)) - {"Jobs and their lag"}
    assert len(shown) >= 3 and shown <= dashboard


@pytest.mark.parametrize("path", ["deploy/secrets.sh", "deploy/archive_wal.sh", "deploy/pgbouncer/start.sh"])
def test_what_is_run_by_a_shell_is_read_by_it(path: str) -> None:
    assert subprocess.run(["sh", "-n", ROOT / path], check=False).returncode == 0
