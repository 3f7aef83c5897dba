"""What of the whole matrix is done: one file for each slice, so that a run that was interrupted goes on, and figures add up."""

import hashlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.db import connection

from tests.proof import ROOT

_FOLDER = ROOT / "var" / "matrix"
# What the answers depend on: the code and its pages, what is installed, the world and the cases.
_ASKED = (
    *("licensemgr", "organizations", "history", "products", "wallet", "subscriptions", "hardware", "templates"),
    *("requirements", "tests/matrix", "tests/tenancy/rows.py", "tests/architecture/urls.py", "tests/factories.py"),
)


def path_of(name: str, part: int | str) -> Path:
    """Where the figures of a slice are kept, of this database."""
    return _FOLDER / f"{name}-{connection.vendor}-{part}.json"


def is_done(name: str, part: int | str) -> bool:
    """Whether the slice was asked whole of just this code; a run that is asked to be FRESH does all anew."""
    if not isinstance(part, int) or os.environ.get("FRESH"):
        return False
    path = path_of(name, part)
    return path.exists() and bool(_code()) and json.loads(path.read_text())["code"] == _code()


def write(name: str, part: int | str, figures: Mapping[str, int]) -> None:
    """The slice is done."""
    if isinstance(part, int):
        _FOLDER.mkdir(parents=True, exist_ok=True)
        path_of(name, part).write_text(json.dumps({"code": _code(), **figures}))


def figures() -> str:
    """What all slices of this database amount to, in a sentence for each kind."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(_FOLDER.glob(f"*-{connection.vendor}-*.json")):
        kept = json.loads(path.read_text())
        if kept.pop("code") == _code():
            found.setdefault(path.name.split("-")[0], Counter()).update(kept)
    return "; ".join(
        f"{name}: " + ", ".join(f"{number:,} {what}" for what, number in of.items()) for name, of in found.items()
    )


@cache
def _code() -> str:
    """A digest of all that the answers depend on, as it is in the working tree."""
    told = ""
    for command in (["ls-files", "--stage"], ["diff", "HEAD"]):
        done = subprocess.run(["git", *command, "--", *_ASKED], cwd=ROOT, capture_output=True, text=True, check=False)
        told += done.stdout
    return hashlib.sha256(told.encode()).hexdigest()[:16] if told else ""
