"""People and organizations in the admin site; every change of an organization goes through its services (R32)."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from licensemgr.core import clock
from licensemgr.core.admin import AnyModelAdmin, AnyModelForm, AnyTabularInline, RefusalsShown
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, change_organization, create_organization

admin.site.unregister(Group)


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]  # generic to the type checker only
    """A new person, known by the e-mail address."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # generic to the type checker only
    """People. Those who are on record anywhere can't be deleted."""

    add_form = UserCreationForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "first_name", "last_name", "usable_password", "password1", "password2"),
            },
        ),
    )
    filter_horizontal = ("user_permissions",)


class OrganizationForm(AnyModelForm):
    """Name, country and time zone of an organization."""

    time_zone = forms.ChoiceField(
        label=_("time zone"), choices=[(name, name) for name in sorted(zoneinfo.available_timezones())], initial="UTC"
    )

    class Meta:
        model = Organization
        fields = ("name", "country", "time_zone")


class MembershipInline(AnyTabularInline):
    """The members. One can be added here; roles are changed and members removed by the organization itself."""

    model = Membership
    extra = 0
    fields = ("user", "role", "since")
    readonly_fields = ("since",)
    autocomplete_fields = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Organization)
class OrganizationAdmin(RefusalsShown, AnyModelAdmin):
    """Organizations: made and changed by the services, on their History, never deleted."""

    form = OrganizationForm
    inlines = (MembershipInline,)
    list_display = ("name", "slug", "country", "time_zone", "created_on", "settled_through", "next_due_on")
    search_fields = ("name", "slug")
    readonly_fields = ("slug", "created_on", "settled_through", "next_due_on")
    fields = ("name", "country", "time_zone", "slug", "created_on", "settled_through", "next_due_on")

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        actor = _staff(request)
        if not change:
            made = create_organization(
                name=obj.name,
                country=obj.country,
                time_zone=obj.time_zone,
                actor=None,
                made_by=actor,
                on=clock.local_date(clock.now(), obj.time_zone),
            )
            obj.pk, obj.slug, obj.created_on = made.pk, made.slug, made.created_on
            obj._state.adding = False
            return
        stored = Organization.objects.get(pk=obj.pk)
        change_organization(
            organization=stored,
            name=obj.name,
            country=obj.country,
            time_zone=obj.time_zone,
            actor=actor,
            on=clock.today(stored),
        )

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """New members become so by the service, and are on History with who added them."""
        for membership in formset.save(commit=False):
            add_member(
                organization=membership.organization,
                user=membership.user,
                role=Role(membership.role),
                actor=_staff(request),
                on=clock.today(membership.organization),
            )
        formset.new_objects = []
        formset.save_m2m()


def _staff(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin site lets nobody else in
    return request.user
