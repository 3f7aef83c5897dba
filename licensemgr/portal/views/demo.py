"""The demonstration's clock and mail. In production none of this exists."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from typing import Any, cast

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from licensemgr.core import clock
from licensemgr.core.answers import page_at
from licensemgr.core.calendar import LAST_DATE
from licensemgr.core.errors import Refused
from licensemgr.core.models import OutboxMessage
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from licensemgr.portal.daily import run_daily
from licensemgr.portal.forms import DateForm
from licensemgr.portal.queries import next_event_of
from organizations.access import in_all_organizations
from organizations.models import Organization, User
from subscriptions.notices import months_after

View = Callable[..., HttpResponseBase]
MAILS_PER_PAGE = 25
# A mail's HTML has its styles within; beyond that it can do nothing, and is of another origin than the portal.
MAIL_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
    "sandbox": True,
}


def demonstration_only(view: View) -> View:
    """404 outside of demonstration mode."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.DEMONSTRATION:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@demonstration_only
@require_POST
@login_required
def demo_clock(request: HttpRequest) -> HttpResponse:
    """Move the demonstration's date forward, and do what the daily job would have done on the way (R3)."""
    form = DateForm({"date": request.POST.get("date", "")})
    refusal = ""
    try:
        target = _target(request, form)
        if target is not None:
            with acting(Part.UPKEEP):
                clock.set_demonstration_date(target)
            run_daily()
    except Refused as error:
        target, refusal = None, str(error.sentence)
    if target is None:
        context = {"form": form, "next": _next(request), "errors": [refusal] if refusal else []}
        return render(request, "portal/demo_clock.html", context, status=422)
    messages.info(request, _("It is %(date)s now.") % {"date": formats.date_format(target, "DATE_FORMAT")})
    response = redirect(_next(request))
    response.status_code = 303
    return response


def _target(request: HttpRequest, form: DateForm) -> date | None:
    """The date that was asked for; None where the form holds no date."""
    today = clock.now().date()
    move = request.POST.get("move", "")
    if move == "day":
        return min(today, LAST_DATE - timedelta(days=1)) + timedelta(days=1)
    if move == "month":
        return min(months_after(today, 1), LAST_DATE) if today < LAST_DATE else today
    if move == "next":
        user = cast(User, request.user)
        with in_all_organizations(user):
            event = next_event_of(Organization.objects.filter(memberships__user=user, closed_on=None))
        if event is None:
            raise clock.ClockCannotMove(
                _("Nothing will happen by itself in your organizations. The clock was not moved; choose a date.")
            )
        return event.on
    return form.chosen() if form.is_valid() else None


def _next(request: HttpRequest) -> str:
    url = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure())
    return page_at(url) if safe and url.startswith("/") else "/"


@demonstration_only
@require_GET
def demo_mail(request: HttpRequest) -> HttpResponse:
    """The mail that would have been sent, newest first; for who has no account yet, too, and waits for a code.

    With ``all`` in the query, what was over before it could be sent is there as well.
    """
    mails = OutboxMessage.objects.select_related("organization").order_by("-business_date", "-pk")
    shows_all = "all" in request.GET
    if not shows_all:
        mails = mails.filter(withdrawn_at=None)
    pages = Paginator(mails, MAILS_PER_PAGE)
    with acting(Part.UPKEEP):
        context = {"page_obj": pages.get_page(request.GET.get("page")), "shows_all": shows_all}
        return render(request, "portal/demo_mail.html", context)


@demonstration_only
@require_GET
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # its types know views without further arguments only
def demo_mail_html(request: HttpRequest, message: int) -> HttpResponse:
    """The HTML of a mail, as its reader's program shows it."""
    with acting(Part.UPKEEP):
        return HttpResponse(get_object_or_404(OutboxMessage.objects.exclude(body_html=""), pk=message).body_html)
