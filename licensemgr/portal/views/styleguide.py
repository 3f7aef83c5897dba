"""/styleguide: every component in every state, and the tokens. In production none of this exists."""

from csp.constants import SELF
from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from licensemgr.portal.styleguide import examples, tokens
from licensemgr.portal.views.demo import demonstration_only


@demonstration_only
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Tokens, icons, and each component light and dark side by side, narrow, and from right to left."""
    context = {
        "colours": tokens.colours(),
        "contrasts": tokens.contrasts(),
        "types": tokens.measures("type"),
        "weights": tokens.measures("weight"),
        "spaces": tokens.measures("space"),
        "radii": tokens.measures("radius"),
        "icons": tokens.icons(),
        "components": examples.component_names(),
        "patterns": examples.pattern_names(),
    }
    return render(request, "styleguide/styleguide.html", context)


@demonstration_only
@require_GET
@xframe_options_sameorigin
@csp_replace({"frame-ancestors": [SELF]})  # type: ignore[arg-type]  # its types know views without further arguments only
def styleguide_example(request: HttpRequest, component: str) -> HttpResponse:
    """The examples of one component alone, as its frames show them; ``theme`` and ``dir`` choose colours and direction."""
    template = examples.template_of(component)
    if template is None:
        raise Http404
    theme, direction = request.GET.get("theme"), request.GET.get("dir")
    direction = direction if direction in ("ltr", "rtl") else "ltr"
    context = {
        **examples.context_of(component, mirrored=direction == "rtl"),
        "example": template,
        "component": component,
        "theme": theme if theme in ("light", "dark") else "light",
        "direction": direction,
    }
    return render(request, "styleguide/example.html", context)
