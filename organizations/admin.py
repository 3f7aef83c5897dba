"""Organizations and their members in the admin site; every change goes through the services, and is on History (R32)."""

import zoneinfo
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from licensemgr.core import clock
from licensemgr.core.admin import (
    Act,
    AnyModelAdmin,
    AnyModelForm,
    EditedRows,
    HasTools,
    NamedValues,
    RefusalsShown,
    Tool,
    act_page,
    posted,
    refuse,
    row_or_404,
)
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext
from organizations import admin_people, admin_work
from organizations.access import grant_in_force
from organizations.admin_support import SupportViewForm
from organizations.models import Membership, Organization, Role
from organizations.services import add_member, change_organization, change_role, create_organization, remove_member
from organizations.staff import staff_of
from organizations.support import open_support_view

__all__ = ["admin_people", "admin_work"]


class OrganizationForm(AnyModelForm):
    """What staff can change of an organization."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=[(name, name) for name in sorted(zoneinfo.available_timezones())],
        initial="UTC",
        help_text=_("A change counts from the organization's next day."),
    )

    class Meta:
        model = Organization
        fields = ("name", "country", "time_zone", "notices_email")
        help_texts = {"country": _("Two capital letters, such as SE.")}


class MembershipForm(AnyModelForm):
    """A member. Who it is stays; the role changes."""

    class Meta:
        model = Membership
        fields = ("user", "role")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk and "user" in self.fields:
            self.fields["user"].disabled = True


class MembershipInline(EditedRows):
    """The members: added, given another role and removed here, by the services."""

    model = Membership
    form = MembershipForm
    extra = 0
    fields = ("user", "role", "since")
    readonly_fields = ("since",)
    autocomplete_fields = ("user",)

    def has_add_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return _is_open(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return _is_open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return _is_open(obj) and super().has_delete_permission(request, obj)


def _is_open(organization: Organization | None) -> bool:
    return organization is None or organization.closed_on is None


@admin.register(Organization)
class OrganizationAdmin(HasTools, RefusalsShown, AnyModelAdmin):
    """Organizations: made and changed by the services, on their History, never deleted; one that is closed stays as it is."""

    form = OrganizationForm
    inlines = (MembershipInline,)
    list_display = ("name", "slug", "country", "time_zone", "created_on", "closed_on", "settled_through", "next_due_on")
    list_filter = (("closed_on", admin.EmptyFieldListFilter), ("country", NamedValues))
    search_fields = ("name", "slug")
    readonly_fields = ("slug", "created_on", "closed_on", "settled_through", "next_due_on")
    fields = (*OrganizationForm.Meta.fields, *readonly_fields)

    def has_change_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return _is_open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        support = self.admin_site.admin_view(self.support)
        return [
            path("<path:object_id>/support/", support, name="organizations_organization_support"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, row: Organization) -> Sequence[Tool]:
        its = f"?organization__id__exact={row.pk}"
        tools = [
            Tool(gettext("Its products"), reverse("admin:products_registeredproduct_changelist") + its),
            Tool(gettext("Its own History"), reverse("admin:history_record_changelist") + its),
        ]
        if grant_in_force(staff_of(request), row.slug) is not None:
            tools.append(Tool(gettext("To the support view"), reverse("product_list", args=[row.slug])))
        elif _may_look(request):
            tools.append(
                Tool(gettext("Open support view"), reverse("admin:organizations_organization_support", args=[row.pk]))
            )
        return tools

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        actor = staff_of(request)
        settings = {name: form.cleaned_data[name] for name in OrganizationForm.Meta.fields}
        if change:
            stored = Organization.objects.get(pk=obj.pk)
            change_organization(organization=stored, actor=actor, on=clock.today(stored), **settings)
            return
        notices_email = settings.pop("notices_email")
        today = clock.local_date(clock.now(), obj.time_zone)
        made = create_organization(actor=None, made_by=actor, on=today, **settings)
        if notices_email:
            change_organization(organization=made, actor=actor, on=today, notices_email=notices_email, **settings)
        obj.pk, obj.slug, obj.created_on = made.pk, made.slug, made.created_on
        obj._state.adding = False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Members come, change and go by the services. Those who come first, so that an administrator can be replaced."""
        actor = staff_of(request)
        formset.save(commit=False)
        for membership in formset.new_objects:
            on = clock.today(membership.organization)
            role = Role(membership.role)
            add_member(organization=membership.organization, user=membership.user, role=role, actor=actor, on=on)
        changed = [membership for membership, fields in formset.changed_objects if "role" in fields]
        for membership in sorted(changed, key=lambda each: each.role != Role.ADMINISTRATOR):
            on = clock.today(membership.organization)
            change_role(membership=membership, role=Role(membership.role), actor=actor, on=on)
        for membership in formset.deleted_objects:
            remove_member(membership=membership, actor=actor, on=clock.today(membership.organization))
        formset.save_m2m()

    def support(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open the read-only support view of an organization, with a reason (R30)."""
        if not _may_look(request):
            raise PermissionDenied
        organization: Organization = row_or_404(self, request, object_id)
        form = SupportViewForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                open_support_view(
                    organization=organization,
                    user=staff_of(request),
                    reason=form.cleaned_data["reason"],
                    on=clock.today(organization),
                )
            except Refused as refused:
                refuse(form, refused)
            else:
                return HttpResponseRedirect(reverse("product_list", args=[organization.slug]))
        act = Act(
            title=gettext("Open a support view of %(organization)s") % {"organization": organization},
            button=gettext("Open support view"),
            text=[gettext("You see the organization's pages as a viewer does, and can change nothing there.")],
        )
        return act_page(self, request, act, form, row=organization)


def _may_look(request: HttpRequest) -> bool:
    return staff_of(request).has_perm("organizations.add_accessgrant")
