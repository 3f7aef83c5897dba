"""An organization's settings, and making a further organization."""

from datetime import datetime
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from licensemgr.core import clock
from licensemgr.core.answers import done
from licensemgr.core.countries import guess_country
from licensemgr.core.worded import gettext as _
from organizations import services
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.forms import NewOrganizationForm, SettingsForm
from organizations.models import Organization, User
from organizations.queries import has_confirmed_address


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.ADMINISTER)
def organization_settings(request: OrganizationRequest) -> HttpResponse:
    """Name, country, time zone and contact for notices (R32, R35)."""
    form = SettingsForm(request.organization, request.POST if request.method == "POST" else None)
    if form.is_valid():
        services.change_organization(
            organization=request.organization, actor=request.user, on=request.today, **form.cleaned_data
        )
        messages.success(request, _("The settings are saved."))
        return done(request, "organization_settings", request.organization.slug)
    context = {"form": form, "time_zone_from": _time_zone_from(request.organization, clock.now())}
    return render(request, "organizations/settings.html", context, status=422 if form.is_bound else 200)


def _time_zone_from(organization: Organization, now: datetime) -> datetime | None:
    """From when a changed time zone counts, by the clocks of the one that counts until then; None where it does."""
    since = organization.time_zone_since
    if since is None or now >= since:
        return None
    return since.astimezone(clock.zone(organization.former_time_zone))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create_organization(request: HttpRequest) -> HttpResponse:
    """A further organization, or a first one, of whoever has confirmed an address."""
    user = cast(User, request.user)
    if not has_confirmed_address(user):
        return render(request, "organizations/confirm_address.html", status=403)
    guessed = {"country": guess_country(request.headers.get("Accept-Language", "")), "time_zone": "UTC"}
    form = NewOrganizationForm(request.POST if request.method == "POST" else None, initial=guessed)
    if form.is_valid():
        organization = services.create_own_organization(user=user, **form.cleaned_data)
        messages.success(request, _("%(organization)s is created.") % {"organization": organization.name})
        return done(request, "product_list", organization.slug)
    return render(
        request, "organizations/create_organization.html", {"form": form}, status=422 if form.is_bound else 200
    )
