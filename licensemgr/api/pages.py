"""The API's document as a page for people, made from the very document that programs read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from licensemgr.api.kinds import KINDS
from licensemgr.api.site import document
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import pgettext

_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True)
class Field:
    """A parameter, or a member of a body or an answer."""

    name: str
    # What it can be, in words.
    shape: str
    is_required: bool
    text: str
    # The names of the schemas that it holds, which the page describes further down.
    schemas: Sequence[str] = ()
    # Where a parameter stands: query, path, header.
    place: str = ""


@dataclass(frozen=True)
class Content:
    """A body or an answer of one type."""

    content_type: str
    schemas: Sequence[str]
    fields: Sequence[Field]


@dataclass(frozen=True)
class Answer:
    """What an operation answers with a status."""

    status: str
    text: str
    contents: Sequence[Content]


@dataclass(frozen=True)
class OperationShown:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: Sequence[str]
    # The scope that the token needs; empty where a system proves itself.
    scope: str
    parameters: Sequence[Field]
    body: Sequence[Content]
    answers: Sequence[Answer]


@dataclass(frozen=True)
class SchemaShown:
    """What is sent or answered in more than one place."""

    name: str
    text: str
    fields: Sequence[Field]


@dataclass(frozen=True)
class Kind:
    """A kind of problem."""

    name: str
    status: int
    meaning: Promise


@require_safe
def document_page(request: HttpRequest) -> HttpResponse:
    """What the API takes and answers, for people; without a script, and with nothing from elsewhere."""
    made = document()
    groups: dict[str, list[OperationShown]] = {}
    for path, methods in made["paths"].items():
        for method, described in methods.items():
            groups.setdefault(described["tags"][0], []).append(_operation(path, method, described))
    context = {
        "title": made["info"]["title"],
        "version": made["info"]["version"],
        "description": made["info"]["description"],
        "groups": groups.items(),
        "schemas": [
            SchemaShown(name, schema.get("description", ""), _fields(schema))
            for name, schema in sorted(made["components"]["schemas"].items())
        ],
        "kinds": [Kind(name, status, meaning) for name, (status, meaning) in KINDS.items()],
    }
    return render(request, "api/document.html", context)


def _operation(path: str, method: str, described: Mapping[str, Any]) -> OperationShown:
    [scope] = [scope for need in described.get("security", ()) for scopes in need.values() for scope in scopes] or [""]
    return OperationShown(
        id=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described["summary"],
        paragraphs=[" ".join(part.split()) for part in described.get("description", "").split("\n\n") if part],
        scope=scope,
        parameters=[
            _field(each["name"], each["schema"], each.get("required", False), each["in"])
            for each in described["parameters"]
        ],
        body=_contents(described.get("requestBody", {})),
        answers=[
            Answer(status, answer["description"], _contents(answer))
            for status, answer in sorted(described["responses"].items())
        ],
    )


def _contents(holder: Mapping[str, Any]) -> list[Content]:
    return [
        Content(content_type, list(_referred(content["schema"])), _fields(content["schema"]))
        for content_type, content in holder.get("content", {}).items()
    ]


def _fields(schema: Mapping[str, Any]) -> list[Field]:
    required = schema.get("required", ())
    return [_field(name, inner, name in required) for name, inner in schema.get("properties", {}).items()]


def _field(name: str, schema: Mapping[str, Any], is_required: bool, place: str = "") -> Field:
    return Field(name, _shape(schema), is_required, schema.get("description", ""), list(_referred(schema)), place)


def _referred(schema: Mapping[str, Any]) -> Iterator[str]:
    """The names of the schemas that one holds itself."""
    if "$ref" in schema:
        yield schema["$ref"].removeprefix(_SCHEMAS)
    inside = [schema["items"]] if "items" in schema else schema.get("anyOf", ())
    for inner in inside:
        yield from _referred(inner)


def _shape(schema: Mapping[str, Any]) -> str:
    """What a value can be, in words."""
    if "$ref" in schema:
        return str(schema["$ref"].removeprefix(_SCHEMAS))
    if "anyOf" in schema:
        return _(" or ").join(_shape(inner) for inner in schema["anyOf"])
    if "enum" in schema:
        return _(" or ").join(f"“{value}”" for value in schema["enum"])
    if schema.get("type") == "array":
        shape = _("list of %(what)s") % {"what": _shape(schema["items"])}
        return _within(shape, schema.get("minItems"), schema.get("maxItems"), pgettext("of a JSON list", "entries"))
    if schema.get("type") == "object":
        inner = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
        return _("object of %(what)s") % {"what": _shape(inner)} if isinstance(inner, dict) else _("object")
    if schema.get("type") == "integer":
        return _within(_("whole number"), schema.get("minimum"), schema.get("maximum"), "")
    if schema.get("type") == "string":
        shape = {"date": _("day (YYYY-MM-DD)"), "uuid": _("UUID")}.get(schema.get("format", ""), _("text"))
        shape = _within(shape, schema.get("minLength"), schema.get("maxLength"), _("characters"))
        return f"{shape}, {schema['pattern']}" if "pattern" in schema else shape
    return str(schema.get("type", _("anything")))


def _within(shape: str, least: int | None, most: int | None, unit: str) -> str:
    if most is None:
        return shape
    limits = f"{least}–{most}" if least is not None else _("at most %(most)s") % {"most": grouped(most)}
    return f"{shape}, {limits} {unit}".rstrip()
