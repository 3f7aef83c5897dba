"""Looks for texts for people that stand in the code or in a template outside of gettext."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, Token, TokenType

# Attributes that people read or hear; a value only where it is a button's.
_ATTRIBUTES = re.compile(
    r"^(title|alt|placeholder|label|aria-(label|description|roledescription|valuetext)|data-(label|text.*))$"
)
# Parameters of included components that people read.
_PARAMETERS = {
    "label",
    "text",
    "title",
    "term",
    "hint",
    "heading",
    "caption",
    "description",
    "message",
    "action_label",
    "note",
}
_PARAMETER = re.compile(r"""(?P<name>\w+)=(?P<quote>["'])(?P<text>.*?)(?P=quote)""")
_FILTER_WITH_TEXT = re.compile(
    r"""\|(?:yesno|default|default_if_none|pluralize):(?P<quote>["'])(?P<text>.*?)(?P=quote)"""
)
_LETTERS = re.compile(r"[^\W\d_]{2}")
# What a browser shows to nobody, and what is written for programs.
_SILENT_ELEMENTS = {"script", "style", "code", "pre", "kbd"}


@dataclass
class Reader(HTMLParser):
    """Collects what people read of a page whose template tags are blanks."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in _SILENT_ELEMENTS
        kind = dict(attrs).get("type")
        for name, value in attrs:
            is_button = name == "value" and (tag == "input" and kind in {"submit", "button", "reset"})
            is_description = tag == "meta" and name == "content" and dict(attrs).get("name") == "description"
            if value and _LETTERS.search(value) and (_ATTRIBUTES.match(name) or is_button or is_description):
                self.found.append(f'{name}="{value.strip()}"')

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.silent -= tag in _SILENT_ELEMENTS

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in _SILENT_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self.silent and _LETTERS.search(data):
            self.found.append(" ".join(data.split()))


def texts_in_template(source: str) -> list[str]:
    """What a template says to people in English whatever their language is."""
    reader, found = Reader(), list[str]()
    shown: list[str] = []
    within = ""
    for token in Lexer(source).tokenize():
        name = token.contents.split(maxsplit=1)[0] if token.token_type == TokenType.BLOCK else ""
        if within:
            within = "" if name == f"end{within}" else within
        elif name in {"blocktrans", "blocktranslate", "comment", "verbatim"}:
            within = name
            shown.append(" ")
        elif token.token_type == TokenType.TEXT:
            shown.append(token.contents)
        else:
            shown.append(" ")
            found += _texts_in_tag(token, name)
    reader.feed("".join(shown))
    reader.close()
    return found + reader.found


def _texts_in_tag(token: Token, name: str) -> Iterator[str]:
    if token.token_type == TokenType.COMMENT:
        return
    for match in _FILTER_WITH_TEXT.finditer(token.contents):
        if _LETTERS.search(match["text"]):
            yield match[0]
    if name in {"include", "with"}:
        for match in _PARAMETER.finditer(token.contents):
            if match["name"] in _PARAMETERS and _LETTERS.search(match["text"]):
                yield match[0]


# Keywords whose value people read, whatever is called; and calls of which the first or second positional value is read.
_KEYWORDS = {
    *("label", "help_text", "verbose_name", "verbose_name_plural", "empty_label", "description", "short_description"),
    *("title", "message", "sentence", "caption", "heading", "hint", "to_do", "subject", "error_messages"),
}
_NAMES_OF_CLASSES = {"verbose_name", "verbose_name_plural", "site_header", "site_title", "index_title"}
_MESSAGES = {"success", "info", "warning", "error", "debug"}
# Their first value is a model.
_RELATIONS = {"ManyToManyField", "OneToOneField"}
_FIRST_IS_READ = {"ValidationError", "Refused", "Http404"}


def texts_in_code(source: str) -> list[tuple[int, str]]:
    """The line and the text of what Python code hands to people without gettext."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        for value in _read_by_people(node):
            found += [(value.lineno, text) for text in _literals(value)]
    return found


def _read_by_people(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from _read_of_call(node)
    elif isinstance(node, ast.ClassDef):
        is_choices = any(getattr(base, "attr", getattr(base, "id", "")).endswith("Choices") for base in node.bases)
        for line in node.body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                if line.targets[0].id in _NAMES_OF_CLASSES:
                    yield line.value
                elif line.targets[0].id == "fieldsets" and isinstance(line.value, ast.List | ast.Tuple):
                    yield from (each.elts[0] for each in line.value.elts if isinstance(each, ast.Tuple))
                elif is_choices and isinstance(line.value, ast.Tuple):
                    yield line.value.elts[-1]


def _read_of_call(node: ast.Call) -> Iterator[ast.expr]:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    owner = getattr(called.value, "id", "") if isinstance(called, ast.Attribute) else ""
    yield from (each.value for each in node.keywords if each.arg in _KEYWORDS)
    if (owner == "messages" and name in _MESSAGES) or name == "message_user":
        yield from node.args[1:2]
    elif name in _FIRST_IS_READ or (owner in {"models", "forms"} and name.endswith("Field") and name not in _RELATIONS):
        yield from node.args[:1]
    elif name == "add_error":
        yield from node.args[1:2]
    elif name == "__init__" and isinstance(called, ast.Attribute) and isinstance(called.value, ast.Call):
        # An error's own sentence: super().__init__("…").
        yield from node.args[:1]


def _literals(value: ast.expr) -> Iterator[str]:
    """The texts of an expression outside of calls: a call is gettext, or is looked at by itself."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str) and _LETTERS.search(value.value):
            yield value.value
    elif isinstance(value, ast.JoinedStr):
        text = "".join(str(each.value) for each in value.values if isinstance(each, ast.Constant))
        if _LETTERS.search(text):
            yield text
    elif isinstance(value, ast.IfExp):
        yield from _literals(value.body)
        yield from _literals(value.orelse)
    elif isinstance(value, ast.BinOp):
        yield from _literals(value.left)
        yield from _literals(value.right)
    elif isinstance(value, ast.Dict):
        for each in value.values:
            yield from _literals(each)


def frozen_texts(source: str) -> list[int]:
    """The lines on which gettext is called while a module is imported: its text stays English for ever."""
    names = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
    tree = ast.parse(source)
    lazy = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.endswith("_lazy")
    }
    found: list[int] = []

    def look(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
                look(each)
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names - lazy:
            found.append(node.lineno)
        for child in ast.iter_child_nodes(node):
            look(child)

    look(tree)
    return found


def files(base: Path, folders: tuple[str, ...], *suffixes: str) -> Iterator[tuple[str, str]]:
    """Path below ``base`` and text of each file."""
    for folder in folders:
        for path in sorted((base / folder).rglob("*")):
            if path.suffix in suffixes and "migrations" not in path.parts:
                yield str(path.relative_to(base)), path.read_text(encoding="utf-8")
