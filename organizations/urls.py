"""An organization's people and settings, and a person's own account."""

from django.urls import path

from organizations.views import account, invitations, language, members, settings

urlpatterns = [
    # The own account; the rest of accounts/ is allauth's
    path("accounts/", account.account, name="account"),
    path("accounts/signup/", account.sign_up, name="account_signup"),
    path("accounts/signup/code/", account.confirm_sign_up, name="confirm_sign_up"),
    path("accounts/close/", account.close_account, name="close_account"),
    path("language/", language.choose_language, name="choose_language"),
    path("organizations/new/", settings.create_organization, name="create_organization"),
    path("invitations/<str:token>/", invitations.accept_invitation, name="accept_invitation"),
    # One organization's people
    path("o/<slug:organization>/members/", members.members, name="members"),
    path("o/<slug:organization>/members/invite/", invitations.invite_member, name="invite_member"),
    path("o/<slug:organization>/members/notices/", members.choose_notices, name="choose_notices"),
    path("o/<slug:organization>/members/leave/", members.leave_organization, name="leave_organization"),
    path("o/<slug:organization>/members/<int:member>/role/", members.change_role, name="change_role"),
    path("o/<slug:organization>/members/<int:member>/remove/", members.remove_member, name="remove_member"),
    path("o/<slug:organization>/invitations/<int:invitation>/again/", invitations.invite_again, name="invite_again"),
    path(
        "o/<slug:organization>/invitations/<int:invitation>/revoke/",
        invitations.revoke_invitation,
        name="revoke_invitation",
    ),
    # Its settings
    path("o/<slug:organization>/settings/", settings.organization_settings, name="organization_settings"),
]
