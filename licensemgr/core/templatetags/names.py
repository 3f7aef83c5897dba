"""The filter by which names that people chose stand in a sentence of a template without disturbing its direction."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from licensemgr.core.directions import is_disturbed

register = template.Library()


@register.filter
def isolated(name: object) -> str | SafeString:
    """The name in an element of its own direction, where sentence or name is read from the right; for text, not for attributes.

    Elsewhere it stays as it is: a Latin name in a Latin sentence needs nothing. Sentences made by Python do the same by `Worded`.
    """
    text = str(name)
    return format_html("<bdi>{}</bdi>", text) if is_disturbed(text) else text
