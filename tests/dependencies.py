"""Writes docs/dependencies.md: every package of the locks with its version, license, and what needs it. ``make dependencies``.

Reads the locks and what is installed from them; a test holds the page against both.
"""

import importlib.metadata
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
_PINNED = re.compile(r"^([a-z0-9.-]+)==([^ ;\\]+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)
_SAYS_NOTHING = {"", "UNKNOWN", "Dual License"}
# Where a package tells its license by a file only.
_READ_IN_ITS_FILE = {"axe-playwright-python": "MIT", "parse-cache-control": "BSD-3-Clause"}
_CLASSIFIER = "License :: OSI Approved :: "


class Package(NamedTuple):
    """A line of a lock."""

    name: str
    version: str
    # On which machines it is installed; empty: on all.
    marker: str


def locked(name: str) -> list[Package]:
    """The packages of requirements/``name``.txt."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return [Package(package, version, marker) for package, version, marker in _PINNED.findall(text)]


def license_of(package: str) -> str | None:
    """What the installed package says of its license, in one line; None where it is not installed on this machine."""
    try:
        metadata = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    expression = _said(metadata, "License-Expression")
    classifiers = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if line.startswith(_CLASSIFIER)
    ]
    text = " ".join(_said(metadata, "License").split())
    said = [expression, text if len(text) <= 60 else "", ", ".join(sorted(classifiers))]
    return next((line for line in said if line not in _SAYS_NOTHING), _READ_IN_ITS_FILE.get(package, ""))


def _said(metadata: importlib.metadata.PackageMetadata, name: str) -> str:
    return str((metadata.get_all(name) or [""])[0])


def page() -> str:
    """docs/dependencies.md, whole."""
    base = locked("base")
    names = {package.name for package in base}
    return "\n".join(
        [
            "# Dependencies",
            "",
            "Written by `make dependencies` from the locks; `pyproject.toml` says why each direct one is there. What is copied",
            "into the repository (styles, scripts, the map, the list of towns) stands in `NOTICE`. `make sbom` writes the first",
            "table as CycloneDX. Where a condition stands in place of a license, the package is for other machines than this one.",
            "",
            "## An installation",
            "",
            *_table(base),
            "",
            "## Working on it, beside these",
            "",
            *_table([package for package in locked("dev") if package.name not in names]),
            "",
            "## Lighthouse, from npm, for some tests",
            "",
            "| license | packages |",
            "| --- | --- |",
            *_of_npm(),
            "",
        ]
    )


def _table(packages: list[Package]) -> list[str]:
    rows = [f"| {it.name} | {it.version} | {license_of(it.name) or '(' + it.marker.strip() + ')'} |" for it in packages]
    return ["| package | version | license |", "| --- | --- | --- |", *rows]


def _of_npm() -> list[str]:
    lock = json.loads((ROOT / "tests" / "lighthouse" / "package-lock.json").read_text(encoding="utf-8"))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, package in lock["packages"].items():
        if path:
            name = path.rpartition("node_modules/")[2]
            found[str(package.get("license") or _READ_IN_ITS_FILE.get(name, ""))].add(name)
    return [f"| {said} | {', '.join(sorted(names))} |" for said, names in sorted(found.items())]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
