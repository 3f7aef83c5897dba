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
    context = {
        "systems": my_systems_of(cast(User, request.user)),
        "invitation_token": token,
        "invitation": invitation,
    }
    return render(request, "portal/my_systems.html", context)
