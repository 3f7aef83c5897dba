"""The members: who they are, what each may do, and how they come and go (R31)."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from licensemgr.core import clock
from licensemgr.core.answers import done
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations import services
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.errors import MemberGone, NotAdministrator
from organizations.forms import AgainForm, InviteForm, NoticesForm, RoleForm
from organizations.lists import list_tools
from organizations.member_list import MEMBER_COLUMNS, MEMBERS, find_members, read_members
from organizations.models import Membership, Role, User
from organizations.queries import members_of, permission_rows, unanswered_invitations, was_member

_MEMBERS_PER_PAGE = 50


@require_safe
@organization_view(Permission.LOOK)
def members(request: OrganizationRequest) -> HttpResponse:
    """The members, the invitations that are open, one's own membership, and who may do what."""
    return members_page(request)


def members_page(
    request: OrganizationRequest,
    *,
    invite: InviteForm | None = None,
    errors: Iterable[object] = (),
    status: int = 200,
) -> HttpResponse:
    """The page, with what was typed into it and what was refused."""
    asked = read_members(request.GET)
    pages = Paginator(find_members(request.organization, asked), _MEMBERS_PER_PAGE)
    page_url = reverse("members", args=[request.organization.slug])
    context: dict[str, Any] = {
        "page_obj": pages.get_page(request.GET.get("page")),
        "asked": asked,
        "tools": list_tools(request, MEMBERS, MEMBER_COLUMNS, page_url=page_url, sort=asked.sort),
        "roles": Role.choices,
        "invitations": unanswered_invitations(request.organization, clock.real_now()),
        "invite": invite or InviteForm(),
        "again": AgainForm(),
        "notices": NoticesForm(request.membership),
        "errors": errors,
        "permission_rows": permission_rows(),
    }
    return render(request, "organizations/members.html", context, status=status)


def members_refusal(request: OrganizationRequest, refusal: Refused) -> HttpResponse:
    """The page with the sentence; 403 for whoever stopped being an administrator meanwhile."""
    if isinstance(refusal, NotAdministrator):
        raise PermissionDenied
    return members_page(request, errors=[refusal.sentence], status=refusal.status)


@require_POST
@organization_view(Permission.ADMINISTER)
def change_role(request: OrganizationRequest, member: int) -> HttpResponse:
    """Another role for a member."""
    membership = _member_or_404(request, member)
    if membership is None:
        return _gone(request)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return members_page(request, errors=form.errors["role"], status=422)
    role: Role = form.cleaned_data["role"]
    try:
        services.change_role(membership=membership, role=role, actor=request.user, on=request.today)
    except Refused as refusal:
        return members_refusal(request, refusal)
    names = {"person": membership.user, "role": role.label}
    messages.success(request, _("The role of %(person)s is now %(role)s.") % names)
    return done(request, "members", request.organization.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.ADMINISTER)
def remove_member(request: OrganizationRequest, member: int) -> HttpResponse:
    """A confirmation first, then the removal: the person's very next request finds nothing any more."""
    membership = _member_or_404(request, member)
    if membership is None:
        return _gone(request)
    if request.method != "POST":
        return render(request, "organizations/remove_member.html", {"member": membership})
    try:
        services.remove_member(membership=membership, actor=request.user, on=request.today)
    except Refused as refusal:
        return members_refusal(request, refusal)
    messages.success(request, _("%(person)s is no longer a member.") % {"person": membership.user})
    return done(request, "members", request.organization.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.LOOK)
def leave_organization(request: OrganizationRequest) -> HttpResponse:
    """A confirmation first, then one's own membership ends (R35)."""
    _require_own_membership(request)
    errors: list[str] = []
    if request.method == "POST":
        try:
            services.leave_organization(membership=request.membership, on=request.today)
        except Refused as refusal:
            errors = [refusal.sentence]
        else:
            names = {"organization": request.organization.name}
            messages.success(request, _("You are no longer a member of %(organization)s.") % names)
            return done(request, "my_systems")
    return render(request, "organizations/leave_organization.html", {"errors": errors}, status=422 if errors else 200)


@require_POST
@organization_view(Permission.LOOK)
def choose_notices(request: OrganizationRequest) -> HttpResponse:
    """Whether the member is mailed the notices."""
    _require_own_membership(request)
    form = NoticesForm(request.membership, request.POST)
    # A box is ticked or it is not: there is nothing that it can't mean.
    form.full_clean()
    wanted: bool = form.cleaned_data["wants_notices"]
    services.choose_notices(membership=request.membership, wants_notices=wanted)
    told = _("You will be mailed the notices.") if wanted else _("You will not be mailed the notices any more.")
    messages.success(request, told)
    return done(request, "members", request.organization.slug)


def _require_own_membership(request: OrganizationRequest) -> None:
    """A person of the vendor who looks is no member, and has nothing to leave or to choose."""
    if request.grant is not None:
        raise PermissionDenied


def _member_or_404(request: OrganizationRequest, member: int) -> Membership | None:
    """The membership of the person with that id; None where it ended, 404 where there never was one (R30)."""
    user = get_object_or_404(User, pk=member)
    found = members_of(request.organization).filter(user=user).first()
    if found is None and not was_member(request.organization, user):
        raise Http404
    return found


def _gone(request: OrganizationRequest) -> HttpResponse:
    messages.info(request, MemberGone().sentence)
    return done(request, "members", request.organization.slug)
