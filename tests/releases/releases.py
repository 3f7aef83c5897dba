"""What was released: versions, commits, and the migrations that installations have."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.processes.stack import ROOT

FOLDER = Path(__file__).parent
APPS = (
    "organizations",
    "history",
    "products",
    "wallet",
    "subscriptions",
    "hardware",
    "licensemgr/core",
    "licensemgr/shop",
)


@dataclass(frozen=True)
class Release:
    """A version that installations run."""

    version: str
    # Where its code is in the history of the repository.
    commit: str
    # By the label of their app.
    migrations: dict[str, list[str]]

    @property
    def folder(self) -> Path:
        """Where what it left is kept."""
        return FOLDER / self.version


def releases() -> list[Release]:
    """All of them, the oldest first."""
    found = [Release(**json.loads(path.read_text())) for path in FOLDER.glob("*/release.json")]
    return sorted(found, key=lambda release: [int(part) for part in release.version.split(".")])


def last_release() -> Release:
    """The one that runs while the next is deployed."""
    return releases()[-1]


def migrations_of_now() -> dict[str, list[str]]:
    """The names of all migrations that there are, by the label of their app."""
    return {
        Path(app).name: sorted(
            path.stem for path in (ROOT / app / "migrations").glob("*.py") if re.match(r"[0-9]{4}_", path.name)
        )
        for app in APPS
    }


def version_of_now() -> str:
    """What pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
