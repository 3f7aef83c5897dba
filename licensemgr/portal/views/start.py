"""My Systems, the start page."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from licensemgr.portal.queries import my_systems_of
from organizations.invitations import remembered_invitation
from organizations.models import User


@require_GET
@login_required
def my_systems(request: HttpRequest) -> HttpResponse:
    """The person's organizations; the entry *Licenses* opens the Product list."""
    token, invitation = remembered_invitation(request.session) or ("", None)
    systems = my_systems_of(cast(User, request.user))
    search = request.GET.get("search", "").strip()[:100]
    words = search.casefold().split()
    context = {
        "systems": [each for each in systems if all(word in each.organization.name.casefold() for word in words)],
        "total": len(systems),
        "search": search,
        "invitation_token": token,
        "invitation": invitation,
    }
    return render(request, "portal/my_systems.html", context)
