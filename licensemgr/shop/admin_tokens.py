"""Staff make tokens for the vendor's shop, see when each was last used, and revoke them."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import formats
from django.utils.translation import gettext_lazy

from licensemgr.core import clock
from licensemgr.core.admin import (
    Act,
    HasTools,
    LooksOnlyAdmin,
    Tool,
    act_page,
    confirmed,
    one_line,
    posted,
    refuse,
    row_or_404,
    shown_once,
)
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from licensemgr.shop.errors import TokenGivenBefore
from licensemgr.shop.models import Scope, ShopToken
from licensemgr.shop.tokens import MAXIMUM_DAYS, MadeToken, make_token, revoke_token
from organizations.staff import staff_of


class MakeTokenForm(forms.Form):
    """Who will bear the token, what it may do, and for how long."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("Who will use it. It stands with each key that is revoked by it."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"), choices=Scope, widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days until it expires"), min_value=1, max_value=MAXIMUM_DAYS, initial=366
    )
    form_token = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(ShopToken)
class ShopTokenAdmin(HasTools, LooksOnlyAdmin):
    """Tokens: made here, shown once, revoked here, never changed."""

    list_display = ("name", "tail_shown", "may", "made_at", "made_by", "expires_at", "last_used_at", "state")
    list_select_related = ("made_by",)
    search_fields = ("name", "tail")
    ordering = ("-made_at", "-pk")
    fields = ("name", "tail_shown", "may", "state", "made_at", "made_by", "expires_at", "last_used_at", "revoked_by")
    readonly_fields = ("tail_shown", "may", "state")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke)
        return [path("<path:object_id>/revoke/", revoke, name="shop_shoptoken_revoke"), *super().get_urls()]

    def tools(self, request: HttpRequest, row: ShopToken) -> Sequence[Tool]:
        if not _may_revoke(request) or row.revoked_at is not None:
            return []
        return [Tool(_("Revoke this token"), reverse("admin:shop_shoptoken_revoke", args=[row.pk]))]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a token; it is shown once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MakeTokenForm(posted(request), initial={"form_token": uuid.uuid4()})
        if request.method == "POST" and form.is_valid():
            try:
                made = make_token(**form.cleaned_data, actor=staff_of(request))
            except TokenGivenBefore as refused:
                messages.warning(request, refused.sentence)
                return HttpResponseRedirect(reverse("admin:shop_shoptoken_changelist"))
            except Refused as refused:
                refuse(form, refused)
            else:
                self.log_addition(request, made.row, _("May: %(scopes)s") % {"scopes": one_line(made.row.scopes)})
                return self._shown_once(request, made)
        act = Act(
            title=_("Make a token for the vendor's shop"),
            button=_("Make it and show it"),
            text=[
                _(
                    "Whoever has the token can do what it may, without anybody's sign-in. It is shown once; only a hash and its "
                    "last five characters are kept."
                )
            ],
        )
        return act_page(self, request, act, form)

    def _shown_once(self, request: HttpRequest, made: MadeToken) -> HttpResponse:
        return shown_once(
            self,
            request,
            made.row,
            title=_("The token %(token)s") % {"token": made.row},
            label=_("Token"),
            secret=made.token,
            sentence=_(
                "Copy it into the shop now: it is shown this once. If it is lost, revoke it and make a new one."
            ),
        )

    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let nothing more be done by a token."""
        if not _may_revoke(request):
            raise PermissionDenied
        token: ShopToken = row_or_404(self, request, object_id)
        here = reverse("admin:shop_shoptoken_change", args=[token.pk])
        if token.revoked_at is not None:
            # A double click, or a page that stood open.
            messages.info(request, _("The token %(token)s was revoked before.") % {"token": token})
            return HttpResponseRedirect(here)

        def do() -> HttpResponse:
            revoke_token(token=token, actor=staff_of(request))
            self.log_change(request, token, _("Revoked."))
            messages.success(request, _("The token %(token)s was revoked.") % {"token": token})
            return HttpResponseRedirect(here)

        act = Act(
            title=_("Revoke the token %(token)s") % {"token": token},
            button=_("Revoke this token"),
            is_dangerous=True,
            text=[
                _("Calls by it are refused at once, for good. License keys that were issued by it stay as they are.")
            ],
            facts=[
                (_("What it may do"), self.may(token)),
                (_("Made by"), token.made_by),
                (_("Last used"), formats.localize(token.last_used_at) if token.last_used_at else _("never")),
            ],
        )
        return confirmed(self, request, act, token, do)

    @admin.display(description=gettext_lazy("ends with"), ordering="tail")
    def tail_shown(self, token: ShopToken) -> str:
        """Its last five characters."""
        return f"…{token.tail}"

    @admin.display(description=gettext_lazy("may"))
    def may(self, token: ShopToken) -> str:
        """What it lets its bearer do."""
        return one_line(Scope(scope).label for scope in token.scopes)

    @admin.display(description=gettext_lazy("state"))
    def state(self, token: ShopToken) -> str:
        """Whether it can be used."""
        if token.revoked_at is not None:
            return _("revoked on %(day)s") % {"day": formats.date_format(token.revoked_at, "DATE_FORMAT")}
        return _("in force") if token.is_in_force(clock.real_now()) else _("expired")


def _may_revoke(request: HttpRequest) -> bool:
    return staff_of(request).has_perm("shop.change_shoptoken")
