"""Go to: the palette's answers, and the page that it is without JavaScript; and the list of shortcuts."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from licensemgr.core.answers import page
from licensemgr.portal.going import MOST_OF_A_GROUP, SEARCH_LENGTH, find_places
from organizations.models import User


@require_safe
@login_required
def go(request: HttpRequest) -> HttpResponse:
    """Where the person can go by the words ``q``, from the organization ``at``; htmx gets what the palette shows of it."""
    text = request.GET.get("q", "").strip()[:SEARCH_LENGTH]
    here = request.GET.get("at", "")
    groups = find_places(cast(User, request.user), text, here)
    context = {
        "q": text,
        "at": here,
        "groups": groups,
        "total": sum(len(group.places) for group in groups),
        "most": MOST_OF_A_GROUP,
        "search_length": SEARCH_LENGTH,
    }
    return page(request, "portal/go.html", context)


@require_safe
def shortcuts(request: HttpRequest) -> HttpResponse:
    """Every shortcut, and the switch that turns them off (the frame gives the list itself)."""
    return render(request, "portal/shortcuts.html")
