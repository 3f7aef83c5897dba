"""Settings: each variable described once, production starts only with what is safe, secrets come from files and are changed."""

import contextlib
import ipaddress
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from licensemgr import environment, safety, settings, variables

SECRETS = {
    name: f"{name.lower()}-0123456789-abcdefghijklmnopqrstuvwxyz-of-a-test"
    for name in ("SECRET_KEY", "LICENSE_KEY_PEPPER", "ENCRYPTION_SECRET")
}
PRODUCTION = {"PATH": "/usr/bin:/bin", "ALLOWED_HOSTS": "licenses.example.com", **SECRETS}


def in_production(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` where only these variables, and those of a sound production, are set."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=django_settings.BASE_DIR,
        env=PRODUCTION | more,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    """The variables that settings.py reads in production, with their defaults."""
    ended = in_production(
        "import json; from licensemgr import settings, environment; print(json.dumps(environment.READ))"
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _as_described(name: str, default: Any) -> str:
    """A default of the code as the table has to say it."""
    base = str(django_settings.BASE_DIR)
    if default is None:
        return "none in production"
    if isinstance(default, bool):
        return f"`{int(default)}`"
    text = str(default)
    if text.startswith("sqlite:///"):
        return "SQLite in `VAR_DIR`"
    if text.startswith(f"{base}/var/"):
        return f"`{text.removeprefix(f'{base}/var/')}` in `VAR_DIR`"
    if name == "PORTAL_URL" and text == "https://licenses.example.com":
        return "`https://` and the first of `ALLOWED_HOSTS`"
    text = text.removeprefix(f"{base}/")
    return f"`{text}`" if text else "empty"


def test_the_table_names_what_is_read_and_nothing_else(read: dict[str, Any]) -> None:
    assert sorted(variables.VARIABLES) == sorted(read)


def test_the_table_has_the_defaults_of_the_code(read: dict[str, Any]) -> None:
    # ALLOWED_HOSTS has an empty list, which production refuses.
    described = {name: it.default for name, it in variables.VARIABLES.items() if name != "ALLOWED_HOSTS"}
    assert described == {name: _as_described(name, default) for name, default in read.items() if name in described}


def test_the_page_is_the_table() -> None:
    page = (django_settings.BASE_DIR / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == variables.page(), "python -m licensemgr.variables > docs/settings.md writes it anew"
    assert all(len(it.meaning) > 10 for it in variables.VARIABLES.values() if it.meaning != "its port")


def test_nothing_else_reads_the_environment() -> None:
    """But what comes before the settings, what hands it on to other processes, and what gunicorn left there for the counters."""
    code = [path for app in ("licensemgr", "organizations", "history", "products", "wallet", "subscriptions", "hardware")
            for path in (django_settings.BASE_DIR / app).rglob("*.py")]  # fmt: skip
    readers = {path.name for path in code if "os.environ" in path.read_text(encoding="utf-8")}
    assert readers == {"environment.py", "celery.py", "wsgi.py", "supervising.py", "demo.py", "metrics.py"}


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-key-of-a-file-0123456789-abcdefghijklmnopqrstuvwxyz\n")
    (tmp_path / "former").write_text(
        "former-1-0123456789-abcdefghijklmnopqrstuvwxyz-aaaa\nformer-2-0123456789-abcdefghijklmnopqrstuvwxyz-bbbb\n"
    )
    (tmp_path / "password").write_text("p@ss:word\n")
    code = (
        "from licensemgr import settings; print(settings.SECRET_KEY, len(settings.SECRET_KEY_FALLBACKS),"
        " settings.DATABASES['default']['PASSWORD'], settings.DATABASES['default']['OPTIONS'])"
    )
    files = {
        "SECRET_KEY_FILE": str(tmp_path / "key"),
        "SECRET_KEY_FALLBACKS_FILE": str(tmp_path / "former"),
        "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
        "DATABASE_URL": "postgresql://portal@db/portal",
    }
    environment = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=django_settings.BASE_DIR,
        env=environment | files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split()[:3] == ["a-key-of-a-file-0123456789-abcdefghijklmnopqrstuvwxyz", "2", "p@ss:word"], (
        ended.stderr
    )
    assert "statement_timeout=60000" in ended.stdout
    missing = in_production("import licensemgr.settings", EMAIL_HOST_PASSWORD_FILE=str(tmp_path / "nothing"))
    assert "EMAIL_HOST_PASSWORD_FILE names a file that can't be read" in missing.stderr


def sound() -> dict[str, Any]:
    """Settings of a production that may start."""
    return {
        "DEBUG": False,
        "ALLOWED_HOSTS": ["licenses.example.com"],
        **SECRETS,
        "SECRET_KEY_FALLBACKS": [],
        "LICENSE_KEY_PEPPER_FALLBACKS": [],
        "ENCRYPTION_SECRET_FALLBACKS": [],
        "METRICS_TOKEN": "",
        "INSECURE_LOOPBACK": False,
        "TRUSTED_PROXIES": [ipaddress.ip_network("127.0.0.0/8")],
        "SQLITE": False,
        "WEB_CONCURRENCY": 4,
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}},
        "ACCOUNT_RATE_LIMITS": settings.ACCOUNT_RATE_LIMITS,
        "MIDDLEWARE": settings.MIDDLEWARE,
    }


