"""A person's own account: from signing up to closing it (R35). The rest of it is allauth's."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from allauth.account.utils import complete_signup
from allauth.core import ratelimit
from allauth.decorators import rate_limit
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from licensemgr.core import clock
from licensemgr.core.answers import done
from licensemgr.core.countries import guess_country
from licensemgr.core.errors import Refused
from organizations import accounts, signing_up
from organizations.errors import AddressTaken
from organizations.forms_account import CodeForm, InvitedSignUpForm, NameForm, SignUpForm
from organizations.invitations import forget_invitation, remembered_invitation
from organizations.models import Invitation, Organization, User

_READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@_READ_OR_POST
@never_cache
@sensitive_post_parameters("password")
@rate_limit(action="signup")
def sign_up(request: HttpRequest) -> HttpResponse:
    """An account with its first organization, or, for whoever was invited, a member of the inviting one."""
    if request.user.is_authenticated:
        return redirect("my_systems")
    found = remembered_invitation(request.session)
    if found is not None and "without_invitation" not in request.POST:
        return _sign_up_invited(request, *found)
    if settings.SIGNUP != "open":
        return render(request, "account/signup_closed.html", status=403)
    if "without_invitation" in request.POST:
        forget_invitation(request.session)
        return done(request, "account_signup")
    return _sign_up_openly(request)


def _sign_up_openly(request: HttpRequest) -> HttpResponse:
    """The form; what is typed is kept in the session until the code from the mail is typed as well."""
    country = guess_country(request.headers.get("Accept-Language", ""))
    form = SignUpForm(request.POST if request.method == "POST" else None, initial={"country": country})
    if not form.is_valid():
        return render(request, "account/signup.html", {"form": form}, status=422 if form.is_bound else 200)
    email = form.cleaned_data["email"]
    if not signing_up.is_sent_twice(request.session, email) and not _may_mail(request, email):
        return _too_many(request)
    signing_up.begin_sign_up(request.session, **form.cleaned_data)
    return done(request, "confirm_sign_up")


def _sign_up_invited(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    """The link has proved the address: a password is all that is missing."""
    form = InvitedSignUpForm(invitation.email, request.POST if request.method == "POST" else None)
    context = {"form": form, "invitation": invitation, "token": token, "is_open": settings.SIGNUP == "open"}
    if form.is_valid():
        try:
            membership = accounts.create_invited_account(
                invitation=invitation,
                password_hash=make_password(form.cleaned_data["password"]),
                on=clock.today(invitation.organization),
            )
        except Refused as refusal:
            return render(request, "account/signup_invited.html", context | {"refusal": refusal}, status=refusal.status)
        forget_invitation(request.session)
        return _welcome(request, membership.user, membership.organization)
    return render(request, "account/signup_invited.html", context, status=422 if form.is_bound else 200)


@_READ_OR_POST
@never_cache
@sensitive_variables("pending")
@rate_limit(action="signup")
def confirm_sign_up(request: HttpRequest) -> HttpResponse:
    """The code from the mail makes the account, in the browser in which the sign-up was begun and in no other."""
    if request.user.is_authenticated:
        return redirect("my_systems")
    pending = signing_up.pending_sign_up(request.session)
    if pending is None:
        messages.info(request, _("This sign-up is over, and no account was made. Please begin again."))
        return done(request, "account_signup")
    if request.POST.get("action") == "resend":
        return _send_again(request, pending)
    form = CodeForm(request.POST if request.method == "POST" else None, code=pending.code)
    if form.is_valid():
        return _make_account(request, pending)
    if form.is_bound and not signing_up.note_wrong_code(request.session, pending):
        messages.error(request, _("The code was wrong too often, so no account was made. Please begin again."))
        return done(request, "account_signup")
    context = {"form": form, "pending": pending, "minutes": signing_up.CODE_SECONDS // 60}
    return render(request, "account/signup_code.html", context, status=422 if form.is_bound else 200)


def _send_again(request: HttpRequest, pending: signing_up.PendingSignUp) -> HttpResponse:
    """Another code; the one before counts no more."""
    if pending.can_send_again:
        if not _may_mail(request, pending.email):
            return _too_many(request)
        signing_up.send_code(request.session, pending)
        messages.success(request, _("A new code is on its way. The one before works no more."))
    return done(request, "confirm_sign_up")


def _make_account(request: HttpRequest, pending: signing_up.PendingSignUp) -> HttpResponse:
    try:
        user, organization = accounts.create_account(
            email=pending.email,
            password_hash=pending.password_hash,
            name=pending.name,
            country=pending.country,
            time_zone=pending.time_zone,
            on=clock.local_date(clock.now(), pending.time_zone),
        )
    except AddressTaken:
        # Sent twice: the other one made the account, and whoever is signed in by it goes on from there.
        return done(request, "account_login")
    signing_up.forget_sign_up(request.session)
    return _welcome(request, user, organization)


def _welcome(request: HttpRequest, user: User, organization: Organization) -> HttpResponse:
    """Sign the new person in, and begin at the Product list."""
    request.session.set_expiry(0)
    url = reverse("product_list", args=[organization.slug])
    answer: HttpResponse = complete_signup(request, user, None, url)
    answer.status_code = 303
    return answer


def _may_mail(request: HttpRequest, email: str) -> bool:
    """Whether one more code may be mailed to the address now."""
    return bool(ratelimit.consume(request, action="confirm_email", key=email))


def _too_many(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse = ratelimit.respond_429(request)
    return answer


@_READ_OR_POST
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The hub of the own account: name, address, password, second factor, closing."""
    user = cast(User, request.user)
    names = {"first_name": user.first_name, "last_name": user.last_name}
    form = NameForm(request.POST if request.method == "POST" else None, initial=names)
    if form.is_valid():
        accounts.change_name(user=user, **form.cleaned_data)
        messages.success(request, _("Your name is saved."))
        return done(request, "account")
    context = {"form": form, "has_second_factor": is_mfa_enabled(user)}
    return render(request, "account/account.html", context, status=422 if form.is_bound else 200)


@_READ_OR_POST
@never_cache
@login_required
@reauthentication_required
def close_account(request: HttpRequest) -> HttpResponse:
    """After the password, what will happen is named; then it is done, and the person is signed out everywhere (R35)."""
    user = cast(User, request.user)
    closing, refusal = accounts.preview_closing(user), None
    if request.method == "POST":
        try:
            accounts.close_account(user=user, leaving=_ids(request.POST.getlist("leaving")))
        except Refused as refused:
            closing, refusal = accounts.preview_closing(user), refused
        else:
            logout(request)
            messages.success(request, _("Your account is closed. Thank you for having been here."))
            return done(request, "account_login")
    context = {"closing": closing, "refusal": refusal}
    return render(request, "account/close_account.html", context, status=refusal.status if refusal else 200)


def _ids(typed: list[str]) -> set[int]:
    """The ids that the page sent; what is none stands for no organization at all, and is refused as a difference."""
    return {int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0 for text in typed}
