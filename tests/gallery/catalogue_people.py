"""The gallery: signing in and up, the own account, and an organization's people, settings and History."""

from collections.abc import Iterator

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from licensemgr.core.models import OutboxMessage
from organizations.models import Invitation, Role
from tests.factories import PASSWORD
from tests.gallery.states import Answer, PageState, Steps, Visit, journey, page
from tests.gallery.world import LONG, LONG_NAME, NORDHAMN
from tests.organizations.account_pages import FORM, code_for, link_for


def states() -> Iterator[PageState]:
    """All of this file."""
    yield from _on_the_way_in()
    yield from _of_the_account()
    yield from _of_the_second_factor()
    yield from _of_members()
    yield from _of_the_organization()


def _on_the_way_in() -> Iterator[PageState]:
    yield page("account_login", who="")
    yield page("account_login", "demonstration", who="", options={"DEMONSTRATION": True})
    wrong = {"login": "viewer@example.com", "password": "x"}
    yield page("account_login", "refused", who="", data=wrong, status=422)
    yield page("account_login", "signed out", who="viewer", at="account_logout", data={})
    yield page("account_signup", who="")
    yield page("account_signup", "refused", who="", data={"email": "x", "password": "1"}, status=422)
    yield page("account_signup", "closed", who="", options={"SIGNUP": "invited"}, status=403)
    yield journey("account_signup", "invited", _invited, who="")
    yield journey("account_signup", "over", lambda visit: visit.get("confirm_sign_up"), who="")
    yield page("confirm_sign_up", who="", at="account_signup", data=FORM)
    yield journey("confirm_sign_up", "refused", _wrong_code, who="", status=422)
    yield journey("product_list", "signed up", _signed_up, who="")
    yield page("account_reset_password", who="")
    yield page("account_reset_password", "refused", who="", data={"email": "x"}, status=422)
    yield page("account_reset_password_done", who="")
    yield page("account_reset_password_from_key", "no link", who="")
    yield journey("account_reset_password_from_key", "", _reset, who="")
    yield page("account_reset_password_from_key_done", who="")
    yield journey("accept_invitation", "", _invitation, who="")
    yield journey("accept_invitation", "for another", _invitation, who="newcomer", status=403)
    yield page("accept_invitation", "none", who="", status=404)


def _token(visit: Visit) -> str:
    """The token of an invitation that is made now."""
    visit.client.force_login(visit.world.person("administrator"))
    visit.get("members")
    token = visit.hidden("form_token")
    visit.post("invite_member", {"email": "invited@example.com", "role": Role.MANAGER, "form_token": token})
    mail = OutboxMessage.objects.filter(recipient="invited@example.com").latest("pk")
    return mail.body_text.partition("/invitations/")[2].partition("/")[0]


def _invitation(visit: Visit) -> Answer:
    who = visit.client.cookies.get("sessionid")
    token = _token(visit)
    visit.client.logout()
    if who is not None:
        visit.client.force_login(visit.world.person("newcomer"))
    return visit.get("accept_invitation", token=token)


def _invited(visit: Visit) -> Answer:
    _invitation(visit)
    return visit.get("account_signup")


def _wrong_code(visit: Visit) -> Answer:
    visit.post("account_signup", FORM)
    return visit.post("confirm_sign_up", {"code": "AAAA-AAAA"})


def _signed_up(visit: Visit) -> Answer:
    visit.post("account_signup", FORM)
    return visit.post("confirm_sign_up", {"code": code_for(FORM["email"])})


def _reset(visit: Visit) -> Answer:
    visit.post("account_reset_password", {"email": "viewer@example.com"})
    visit.answer = visit.client.get(link_for("viewer@example.com"), follow=True)
    return visit.answer


def _of_the_account() -> Iterator[PageState]:
    yield page("account", who="viewer")
    yield page("account", "saved", who="viewer", data={"first_name": "Ada", "last_name": "Minister"})
    yield page("account", "refused", who="viewer", data={"first_name": "A" * 2000}, status=422)
    yield page("account_change_password", who="viewer")
    yield page("account_change_password", "refused", who="viewer", data={"oldpassword": "x"}, status=422)
    yield journey("account_set_password", "", _without_password, who="newcomer")
    yield page("account_reauthenticate", who="viewer")
    yield page("account_reauthenticate", "refused", who="viewer", data={"password": "x"}, status=422)
    for name, state in (("account_email", ""), ("close_account", ""), ("mfa_activate_totp", "")):
        yield journey(name, state, _proved(name), who="viewer")
    yield journey("close_account", "last administrator", _proved("close_account"), who="administrator")
    yield journey("account_email_verification_sent", "", _address_changed, who="viewer")
    yield page("account_inactive", who="")


