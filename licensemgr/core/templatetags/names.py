"""The filter by which names that people chose stand in a sentence without disturbing its direction."""

import unicodedata

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_bidi

register = template.Library()
_RIGHT_TO_LEFT = {"R", "AL"}


@register.filter
def isolated(name: object) -> str | SafeString:
    """The name in an element of its own direction, where sentence or name is read from the right; for text, not for attributes.

    Elsewhere it stays as it is: a Latin name in a Latin sentence needs nothing.
    """
    text = str(name)
    if get_language_bidi() or any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text):
        return format_html("<bdi>{}</bdi>", text)
    return text
