"""A PgBouncer of the tests' own, in transaction mode with a pool of one: every transaction meets what the last one left."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, connections

from licensemgr.core.postgresql.base import DatabaseWrapper
from licensemgr.core.tenancy import Part

# Debian puts it where only root looks.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
LOGIN = "license_manager_test_login"
_SECRET = "of-tests-only"


@contextlib.contextmanager
def running_pgbouncer(folder: Path) -> Iterator[int]:
    """PgBouncer before the tests' database, signed in as a role that is a member of the web's; yields its port."""
    assert PROGRAM is not None
    _make_login()
    there = connection.settings_dict
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    ini, users = folder / "pgbouncer.ini", folder / "users.txt"
    users.write_text(f'"{LOGIN}" "{_SECRET}"\n')
    ini.write_text(
        f"[databases]\n* = host={there['HOST'] or '127.0.0.1'} port={there['PORT'] or 5432}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {users}\n"
        "pool_mode = transaction\ndefault_pool_size = 1\n"
    )
    as_root = os.geteuid() == 0
    if as_root:
        # It refuses to run as root.
        for path in (folder, *folder.parents):
            if path.stat().st_uid == 0 and str(path).startswith("/tmp/"):  # noqa: S108 - where pytest has its folders
                path.chmod(path.stat().st_mode | 0o055)
    command = [PROGRAM, *(["--user", "nobody"] if as_root else []), "--quiet", str(ini)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _make_login() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [LOGIN])
        if cursor.fetchone() is None:
            # Tests that run side by side, each in a database of its own, have one server.
            with contextlib.suppress(DatabaseError):
                cursor.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{_SECRET}' IN ROLE {Part.WEB.role}")


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _attempt in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return
        if process.poll() is not None:
            raise AssertionError((process.stderr.read() if process.stderr else b"").decode())
        time.sleep(0.05)
    raise AssertionError("PgBouncer does not answer")


def connection_through(port: int, **more: Any) -> DatabaseWrapper:
    """A connection as in production: as a member of the web's role, without options at its start."""
    there = connections["default"].settings_dict
    settings = {**there, "HOST": "127.0.0.1", "PORT": str(port), "USER": LOGIN, "PASSWORD": _SECRET, **more}
    settings["OPTIONS"] = {}
    return DatabaseWrapper(settings, alias="default")


@contextlib.contextmanager
def everything_through(port: int) -> Iterator[None]:
    """Whatever this thread asks of the database goes through PgBouncer."""
    direct = connections["default"]
    pooled = connection_through(port, REFUSE_MIGHTY_ROLE=True)
    connections["default"] = pooled
    try:
        yield
    finally:
        pooled.close()
        connections["default"] = direct
