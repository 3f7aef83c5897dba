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
    """The commit, and what differs from it but the report that `make proof` itself writes."""
    told = []
    for command in (["rev-parse", "HEAD"], ["diff", "HEAD", "--", ".", ":!docs/proof.md"]):
        told.append(subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False).stdout)
    return hashlib.sha256("".join(told).encode()).hexdigest()[:16] if told[0] else ""
