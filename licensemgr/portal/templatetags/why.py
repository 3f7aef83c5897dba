"""The tag by which a page shows a number that tells where it comes from."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import localize
from django.utils.safestring import SafeString

from products.models import Product

register = template.Library()


@register.simple_tag(takes_context=True)
def why_number(
    context: Context, value: int, what: str, *, text: str = "", product: Product | str = "", **query: Any
) -> SafeString:
    """The number as a quiet link to its explanation; ``query`` are the parameters of `licensemgr.portal.why`.

    ``text`` is what stands there instead of the bare number; organization and product are those of the page, unless a product
    or its code is given. ``as name`` keeps it for a sentence.
    """
    url = why_url(context, what, product=product, **query)
    shown = {"value": value, "text": text or localize(value), "url": url}
    return render_to_string("components/why_number.html", shown)


@register.simple_tag(takes_context=True)
def why_url(context: Context, what: str, *, product: Product | str = "", **query: Any) -> str:
    """The address of the explanation of a number, for components that write the number themselves."""
    chosen = product or context["product"]
    code = chosen.code if isinstance(chosen, Product) else chosen
    asked = {name: given for name, given in query.items() if given not in (None, "")}
    address = reverse("why", args=[context["organization"].slug, code, what])
    return f"{address}?{urlencode(asked)}" if asked else address
