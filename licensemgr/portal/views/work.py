"""Downloads: the files that a person asked for and that take long, how far they are, and fetching them."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hardware.views.organization_systems import uploads_to_confirm
from licensemgr.core.errors import Refused
from licensemgr.portal.work_list import work_rows
from organizations.access import OrganizationRequest, Permission, may, organization_view
from organizations.work import count_work, fetch_result, is_known, kind_of, order_again, remove_work, work_of
from organizations.work_models import WorkOrder
from products.answers import done, page

# What was asked for before these is not shown; a week later nothing is left of it anyway.
_MOST_ROWS = 50


@require_safe
@never_cache
@organization_view(Permission.LOOK)
def work(request: OrganizationRequest) -> HttpResponse:
    """All that the person asked for here, the newest first; htmx asks again while something is under way."""
    rows = work_rows(request.membership, work_of(request.organization, request.user)[:_MOST_ROWS])
    context = {
        "rows": rows,
        "is_any_under_way": any(row.is_under_way for row in rows),
        "waiting_uploads": uploads_to_confirm(request),
    }
    return page(request, "portal/work.html", context)


@require_safe
@never_cache
@organization_view(Permission.LOOK)
def work_indicator(request: OrganizationRequest) -> HttpResponse:
    """The top bar's mark alone, for htmx while something is under way."""
    context = {"work_counts": count_work(request.organization, request.user)}
    return render(request, "_work_indicator.html", context)


@require_POST
@never_cache
@organization_view(Permission.LOOK)
def work_download(request: OrganizationRequest, work: int) -> HttpResponse:
    """The result, sent piece by piece after the door's transaction."""
    order = _order_or_404(request, work)
    try:
        content = fetch_result(order, request.today)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return done(request, "work", request.organization.slug)
    kind = kind_of(order.kind)
    response = StreamingHttpResponse(content, content_type=kind.content_type)
    response["Content-Length"] = str(order.size)
    response["Content-Disposition"] = f'attachment; filename="{kind.file_name(order)}"'
    # Django's answers that stream have no type in common with the others but their base.
    return cast(HttpResponse, response)


@require_POST
@organization_view(Permission.LOOK)
def work_again(request: OrganizationRequest, work: int) -> HttpResponse:
    """Have made anew what failed or is gone."""
    try:
        order_again(_order_or_404(request, work), request.today)
    except Refused as refused:
        messages.error(request, refused.sentence)
    return done(request, "work", request.organization.slug)


@require_POST
@organization_view(Permission.LOOK)
def work_remove(request: OrganizationRequest, work: int) -> HttpResponse:
    """Stop what is under way, or forget what is there."""
    order = get_object_or_404(work_of(request.organization, request.user), pk=work)
    remove_work(order)
    messages.success(request, _("Removed from Downloads."))
    return done(request, "work", request.organization.slug)


def _order_or_404(request: OrganizationRequest, pk: int) -> WorkOrder:
    """The person's own order here that he or she may still have done; another's is as if it did not exist (R30, R31)."""
    order = get_object_or_404(work_of(request.organization, request.user), pk=pk)
    if not is_known(order.kind) or not may(request.membership, kind_of(order.kind).permission):
        raise PermissionDenied
    order.organization, order.person = request.organization, request.user
    return order
