"""Sentences that can be kept and be read in another language than that of whoever caused them.

`gettext` and its kin of this module are Django's, but what they return remembers of which text and which values it was made; so
does what a `reworded` function returns. A `SentenceField` keeps that, and words it anew whenever a row is read, in the language
of whoever reads. Any other text is kept, and read, as it is. Names that are put into such a text disturb no direction of it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, cast

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, Func
from django.utils import translation as django

from licensemgr.core.directions import isolate

if TYPE_CHECKING:
    _TextField: TypeAlias = models.TextField[str, str]
else:
    # Not generic at run time.
    _TextField = models.TextField

_P = ParamSpec("_P")
# By names that nobody searches for texts: what is given to them here are no texts of this module.
_DJANGOS_GETTEXT, _DJANGOS_NGETTEXT = django.gettext, django.ngettext
_DJANGOS_PGETTEXT, _DJANGOS_NPGETTEXT = django.pgettext, django.npgettext
# What JSON holds of a sentence: a text as it is, a number, a list, or an object with the parts that `_say` knows.
Parts: TypeAlias = Any


class Worded(str):
    """A text in the language that was active when it was made, and of what it was made."""

    __slots__ = ("parts",)
    parts: Parts

    def __new__(cls, text: str, parts: Parts) -> "Worded":
        """The text, made of these parts."""
        made = super().__new__(cls, text)
        made.parts = parts
        return made

    def __str__(self) -> str:
        return self

    def __mod__(self, values: Any) -> str:
        filled = super().__mod__(_isolated(values))
        return Worded(filled, {**self.parts, "with": {name: _parts_of(value) for name, value in values.items()}})


def _isolated(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values for a sentence: names, which are no texts of the portal's own, without effect on its direction."""
    return {name: isolated_name(value) for name, value in values.items()}


def isolated_name(value: Any) -> Any:
    """A plain text so that it disturbs no sentence; anything else, and what the portal itself words, as it is."""
    if isinstance(value, Worded | int | float) or hasattr(value, "__html__"):
        return value
    return isolate(str(value))


def gettext(message: str) -> str:
    """The text in the active language."""
    return Worded(_DJANGOS_GETTEXT(message), {"text": message})


def pgettext(context: str, message: str) -> str:
    """The text in the active language, told from another of the same letters by its context."""
    return Worded(_DJANGOS_PGETTEXT(context, message), {"text": message, "context": context})


def ngettext(singular: str, plural: str, number: int) -> str:
    """The text for so many, in the active language."""
    parts = {"text": singular, "plural": plural, "number": number}
    return Worded(_DJANGOS_NGETTEXT(singular, plural, number), parts)


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """The text for so many, told from another of the same letters by its context."""
    parts = {"text": singular, "plural": plural, "number": number, "context": context}
    return Worded(_DJANGOS_NPGETTEXT(context, singular, plural, number), parts)


_REWORDED: dict[str, Callable[..., str]] = {}


def reworded(function: Callable[_P, str]) -> Callable[_P, str]:
    """Mark a function whose text depends on the language, and on nothing else but its arguments; its name is kept with them."""
    name = function.__name__
    _REWORDED[name] = function

    @wraps(function)
    def worded(*args: _P.args, **kwargs: _P.kwargs) -> str:
        given = [list(cast(Iterable[object], each)) if _is_many(each) else each for each in args]
        named = cast(Mapping[str, Any], kwargs)
        parts = {"by": name, "of": _parts_of(given), "named": {key: _parts_of(value) for key, value in named.items()}}
        return Worded(function(*given, **kwargs), parts)  # type: ignore[arg-type]  # as it was called, but read once

    return worded


def _is_many(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def _parts_of(value: object) -> Parts:
    if isinstance(value, Worded):
        return value.parts
    if isinstance(value, int | float):
        return value
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if _is_many(value):
        return [_parts_of(each) for each in cast(Iterable[object], value)]
    return str(value)


def _say(parts: Parts) -> Any:
    """What the parts are in the active language."""
    if isinstance(parts, list):
        return [_say(each) for each in parts]
    if not isinstance(parts, dict):
        return parts
    if "date" in parts:
        return date.fromisoformat(parts["date"])
    if "by" in parts:
        named = {name: _say(value) for name, value in parts["named"].items()}
        return reworded(_REWORDED[parts["by"]])(*_say(parts["of"]), **named)
    if "plural" in parts and "context" in parts:
        text = _DJANGOS_NPGETTEXT(parts["context"], parts["text"], parts["plural"], parts["number"])
    elif "plural" in parts:
        text = _DJANGOS_NGETTEXT(parts["text"], parts["plural"], parts["number"])
    elif "context" in parts:
        text = _DJANGOS_PGETTEXT(parts["context"], parts["text"])
    else:
        text = _DJANGOS_GETTEXT(parts["text"])
    if "with" not in parts:
        return Worded(text, parts)
    return Worded(text % _isolated({name: _say(value) for name, value in parts["with"].items()}), parts)


class SentenceField(_TextField):
    """A sentence, kept by its parts; read in the language that is active when the row is. Empty where there is none."""

    def from_db_value(self, value: str | None, _expression: object, _connection: object) -> str | None:
        """The sentence in the reader's language."""
        if not value:
            return value
        parts = json.loads(value)
        return Worded(str(_say(parts)), parts)

    def get_prep_value(self, value: Any) -> Any:
        """What is kept: JSON, of any other text as well."""
        prepared = super().get_prep_value(value)
        return json.dumps(_parts_of(value), ensure_ascii=False) if prepared else prepared


def texts_so_far(app: str, model: str, field: str) -> migrations.RunPython:
    """For the migration that makes a text a `SentenceField`: what was written before stays as it was worded."""

    def keep(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        # A text as JSON; each database writes its own rows, of which there may be millions.
        quoted = (
            "to_json(%(expressions)s)::text"
            if editor.connection.vendor == "postgresql"
            else "json_quote(%(expressions)s)"
        )
        rows = apps.get_model(app, model)._default_manager.using(editor.connection.alias).exclude(**{field: ""})
        rows.update(**{field: Func(F(field), template=quoted, output_field=models.TextField())})

    return migrations.RunPython(keep, migrations.RunPython.noop)
