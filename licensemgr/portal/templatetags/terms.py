"""The tag by which a page explains a term where it first stands."""

from typing import Any

from django import template
from django.template import Context

from licensemgr.portal.terms import TERMS

register = template.Library()


@register.inclusion_tag("components/help_term.html", takes_context=True)
def term(context: Context, code: str, text: str = "") -> dict[str, Any]:
    """The term with its help; ``text`` is how the page writes it. Examples are of the product of the page, where it has one."""
    found = TERMS[code]
    standing = context.get("standing")
    return {
        "term": text or str(found.name),
        "text": found.text_for([standing] if standing is not None else []),
        "id": f"term-{code}",
    }


@register.inclusion_tag("components/terms_line.html", takes_context=True)
def terms_line(context: Context, *codes: str) -> dict[str, Any]:
    """Terms that stand on the page, each with its help, and a link to all; for what no heading or column names."""
    return {"terms": [term(context, code) for code in codes], "organization": context["organization"]}
