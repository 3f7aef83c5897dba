"""Whether an upgrade may happen while people work, and back again.

    python -m tests.releases                 # the data of every release, migrated; the last one's code on today's tables
    python -m tests.releases make VERSION    # writes down what was released: the commit that is checked out

Of each release there is a folder here: `release.json` names its commit and its migrations, from which the linter of
`tests/architecture` goes on; `<database>.sql.gz` is a database that its code filled, `<database>.json.gz` what it said of it;
`code.tar.xz` is the last one's code, so that a copy of the tree without its history will do.
"""

import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes.stack import ROOT
from tests.releases.databases import Database, dump_postgresql, dump_sqlite, on_postgresql, on_sqlite
from tests.releases.releases import APPS, FOLDER, Release, last_release, migrations_of_now, releases, version_of_now

KINDS = ("sqlite", "postgresql")
CODE = "code.tar.xz"
ADMIN_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@contextmanager
def database(kind: str, folder: Path, dump: Path | None) -> Iterator[Database]:
    """A database of that kind in a folder, filled from a file."""
    if kind == "sqlite":
        with on_sqlite(folder / kind, dump) as made:
            yield made
    else:
        with on_postgresql(folder / kind, ADMIN_URL, dump) as made:
            yield made


def said_of(made: Database) -> dict[str, Any]:
    """What today's code says of it, once its tables are today's."""
    said: dict[str, Any] = json.loads(made.run("-m", "tests.releases.recording", "say"))
    return said


def differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """What is said no more, or otherwise. Further keys, and further words on pages, are no difference."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            yield from differences(value, now.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for place, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif "/pages/" in path and isinstance(before, int) and isinstance(now, int):
        if now < before:
            yield f"{path}: {before} times, now {now}"
    elif before != now:
        yield f"{path}: {before!r}, now {now!r}"


def migrate(release: Release, kind: str) -> str:
    """Data of a release on today's tables; and the last release's code on them, where that is deployed side by side."""
    recorded = json.loads(gzip.decompress((release.folder / f"{kind}.json.gz").read_bytes()))
    with tempfile.TemporaryDirectory(prefix="license-manager-releases-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with database(kind, folder, release.folder / f"{kind}.sql.gz") as made:
            found = list(differences(recorded, said_of(made)))
            assert not found, f"{release.version} on {kind}:\n" + "\n".join(found[:40])
            sentence = (
                f"{release.version} on {kind}: {len(recorded['organizations'])} organizations are what they were."
            )
            if kind != "postgresql" or release != last_release():
                return sentence
            old = folder / "old"
            check_out(release, old)
            worked = made.run("-m", "tests.releases.smoke", tree=old, web=True)
            made.run("manage.py", "verify_books")
            return f"{sentence} Its code on today's tables: {worked.strip()}"


def check_out(release: Release, folder: Path) -> None:
    """The code of a release."""
    with tarfile.open(release.folder / CODE, "r:xz") as tar:
        tar.extractall(folder, filter="data")


def keep_code(commit: str, target: Path) -> None:
    """What the portal runs by and what tries it, of a commit; that of the releases before is of no more use."""
    for former in FOLDER.glob(f"*/{CODE}"):
        former.unlink()
    kept = [*APPS, "licensemgr", "manage.py", "pyproject.toml", "docs/*.py", "docs/schemas", "static", "templates"]
    kept += [
        "tests",
        *(f":(exclude)tests/{each}" for each in ("data", "lighthouse", "gallery", "journeys", "releases/*/*")),
    ]
    archive = subprocess.run(["git", "archive", commit, "--", *kept], cwd=ROOT, capture_output=True, check=True)
    (target / CODE).write_bytes(lzma.compress(archive.stdout, preset=9))


def make(version: str) -> None:
    """Write down what is checked out as a release."""
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, check=True).stdout:
        raise SystemExit("Something is not committed, so it could not be found again. Nothing was written.")
    if version != version_of_now():
        raise SystemExit(f"pyproject.toml says {version_of_now()}. Nothing was written.")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    target = FOLDER / version
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="license-manager-releases-") as name:
        for kind in KINDS:
            with database(kind, Path(name), None) as made:
                made.run("-m", "tests.releases.recording", "fill")
                dump = target / f"{kind}.sql.gz"
                dump_sqlite(made, dump) if kind == "sqlite" else dump_postgresql(made, ADMIN_URL, dump)
                said = json.dumps(said_of(made), sort_keys=True)
                (target / f"{kind}.json.gz").write_bytes(gzip.compress(said.encode(), 9, mtime=0))
    keep_code(commit.stdout.strip(), target)
    written = {"version": version, "commit": commit.stdout.strip(), "migrations": migrations_of_now()}
    (target / "release.json").write_text(json.dumps(written, indent=1) + "\n")
    print(f"Release {version} is written down in {target.relative_to(ROOT)}. Commit that.")


def main() -> None:
    """What the command line says."""
    # Whoever ends it leaves no database behind.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("ended"))
    if sys.argv[1:2] == ["make"]:
        make(sys.argv[2])
        return
    begun = time.monotonic()
    wanted = [(release, kind) for release in releases() for kind in KINDS]
    with ThreadPoolExecutor(2) as pool:
        tasks: list[Callable[[], str]] = [pool.submit(migrate, *each).result for each in wanted]
        for sentence in tasks:
            print(sentence(), flush=True)
    print(f"{len(wanted)} databases of {len(releases())} releases passed in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
