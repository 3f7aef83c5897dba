"""``python -m tests.mutants``: mutmut over every rules.py and the allocation, in a throw-away copy of the tree.

What is broken and which tests run says ``[tool.mutmut]`` of pyproject.toml. Exits 1 where a mutant survives that
`explained.py` does not explain, and where it explains one that is not there any more.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.fault import ROOT
from tests.faults.trying import LEFT_OUT
from tests.mutants.explained import EXPLAINED

_STATE = re.compile(r"^\s+(\S+__mutmut_\d+): (.+)$", re.MULTILINE)
_CAUGHT = {"killed", "timeout", "segfault"}
_PYTEST = ("pytest", "-q", "-p", "no:randomly", "--reuse-db", "tests/rules/test_plain_values.py")


def main() -> int:
    """Break everything once and say what nobody noticed. Returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="license-manager-mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
        # Each run of pytest finds the tables made.
        environment = _environment(Path(folder))
        _run(tree, environment, *_PYTEST)
        _run(tree, environment, "mutmut", "run", "--max-children", os.environ.get("JOBS", "2"))
        states = dict(_STATE.findall(_run(tree, environment, "mutmut", "results", "--all", "true")))
        others = [name for name, state in states.items() if state not in _CAUGHT]
        lines = {name: _lines(_run(tree, environment, "mutmut", "show", name)) for name in others}
    survivors = {name: line for name, line in lines.items() if states[name] != "survived" or line not in EXPLAINED}
    gone = set(EXPLAINED) - set(lines.values())
    for name, line in survivors.items():
        print(f"{name}: {states[name]}\n  {line[0]}\n- {line[1]}\n+ {line[2]}")
    for line in gone:
        print(f"Explained, and not there any more: {line}")
    counts = Counter(states.values())
    told = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    is_whole = bool(states) and not survivors and not gone
    print(f"{len(states)} mutants: {told}, {len(EXPLAINED)} of them explained: {'passed' if is_whole else '1 failed'}")
    return 0 if is_whole else 1


def _environment(folder: Path) -> dict[str, str]:
    ours = ("VAR_DIR", "DATABASE_URL", "REDIS_URL", "PROOF", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"MODE": "test", "TEST_DATABASE": str(folder / "ready.sqlite3")}


def _run(tree: Path, environment: dict[str, str], *command: str) -> str:
    """What a module prints. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-4000:])
        done.check_returncode()
    return done.stdout


def _lines(shown: str) -> tuple[str, str, str]:
    """The file of a mutant, its line as it is, and as it would be."""
    path = re.search(r"^--- (\S+)", shown, re.MULTILINE)
    before = re.search(r"^-(?!--)(.*)", shown, re.MULTILINE)
    after = re.search(r"^\+(?!\+\+)(.*)", shown, re.MULTILINE)
    return (path[1] if path else "", before[1].strip() if before else "", after[1].strip() if after else "")


if __name__ == "__main__":
    raise SystemExit(main())
