"""My Systems, the start page."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from licensemgr.core.answers import page
from licensemgr.core.lists import keyed_page
from licensemgr.portal.my_systems import (
    MY_SYSTEM_COLUMNS,
    MY_SYSTEMS,
    choose_systems,
    my_systems_of,
    read_my_systems,
)
from organizations.invitations import remembered_invitation
from organizations.models import Role, User
from organizations.own_lists import own_list_tools

_ROWS_PER_PAGE = 50


@require_GET
@login_required
def my_systems(request: HttpRequest) -> HttpResponse:
    """The person's organizations; the entry *Licenses* opens the Product list."""
    token, invitation = remembered_invitation(request.session) or ("", None)
    systems = my_systems_of(cast(User, request.user))
    asked = read_my_systems(request.GET)
    chosen = keyed_page(choose_systems(systems, asked), lambda row: row.cursor, request.GET, _ROWS_PER_PAGE)
    context = {
        "list": chosen,
        "total": len(systems),
        "asked": asked,
        "roles": Role.choices,
        "tools": own_list_tools(
            request,
            MY_SYSTEMS,
            MY_SYSTEM_COLUMNS,
            page_url=reverse("my_systems"),
            asked=request.GET,
            sort=asked.sort,
        ),
        "invitation_token": token,
        "invitation": invitation,
    }
    return page(request, "portal/my_systems.html", context)
