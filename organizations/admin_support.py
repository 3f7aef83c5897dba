"""The support view (R30): staff look at one organization, with a reason, for a while; opened and ended here."""

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from licensemgr.core import clock
from licensemgr.core.admin import LooksOnlyAdmin
from licensemgr.core.worded import gettext
from organizations.models import AccessGrant, Invitation
from organizations.staff import staff_of
from organizations.support import end_support_view


class SupportViewForm(forms.Form):
    """Why staff need to look."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "maxlength": 300}),
        help_text=_("The organization reads it on its History, with your name."),
    )


@admin.register(AccessGrant)
class AccessGrantAdmin(LooksOnlyAdmin):
    """Who of the vendor looked at which organization, why and how long."""

    list_display = ("organization", "user", "reason", "granted_at", "expires_at", "ended_at")
    list_filter = ("granted_at",)
    list_select_related = ("organization", "user")
    search_fields = ("organization__name", "organization__slug", "user__email", "reason")
    ordering = ("-granted_at", "-pk")

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(self.end)
        return [path("<int:pk>/end/", end, name="organizations_accessgrant_end"), *super().get_urls()]

    def end(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End one's own support view: the button of the banner. Ending it twice changes nothing."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        grant = AccessGrant.objects.select_related("organization", "user").filter(pk=pk, user=staff_of(request)).first()
        if grant is None:
            raise Http404
        end_support_view(grant=grant, on=clock.today(grant.organization))
        messages.success(
            request, gettext("The support view of %(organization)s has ended.") % {"organization": grant.organization}
        )
        if staff_of(request).has_perm("organizations.view_organization"):
            return HttpResponseRedirect(
                reverse("admin:organizations_organization_change", args=[grant.organization_id])
            )
        return HttpResponseRedirect(reverse("admin:index"))


@admin.register(Invitation)
class InvitationAdmin(LooksOnlyAdmin):
    """Who was invited, and what became of it. The links are in the mails only."""

    list_display = (
        "organization",
        "email",
        "role",
        "invited_by",
        "invited_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    fields = (*list_display, "accepted_by")
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("organization", "invited_by")
    search_fields = ("organization__name", "organization__slug", "email")
    ordering = ("-invited_at", "-pk")
