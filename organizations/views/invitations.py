"""Inviting people, and accepting an invitation."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from licensemgr.core import clock
from licensemgr.core.answers import done
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations import invitations
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.forms import AgainForm, InviteForm
from organizations.models import Invitation
from organizations.views.members import members_page, members_refusal


@require_POST
@organization_view(Permission.ADMINISTER)
def invite_member(request: OrganizationRequest) -> HttpResponse:
    """Invite an address; the answer is the same whether it has an account or not."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return members_page(request, invite=form.with_new_token(), status=422)
    try:
        invitation = invitations.invite_member(
            organization=request.organization, actor=request.user, on=request.today, **form.cleaned_data
        )
    except Refused as refusal:
        if refusal.field not in form.fields:
            return members_refusal(request, refusal)
        form.add_error(refusal.field, refusal.sentence)
        return members_page(request, invite=form, status=refusal.status)
    return _sent(request, invitation)


@require_POST
@organization_view(Permission.ADMINISTER)
def invite_again(request: OrganizationRequest, invitation: int) -> HttpResponse:
    """A new link for the same address; the one before works no more."""
    found = _invitation_or_404(request, invitation)
    form = AgainForm(request.POST)
    if not form.is_valid():
        return members_page(request, errors=form.errors["form_token"], status=422)
    try:
        sent = invitations.invite_again(
            invitation=found, actor=request.user, on=request.today, form_token=form.cleaned_data["form_token"]
        )
    except Refused as refusal:
        return members_refusal(request, refusal)
    return _sent(request, sent)


@require_POST
@organization_view(Permission.ADMINISTER)
def revoke_invitation(request: OrganizationRequest, invitation: int) -> HttpResponse:
    """The link works no more; revoking twice changes nothing."""
    found = _invitation_or_404(request, invitation)
    if found.revoked_at is None:
        try:
            invitations.revoke_invitation(invitation=found, actor=request.user, on=request.today)
        except Refused as refusal:
            return members_refusal(request, refusal)
    messages.success(request, _("The invitation of %(email)s is revoked.") % {"email": found.email})
    return done(request, "members", request.organization.slug)


def _invitation_or_404(request: OrganizationRequest, invitation: int) -> Invitation:
    found = get_object_or_404(Invitation, organization=request.organization, pk=invitation)
    found.organization = request.organization
    return found


def _sent(request: OrganizationRequest, invitation: Invitation) -> HttpResponse:
    messages.success(request, _("An invitation was sent to %(email)s.") % {"email": invitation.email})
    return done(request, "members", request.organization.slug)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What a link opens: one answer for all that do not work (any more), else the way in for whoever it is for."""
    invitation = invitations.find_open(token)
    if not request.user.is_authenticated:
        if invitation is None:
            return _no_invitation(request)
        invitations.remember_invitation(request.session, token)
        return _invitation_page(request, invitation)
    user = request.user
    if invitation is None:
        joined = invitations.find_joined(token, user)
        return redirect("product_list", joined.slug) if joined is not None else _no_invitation(request)
    try:
        if request.method != "POST":
            invitations.check_addressee(invitation, user)
            return _invitation_page(request, invitation)
        organization = invitation.organization
        invitations.accept_invitation(invitation=invitation, user=user, on=clock.today(organization))
    except Refused as refusal:
        return _invitation_page(request, invitation, refusal)
    invitations.forget_invitation(request.session)
    messages.success(request, _("You are a member of %(organization)s now.") % {"organization": organization.name})
    return done(request, "product_list", organization.slug)


def _no_invitation(request: HttpRequest) -> HttpResponse:
    return render(request, "organizations/no_invitation.html", status=404)


def _invitation_page(request: HttpRequest, invitation: Invitation, refusal: Refused | None = None) -> HttpResponse:
    context = {"invitation": invitation, "refusal": refusal}
    return render(request, "organizations/accept_invitation.html", context, status=refusal.status if refusal else 200)
