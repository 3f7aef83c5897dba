"""Typed readers of the process environment. Each fails at start with a sentence that says what to set."""

import ipaddress
import os
import re
import urllib.parse
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# What was asked for, with its default; held against the table of variables by a test.
READ: dict[str, object] = {}
_LOOPBACK = "127.0.0.0/8,::1/128"


def text(name: str, default: str | None = None) -> str:
    """The value of a variable; a secret may instead stand in the file that ``NAME_FILE`` names.

    Raises ImproperlyConfigured when neither is set and there is no default.
    """
    READ[name] = default
    if name in os.environ:
        return os.environ[name]
    file_name = os.environ.get(f"{name}_FILE")
    if file_name:
        try:
            return Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names a file that can't be read: {error}.") from error
    if default is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Set it in the environment, or {name}_FILE to a file that holds it."
        )
    return default


def flag(name: str, default: bool = False) -> bool:
    """A yes/no variable: 1, true, yes, on or 0, false, no, off."""
    READ[name] = default
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}. Set it to 1 or 0.")


def number(name: str, default: int, *, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``."""
    READ[name] = default
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number of at least {minimum}.")
    return int(value)


def names(name: str, default: str = "") -> list[str]:
    """A list separated by commas or, as in a file of secrets, by lines."""
    return [part.strip() for part in text(name, default).replace("\n", ",").split(",") if part.strip()]


def networks(name: str) -> list[Network]:
    """Addresses and networks: 0 for none, 1 for this machine, else separated by commas."""
    READ[name] = False
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "0", "false", "no", "off"}:
        return []
    parts = (_LOOPBACK if value in {"1", "true", "yes", "on"} else value).split(",")
    try:
        return [ipaddress.ip_network(part.strip()) for part in parts if part.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is {value!r}. Set it to 0, to 1 for this machine, or to addresses and networks, separated by commas."
        ) from error


def identifier(name: str, default: str) -> str:
    """A name in a database: small letters, digits and underscores, the first a letter, at most 50."""
    READ[name] = default
    value = os.environ.get(name, default)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", value):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to small letters, digits and underscores.")
    return value


def login(url: str, password: str) -> tuple[str, str] | None:
    """User and password of a PostgreSQL database's URL, the password perhaps apart; None without a user, and for SQLite."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "sqlite" or not parts.username:
        return None
    return urllib.parse.unquote(parts.username), password or urllib.parse.unquote(parts.password or "")


def database(url: str, base_dir: Path) -> dict[str, Any]:
    """Django's settings of one database from ``sqlite:///path`` or ``postgresql://user:password@host:port/name``.

    A host may be a percent-encoded socket folder. Raises ImproperlyConfigured for any other form.
    """
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(path if path.is_absolute() else base_dir / path),
            "OPTIONS": {
                # With Django's deferred default, transactions that read and then write fail under load.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: with WAL's usual NORMAL a power cut takes back commits that were acknowledged.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            "DATABASE_URL has to be sqlite:///path or postgresql://user:password@host:port/name."
        )
    query = dict(urllib.parse.parse_qsl(parts.query))
    return {
        "ENGINE": "licensemgr.core.postgresql",
        "NAME": urllib.parse.unquote(parts.path.lstrip("/")),
        "USER": urllib.parse.unquote(parts.username or ""),
        "PASSWORD": urllib.parse.unquote(parts.password or ""),
        "HOST": query.get("host", urllib.parse.unquote(parts.hostname or "")),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def replica(url: str, base_dir: Path, password: str, *, is_of_sqlite: bool) -> dict[str, Any]:
    """Django's settings of the replica that REPLICA_DATABASE_URL names; ``password`` is for a URL without one.

    Raises ImproperlyConfigured where either database is SQLite, which has no replicas.
    """
    if is_of_sqlite or url.startswith("sqlite:"):
        raise ImproperlyConfigured(
            "REPLICA_DATABASE_URL names a replica, which only PostgreSQL has. Leave it empty, or set DATABASE_URL to PostgreSQL "
            "and REPLICA_DATABASE_URL to its streaming replica."
        )
    found = database(url, base_dir)
    found["PASSWORD"] = found["PASSWORD"] or password
    # Tests have one database, which is asked by both names.
    return found | {"TEST": {"MIRROR": "default"}}


def postgresql_limits() -> dict[str, int]:
    """What PostgreSQL ends by itself, after how many milliseconds, by the names of its own settings."""
    seconds = {
        "statement_timeout": number("DATABASE_STATEMENT_SECONDS", 60),
        "lock_timeout": number("DATABASE_LOCK_SECONDS", 15),
        "idle_in_transaction_session_timeout": number("DATABASE_IDLE_SECONDS", 120),
    }
    return {name: 1000 * value for name, value in seconds.items()}


def postgresql_options(limits: dict[str, int], *, is_pooled: bool) -> dict[str, Any]:
    """Django's settings of a connection with these limits.

    Behind PgBouncer in transaction mode each transaction may meet another connection of the server, so nothing may belong to one:
    no prepared statements, no cursors that outlive a transaction, and no options at the start, which PgBouncer refuses; there
    the limits are the database's own (`manage.py database_limits`).
    """
    if is_pooled:
        return {"DISABLE_SERVER_SIDE_CURSORS": True, "OPTIONS": {"prepare_threshold": None}}
    return {"OPTIONS": {"options": " ".join(f"-c {name}={value}" for name, value in limits.items())}}
