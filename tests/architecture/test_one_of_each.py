"""One writer of the ledger, one writer of History, one clock, no inline style or script."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
APPS = ("licensemgr", "organizations", "history", "products", "wallet", "subscriptions", "hardware")
CODE = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in CODE:
        yield _name(path), ast.parse(path.read_text(encoding="utf-8"))


WRITING = {"create", "bulk_create", "get_or_create", "update_or_create", "update", "bulk_update", "delete", "save"}


def _writes(tree: ast.Module, model: str) -> list[int]:
    """The lines on which a model is made or written through its manager."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        text = ast.unparse(node.func)
        made = text == model or text.endswith(f".{model}")
        written = re.match(rf"(\w+\.)?{model}\.objects\b", text) is not None and text.rsplit(".", 1)[-1] in WRITING
        if made or written:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    ("model", "only"),
    [
        ("Transfer", {"wallet/ledger.py"}),
        ("Entry", {"wallet/ledger.py"}),
        ("LedgerAccount", {"wallet/ledger.py"}),
        ("Lot", {"wallet/ledger.py"}),
        ("Record", {"history/record.py"}),
        ("HistoryHead", {"history/record.py"}),
        ("OutboxMessage", {"licensemgr/core/mail.py"}),
        ("Redemption", {"wallet/services.py"}),
        ("RefusedTries", {"wallet/tries.py"}),
        ("Release", {"subscriptions/releasing.py"}),
        ("Allocation", {"subscriptions/services.py"}),
        ("DeviceCount", {"products/services.py"}),
    ],
)
def test_one_module_alone_writes(model: str, only: set[str]) -> None:
    found = {name for name, tree in _trees() if _writes(tree, model) and not name.endswith(("models.py", "admin.py"))}
    assert found == only


def test_nothing_but_the_ledger_moves_a_balance() -> None:
    for name, tree in _trees():
        if name == "wallet/ledger.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "balance":
                pytest.fail(f"{name}:{node.value.lineno} sets a balance")
            if isinstance(node, (ast.Assign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    assert not (isinstance(target, ast.Attribute) and target.attr == "balance"), f"{name}:{node.lineno}"


CLOCKS = re.compile(
    r"\b(datetime\.now|datetime\.utcnow|datetime\.today|date\.today|timezone\.now|timezone\.localdate|timezone\.localtime"
    r"|time\.time|localtime|gmtime|auto_now|auto_now_add)\b"
)


def test_only_the_clock_reads_the_time() -> None:
    readers = {name for name, tree in _trees() if CLOCKS.search(ast.unparse(tree)) and _code_reads(tree)}
    assert readers <= {"licensemgr/core/clock.py"}


def _code_reads(tree: ast.Module) -> bool:
    """Whether code (and not a docstring) names a reader of the time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and CLOCKS.search(ast.unparse(node)):
            return True
        if isinstance(node, ast.keyword) and node.arg in ("auto_now", "auto_now_add"):
            return True
    return False


def test_rules_know_neither_the_database_nor_the_clock() -> None:
    for name, tree in _trees():
        if not name.endswith("/rules.py"):
            continue
        imported = {
            (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert not [module for module in imported if module.startswith("django") or module.endswith("clock")], name


def test_the_project_has_its_files() -> None:
    assert len(CODE) > 30
    assert len(TEMPLATES) > 30


# The HTML of mails is no page of the portal: mail programs read style attributes only.
PAGES = [path for path in TEMPLATES if path.parent.name != "mail"]


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_templates_have_no_inline_style_or_script(path: Path) -> None:
    text = re.sub(
        r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert not re.search(r"<style\b", text, re.IGNORECASE)
    assert not re.search(r"\sstyle\s*=", text, re.IGNORECASE)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text, re.IGNORECASE)
    assert "javascript:" not in text.lower()
    for script in re.findall(r"<script\b[^>]*>", text, re.IGNORECASE):
        assert re.search(r"\bsrc\s*=|type=\"application/json\"", script), script


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_every_form_that_posts_carries_its_token(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.IGNORECASE | re.DOTALL):
        assert "csrf_token" in form, _name(path)