def test_sound_settings_are_not_refused() -> None:
    assert safety.refusals(sound()) == []


_LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
UNSAFE: list[tuple[dict[str, Any], str]] = [
    ({"DEBUG": True}, "DEBUG is on"),
    ({"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS is empty"),
    ({"ALLOWED_HOSTS": ["*"]}, "every host"),
    ({"SECRET_KEY": safety.UNSAFE}, "SECRET_KEY is too weak"),
    ({"LICENSE_KEY_PEPPER": safety.UNSAFE}, "LICENSE_KEY_PEPPER is too weak"),
    ({"ENCRYPTION_SECRET": "a" * 60}, "ENCRYPTION_SECRET is too weak"),
    ({"SECRET_KEY_FALLBACKS": ["short"]}, "One of SECRET_KEY_FALLBACKS is too weak"),
    ({"LICENSE_KEY_PEPPER_FALLBACKS": [safety.UNSAFE]}, "One of LICENSE_KEY_PEPPER_FALLBACKS is too weak"),
    ({"ENCRYPTION_SECRET_FALLBACKS": ["short"]}, "One of ENCRYPTION_SECRET_FALLBACKS is too weak"),
    ({"LICENSE_KEY_PEPPER": SECRETS["SECRET_KEY"]}, "are the same"),
    ({"LICENSE_KEY_PEPPER_FALLBACKS": [SECRETS["LICENSE_KEY_PEPPER"]]}, "are the same"),
    ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN is too short"),
    ({"SQLITE": True, "WEB_CONCURRENCY": 2}, "SQLite is for one process"),
    ({"CACHES": {"default": _LOCAL}}, "The cache is one of a single process"),
    ({"INSECURE_LOOPBACK": True}, "which is not this machine"),
    ({"TRUSTED_PROXIES": [ipaddress.ip_network("0.0.0.0/0")]}, "every address be the proxy"),
    ({"ACCOUNT_RATE_LIMITS": False}, "no limit of wrong passwords"),
    ({"ACCOUNT_RATE_LIMITS": {"login_failed": None}}, "no limit of wrong passwords"),
    ({"MIDDLEWARE": []}, "no limit of wrong passwords"),
]


@pytest.mark.parametrize(("change", "sentence"), UNSAFE, ids=[sentence for _change, sentence in UNSAFE])
def test_production_refuses_what_is_unsafe_and_says_what(change: dict[str, Any], sentence: str) -> None:
    [refused] = safety.refusals(sound() | change)
    assert sentence in refused


def test_a_trial_on_this_machine_is_allowed_by_its_own_names_only() -> None:
    here = {"INSECURE_LOOPBACK": True, "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"]}
    assert safety.refusals(sound() | here) == []


