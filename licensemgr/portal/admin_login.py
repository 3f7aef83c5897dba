"""The admin site's sign-in is the portal's own: with its limits and its second factor."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin


def secure_the_admin() -> None:
    """Let the admin site send people to the portal's sign-in instead of its own form."""
    admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth documents
