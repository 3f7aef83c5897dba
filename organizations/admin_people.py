"""People in the admin site. Who is staff, and what staff may do, is decided by superusers alone."""

from collections.abc import Sequence
from typing import Any

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from allauth.mfa import admin as allauth_mfa_admin
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from licensemgr.core.admin import Act, HasTools, LooksOnlyAdmin, Tool, act_page, one_line, posted, refuse, row_or_404
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext
from organizations.accounts import is_known, preview_closing
from organizations.models import User
from organizations.staff import close_account_of, staff_of

__all__ = ["allauth_admin", "allauth_mfa_admin"]

# Their own pages let staff change addresses and read the secrets of second factors; they are loaded above, and replaced.
admin.site.unregister((Group, EmailAddress, Authenticator))


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]  # generic to the type checker only
    """A new person, known by the e-mail address."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if is_known(email):
            raise forms.ValidationError(gettext("Somebody has an account with this address. No account was made."))
        return email


class ConfirmForm(forms.Form):
    """Nothing is asked but that one is sure."""

    is_sure = forms.BooleanField(label=_("I am sure, and know that this can't be undone"))


@admin.register(User)
class UserAdmin(HasTools, DjangoUserAdmin):  # type: ignore[type-arg]  # generic to the type checker only
    """People. Nobody is deleted, since the books name whoever acted: an account is closed instead (R35)."""

    add_form = UserCreationForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "last_login", "closed_at")
    list_filter = ("is_active", "is_staff", "is_superuser", ("closed_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "first_name", "last_name")
    actions: Sequence[Any] | None = None
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "first_name", "last_name", "usable_password", "password1", "password2"),
            },
        ),
    )
    # Django's two lists beside each other write their help so that screen readers must not read it.
    filter_horizontal = ()

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        password = ("password",) if staff_of(request).is_superuser else ()
        return (
            (None, {"fields": ("email", *password)}),
            (_("Person"), {"fields": ("first_name", "last_name", "organizations_of", "second_factor")}),
            (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
            (_("Dates"), {"fields": ("last_login", "date_joined", "closed_at")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """An address is changed by its owner, who proves it; rights by superusers, so that nobody raises the own ones."""
        if obj is None:
            return ()
        always = ("email", "organizations_of", "second_factor", "last_login", "date_joined", "closed_at")
        rights = ("is_active", "is_staff", "is_superuser", "user_permissions")
        return always if staff_of(request).is_superuser else (*always, *rights)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and (obj.closed_at is not None or (obj.is_staff and not staff_of(request).is_superuser)):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        close = self.admin_site.admin_view(self.close)
        return [path("<path:object_id>/close/", close, name="organizations_user_close"), *super().get_urls()]

    def tools(self, request: HttpRequest, row: User) -> Sequence[Tool]:
        if row.closed_at is not None or not staff_of(request).is_superuser:
            return []
        return [Tool(gettext("Close the account"), reverse("admin:organizations_user_close", args=[row.pk]))]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Whoever makes an account here vouches for its address."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if not change:
                User.objects.vouch_for(obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """With a new password one can act as the person: for superusers only, everybody else sends a reset by mail."""
        if not staff_of(request).is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close an account for good (R35)."""
        if not staff_of(request).is_superuser:
            raise PermissionDenied
        user: User = row_or_404(self, request, object_id)
        here = reverse("admin:organizations_user_change", args=[user.pk])
        if user.closed_at is not None:
            return HttpResponseRedirect(here)
        form = ConfirmForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                close_account_of(user=user, actor=staff_of(request))
            except Refused as refused:
                refuse(form, refused)
            else:
                user.refresh_from_db()
                self.log_change(request, user, gettext("Account closed."))
                messages.success(request, gettext("The account was closed. History says “former member”."))
                return HttpResponseRedirect(here)
        act = Act(
            title=gettext("Close the account of %(person)s") % {"person": user},
            button=gettext("Close the account"),
            is_dangerous=True,
            text=[
                gettext(
                    "The person can't sign in any more. Name, address, password and second factor are erased, and every "
                    "membership ends."
                )
            ],
            facts=[
                (gettext("E-mail address"), user.email),
                (gettext("Organizations"), one_line(each.name for each in preview_closing(user).organizations)),
            ],
        )
        return act_page(self, request, act, form, row=user)

    @admin.display(description=_("organizations"))
    def organizations_of(self, user: User) -> str:
        """Of which organizations the person is a member, and as what."""
        memberships = user.memberships.select_related("organization").order_by("organization__name")
        return one_line(f"{each.organization} ({each.get_role_display()})" for each in memberships)

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        """Whether one is asked for at sign-in."""
        return bool(Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


@admin.register(EmailAddress)
class EmailAddressAdmin(LooksOnlyAdmin):
    """Which addresses are proved. Only their owners change them."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email", "user__first_name", "user__last_name")
    ordering = ("email", "pk")