def _without_password(visit: Visit) -> Answer:
    person = visit.world.person("newcomer")
    person.set_unusable_password()
    person.save()
    visit.client.force_login(person)
    return visit.get("account_set_password")


def _prove(visit: Visit) -> None:
    visit.post("account_reauthenticate", {"password": PASSWORD})


def _proved(name: str) -> Steps:
    """The page after the password was asked for again."""

    def steps(visit: Visit) -> Answer:
        _prove(visit)
        return visit.get(name)

    return steps


def _address_changed(visit: Visit) -> Answer:
    _prove(visit)
    return visit.post("account_email", {"action_add": "", "email": "elsewhere@example.com"})


def _of_the_second_factor() -> Iterator[PageState]:
    yield page("mfa_index", who="viewer")
    for name in ("mfa_index", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes"):
        yield journey(name, "with a second factor", _with_factor(name), who="viewer")
    yield journey("mfa_reauthenticate", "", _factor_asked("mfa_reauthenticate"), who="viewer")
    yield journey("mfa_authenticate", "", _signing_in_with_factor, who="")


def _give_factor(visit: Visit) -> None:
    person = visit.world.person("viewer")
    TOTP.activate(person, generate_totp_secret())
    RecoveryCodes.activate(person)


def _with_factor(name: str) -> Steps:
    def steps(visit: Visit) -> Answer:
        _prove(visit)
        _give_factor(visit)
        return visit.get(name)

    return steps


def _factor_asked(name: str) -> Steps:
    def steps(visit: Visit) -> Answer:
        _give_factor(visit)
        return visit.get(name)

    return steps


def _signing_in_with_factor(visit: Visit) -> Answer:
    _give_factor(visit)
    return visit.post("account_login", {"login": "viewer@example.com", "password": PASSWORD})


def _of_members() -> Iterator[PageState]:
    yield page("members", who="administrator")
    yield page("members", "viewer", who="viewer")
    yield page("members", "alone", who="denise", organization="ashford-schools")
    yield page("members", "long names", who="manager", organization=LONG)
    yield page(
        "members", "invitation refused", who="administrator", at="invite_member", data={"email": "x"}, status=422
    )
    yield page("members", "role refused", who="administrator", at="change_role", data={"role": Role.VIEWER}, status=422)
    yield journey("members", "invited", _after_inviting, who="administrator")
    yield page("members", "revoked", who="administrator", at="revoke_invitation", data={})
    yield page("members", "notices chosen", who="viewer", at="choose_notices", data={"wants_notices": "on"})
    yield page("members", "sent again without a token", who="administrator", at="invite_again", data={}, status=422)
    yield journey("remove_member", "", _removing, who="administrator")
    yield page("leave_organization", who="viewer")
    yield page("leave_organization", "refused", who="administrator", data={}, status=422)
    yield page("my_systems", "left", who="viewer", at="leave_organization", data={})


def _after_inviting(visit: Visit) -> Answer:
    _token(visit)
    assert Invitation.objects.filter(email="invited@example.com").exists()
    return visit.get("members")


def _removing(visit: Visit) -> Answer:
    return visit.get("remove_member", member=visit.world.person("viewer").pk)


def _of_the_organization() -> Iterator[PageState]:
    yield page("create_organization", who="newcomer")
    yield page("create_organization", "refused", who="newcomer", data={"name": LONG_NAME * 2}, status=422)
    yield page("organization_settings", who="administrator")
    yield page("organization_settings", "refused", who="administrator", data={"notices_email": "x"}, status=422)
    saved = {"name": "Harbour Cameras", "country": "SE", "time_zone": "Europe/Stockholm"}
    yield page("organization_settings", "saved", who="administrator", data=saved)
    yield page("close_organization", who="administrator")
    yield page("close_organization", "refused", who="administrator", data={"name": "x"}, status=422)
    yield page("history", who="alex", organization=NORDHAMN)
    yield page("history", "viewer", who="viewer")
    yield page("history", "long names", who="manager", organization=LONG)
