"""The demonstration's clock and mail. In production none of this exists."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from licensemgr.core import clock
from licensemgr.core.calendar import LAST_DATE
from licensemgr.core.errors import Refused
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.daily import run_daily
from licensemgr.portal.forms import DateForm
from licensemgr.portal.queries import next_event_of
from organizations.models import Organization, User
from subscriptions.notices import months_after

View = Callable[[HttpRequest], HttpResponse]


def demonstration_only(view: View) -> View:
    """404 outside of demonstration mode."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not settings.DEMONSTRATION:
            raise Http404
        return view(request)

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
        organizations = Organization.objects.filter(memberships__user=cast(User, request.user))
        event = next_event_of(organizations)
        if event is None:
            raise clock.ClockCannotMove(
                _("Nothing will happen by itself in your organizations. The clock was not moved; choose a date.")
            )
        return event.on
    return form.chosen() if form.is_valid() else None


def _next(request: HttpRequest) -> str:
    url = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure())
    return url if safe and url.startswith("/") else "/"


@demonstration_only
@require_GET
@login_required
def demo_mail(request: HttpRequest) -> HttpResponse:
    """The mail that would have been sent, newest first."""
    pages = Paginator(OutboxMessage.objects.select_related("organization").order_by("-pk"), 50)
    return render(request, "portal/demo_mail.html", {"page_obj": pages.get_page(request.GET.get("page"))})