def test_the_settings_file_asks_and_says_everything_at_once() -> None:
    ended = in_production("import licensemgr.settings", DEBUG="1", WEB_CONCURRENCY="3", METRICS_TOKEN="short")
    assert ended.returncode == 1
    for sentence in ("DEBUG is on", "SQLite is for one process of the web server, and 3", "METRICS_TOKEN is too short"):
        assert sentence in ended.stderr


@pytest.mark.parametrize(
    ("workers", "address", "change", "sentence"),
    [
        (2, ("127.0.0.1", 8000), {"SQLITE": True}, "SQLite is for one process"),
        (1, ("0.0.0.0", 8000), {"INSECURE_LOOPBACK": True}, "0.0.0.0"),  # noqa: S104 - what is refused
        (1, ("::", 8000, 0, 0), {"INSECURE_LOOPBACK": True}, "::"),
    ],
)
def test_the_web_server_is_refused(workers: int, address: object, change: dict[str, Any], sentence: str) -> None:
    [refused] = safety.refusals_of_server(sound() | change, workers=workers, addresses=[address])
    assert sentence in refused


def test_the_web_server_may_start() -> None:
    local = sound() | {"INSECURE_LOOPBACK": True, "SQLITE": True}
    assert safety.refusals_of_server(local, workers=1, addresses=[("127.0.0.1", 8000), "/run/portal.sock"]) == []
    assert safety.refusals_of_server(sound(), workers=4, addresses=[("0.0.0.0", 8000)]) == []  # noqa: S104 - behind a proxy


def test_gunicorn_ends_with_the_sentence(tmp_path: Path) -> None:
    """Started as people do it, past `manage.py serve`."""
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "licensemgr.wsgi",
        "--bind",
        f"unix:{tmp_path}/socket",
        "--workers",
        "2",
    ]
    ended = subprocess.run(
        [*command, "--no-control-socket"],
        cwd=django_settings.BASE_DIR,
        env=PRODUCTION | {"VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    # Once, before any worker: the second of two that end while gunicorn gives up lets it end by an error of its own.
    assert ended.stderr.count("License Manager can't start: SQLite is for one process of the web server, and 2") == 1
    assert "Booting worker" not in ended.stderr


@pytest.mark.parametrize(
    ("value", "found"),
    [("", []), ("0", []), ("1", ["127.0.0.0/8", "::1/128"]), ("10.1.2.3, fd00::/8", ["10.1.2.3/32", "fd00::/8"])],
)
def test_networks_are_read(value: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXY", value)
    assert [str(network) for network in environment.networks("TRUSTED_PROXY")] == found


def test_what_is_no_network_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXY", "proxy.example.com")
    with pytest.raises(ImproperlyConfigured, match="addresses and networks"):
        environment.networks("TRUSTED_PROXY")


def test_behind_pgbouncer_nothing_belongs_to_a_connection() -> None:
    limits = {"statement_timeout": 60000}
    direct: Callable[..., Any] = environment.postgresql_options
    assert direct(limits, is_pooled=False) == {"OPTIONS": {"options": "-c statement_timeout=60000"}}
    assert direct(limits, is_pooled=True) == {
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"prepare_threshold": None},
    }


def test_what_sqlite_acknowledged_outlives_a_power_cut(tmp_path: Path) -> None:
    """In WAL mode nothing less than FULL (2) waits until a commit is on the disk."""
    options = environment.database("sqlite:///books.sqlite3", tmp_path)["OPTIONS"]
    with contextlib.closing(sqlite3.connect(tmp_path / "books.sqlite3")) as books:
        books.executescript(options["init_command"])
        assert books.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert books.execute("PRAGMA synchronous").fetchall() == [(2,)]
