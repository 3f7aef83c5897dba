"""What a long program has done so far at the commit that is checked out, so that a run which was interrupted goes on.

That the figures of another part are committed meanwhile changes nothing of what is run: such a commit counts as the one before.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.proof import REPORT, ROOT


def commit(root: Path = ROOT) -> str:
    """The last one that changed more than the figures."""
    asked = ["git", "log", "-1", "--format=%h", "--", ".", f":(exclude){REPORT.relative_to(ROOT)}"]
    found = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _state(program: str) -> Path:
    return ROOT / "var" / f"{program}.json"


def done(program: str) -> Counter[str]:
    """How many of each kind went well that no complete run has counted yet."""
    path = _state(program)
    state = json.loads(path.read_text()) if path.exists() else {}
    return Counter(state["done"]) if state.get("commit") == commit() else Counter()


def note(program: str, more: Mapping[str, int]) -> None:
    """Remember that so many more of each went well."""
    figures = done(program)
    figures.update(more)
    path = _state(program)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"commit": commit(), "done": figures}))


def forget(program: str) -> None:
    """A run is complete: the next one begins anew."""
    _state(program).unlink(missing_ok=True)
