"""Lists in templates: ``{% load lists %}``."""

from collections.abc import Iterable

from django import template

from licensemgr.core.enumerations import counted_up

register = template.Library()


@register.filter
def listed(things: Iterable[object]) -> str:
    """The things with what the reader's language puts between them."""
    return counted_up(things)
