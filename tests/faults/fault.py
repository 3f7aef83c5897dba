"""What a seeded fault is, and how it stands in the code."""

import ast
import enum
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class Kind(enum.StrEnum):
    """What is broken."""

    LOCK = "lock"
    FILTER = "filter"
    DECORATOR = "decorator"
    CONSTRAINT = "constraint"
    COMPARISON = "comparison"
    TRIGGER = "trigger"
    IDEMPOTENCY = "idempotency key"
    CSRF = "CSRF check"
    DATE = "date's inclusiveness"
    SIGNATURE = "signature"
    LIMIT = "limit"
    TRANSACTION = "transaction"


class On(enum.StrEnum):
    """The database on which a fault shows: one of SQLite shows there already, one of PostgreSQL only there."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Fault:
    """``text``, which stands exactly once in ``path``, becomes ``replacement``; ``tests`` have to notice."""

    name: str
    kind: Kind
    path: str
    text: str
    replacement: str
    # Ids of tests, as pytest takes them; at least one of them has to fail.
    tests: tuple[str, ...]
    on: On = On.SQLITE

    @property
    def is_in_tables(self) -> bool:
        """Whether it breaks what the database itself keeps: it shows only in tables that are made with it."""
        return "/migrations/" in self.path or self.path == "licensemgr/core/triggers.py"

    def broken(self, source: str) -> str:
        """``source``, broken. Raises ValueError unless the text stands in it exactly once."""
        times = source.count(self.text)
        if times != 1:
            raise ValueError(f"{self.name}: the text stands {times} times in {self.path}: {self.text!r}")
        return source.replace(self.text, self.replacement)

    def place(self) -> str:
        """The file and the innermost function around the text; outside of functions the class; else the file alone."""
        source = (ROOT / self.path).read_text(encoding="utf-8")
        if not self.path.endswith(".py"):
            return self.path
        before = source[: source.index(self.text)]
        # The text may begin with an indent or a decorator: what counts is where its first word stands.
        first = before.count("\n") + self.text[: len(self.text) - len(self.text.lstrip())].count("\n") + 1
        found = _innermost(ast.parse(source), first)
        return f"{self.path}::{found}" if found else self.path


def _innermost(tree: ast.Module, line: int) -> str:
    """The name and line of the innermost function around a line, with its decorators; of the innermost class if there is none."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and min([node.lineno, *(each.lineno for each in node.decorator_list)]) <= line <= (node.end_lineno or 0)
    ]
    functions = [node for node in around if not isinstance(node, ast.ClassDef)]
    inner = max(functions or around, key=lambda node: node.lineno, default=None)
    return f"{inner.name}:{inner.lineno}" if inner else ""


def is_a_test(test: str) -> bool:
    """Whether the test's file has the function, and where one is named the class; of parameters pytest says whether they exist."""
    path, *names = re.sub(r"\[.*\]$", "", test).split("::")
    if not (ROOT / path).is_file() or not names:
        return False
    body: list[ast.stmt] = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for name in names:
        found = [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name]
        if not found:
            return False
        body = found[0].body
    return True
