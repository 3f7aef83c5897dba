"""Staff make webhooks, change them, turn them on and off, give them new secrets, and send a test."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy

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
from licensemgr.shop.addresses import MAXIMUM_LENGTH
from licensemgr.shop.endpoints import (
    KINDS_TO_CHOOSE,
    EndpointMadeBefore,
    GivenSecret,
    change_endpoint,
    make_endpoint,
    renew_secret,
    secret_mark,
    turn_endpoint,
)
from licensemgr.shop.events import write_test
from licensemgr.shop.models import WebhookDelivery, WebhookEndpoint, WebhookKind
from organizations.staff import staff_of


class EndpointForm(forms.Form):
    """A webhook's name and address, and what it is told of."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=MAXIMUM_LENGTH,
        widget=forms.URLInput(attrs={"size": 60, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Public, and by https, such as https://shop.example.com/webhooks."),
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=[(kind.value, kind.label) for kind in KINDS_TO_CHOOSE],
        widget=forms.CheckboxSelectMultiple,
    )


class MakeEndpointForm(EndpointForm):
    """A webhook that is made once, however often the form is sent."""

    form_token = forms.UUIDField(widget=forms.HiddenInput)


class RenewSecretForm(forms.Form):
    """Which secret is to be replaced."""

    replacing = forms.CharField(max_length=64, widget=forms.HiddenInput)


class TurnForm(forms.Form):
    """Which way a webhook is turned, so that a double click does not turn it back."""

    to = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], widget=forms.HiddenInput)


def _may_change(request: HttpRequest) -> bool:
    return staff_of(request).has_perm("shop.change_webhookendpoint")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HasTools, LooksOnlyAdmin):
    """Addresses of the shop that are told of license keys: made, changed and turned off here, never deleted."""

    list_display = ("name", "url", "told_of", "is_on", "waiting", "given_up")
    list_filter = ("is_on",)
    fields = ("name", "url", "told_of", "is_on", "off_because", "waiting", "given_up", "made_by", "made_at")
    readonly_fields = ("told_of", "waiting", "given_up")
    list_select_related = ("made_by",)
    search_fields = ("name", "url")
    ordering = ("name", "pk")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[WebhookEndpoint]":
        """The webhooks with the numbers of their deliveries."""
        states = WebhookDelivery.State
        endpoints: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return endpoints.annotate(
            number_waiting=Count("deliveries", filter=Q(deliveries__state=states.WAITING)),
            number_given_up=Count("deliveries", filter=Q(deliveries__state=states.GIVEN_UP)),
        )

    def get_urls(self) -> list[URLPattern]:
        pages = {"edit": self.edit, "turn": self.turn, "secret": self.new_secret, "test": self.send_test}
        return [
            *(
                path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"shop_webhookendpoint_{name}")
                for name, view in pages.items()
            ),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, row: WebhookEndpoint) -> Sequence[Tool]:
        deliveries = reverse("admin:shop_webhookdelivery_changelist") + f"?endpoint__id__exact={row.pk}"
        tools = [Tool(_("Its deliveries"), deliveries)]
        if _may_change(request):
            if row.is_on:
                tools.append(Tool(_("Send a test event"), _page("test", row)))
            tools += [
                Tool(_("Change"), _page("edit", row)),
                Tool(_("Make a new secret"), _page("secret", row)),
                Tool(_("Turn it off") if row.is_on else _("Turn it on"), _page("turn", row)),
            ]
        return tools

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a webhook; its secret is shown once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kinds = [kind.value for kind in KINDS_TO_CHOOSE]
        form = MakeEndpointForm(posted(request), initial={"form_token": uuid.uuid4(), "kinds": kinds})
        if request.method == "POST" and form.is_valid():
            try:
                given = make_endpoint(actor=staff_of(request), **form.cleaned_data)
            except EndpointMadeBefore as refused:
                messages.warning(request, refused.sentence)
                return HttpResponseRedirect(_page("change", refused.endpoint))
            except Refused as refused:
                refuse(form, refused)
            else:
                self.log_addition(request, given.endpoint, self._log_line(_("Made."), given.endpoint))
                return self._shown_once(request, given)
        act = Act(
            title=_("Make a webhook"),
            button=_("Make it and show its secret"),
            text=[
                _(
                    "From then on the shop is told of each license key that is redeemed, undone or revoked. The secret, by "
                    "which the shop knows that a message is from here, is shown once."
                )
            ],
        )
        return act_page(self, request, act, form)

    def _shown_once(self, request: HttpRequest, given: GivenSecret) -> HttpResponse:
        return shown_once(
            self,
            request,
            given.endpoint,
            title=_("The secret of %(webhook)s") % {"webhook": given.endpoint},
            label=_("Secret"),
            secret=given.secret,
            sentence=_(
                "Copy it into the shop now: it is shown this once. If it is lost, make a new one on the webhook's page."
            ),
        )

    def _changeable(self, request: HttpRequest, object_id: str) -> WebhookEndpoint:
        if not _may_change(request):
            raise PermissionDenied
        endpoint: WebhookEndpoint = row_or_404(self, request, object_id)
        return endpoint

    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give a webhook another name, address or events."""
        endpoint = self._changeable(request, object_id)
        before = {"name": endpoint.name, "url": endpoint.url, "kinds": endpoint.kinds}
        form = EndpointForm(posted(request), initial=before)
        if request.method == "POST" and form.is_valid():
            try:
                changed = change_endpoint(endpoint=endpoint, **form.cleaned_data)
            except Refused as refused:
                refuse(form, refused)
            else:
                self.log_change(request, changed, self._log_line(_("Changed."), changed))
                messages.success(request, _("The webhook %(webhook)s was changed.") % {"webhook": changed})
                return HttpResponseRedirect(_page("change", changed))
        act = Act(
            title=_("Change %(webhook)s") % {"webhook": before["name"]},
            button=_("Change it"),
            text=[_("Deliveries that wait are sent to the new address. The secret stays the same.")],
        )
        return act_page(self, request, act, form, row=endpoint)

    def _log_line(self, what: str, endpoint: WebhookEndpoint) -> str:
        told = {"url": endpoint.url, "events": self.told_of(endpoint)}
        return f"{what} " + _("Address: %(url)s; events: %(events)s") % told

    def turn(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Turn a webhook off, or on again, after a confirmation."""
        endpoint = self._changeable(request, object_id)
        form = TurnForm(posted(request), initial={"to": "off" if endpoint.is_on else "on"})
        if request.method == "POST" and form.is_valid():
            turn_endpoint(endpoint, on=form.cleaned_data["to"] == "on")
            told = _("Turned on.") if endpoint.is_on else _("Turned off.")
            self.log_change(request, endpoint, told)
            messages.success(request, f"{endpoint}: {told}")
            return HttpResponseRedirect(_page("change", endpoint))
        if endpoint.is_on:
            act = Act(
                title=_("Turn %(webhook)s off") % {"webhook": endpoint},
                button=_("Turn it off"),
                is_dangerous=True,
                text=[
                    _(
                        "What happens while it is off is not kept for it. Deliveries that wait stay, and are tried when it is "
                        "turned on again."
                    )
                ],
                facts=[(_("Deliveries that wait"), self.waiting(endpoint))],
            )
        else:
            act = Act(
                title=_("Turn %(webhook)s on") % {"webhook": endpoint},
                button=_("Turn it on"),
                text=[_("It is told of what happens from now on. Deliveries that waited are tried at once.")],
                facts=[
                    (_("Turned off because"), endpoint.off_because or "–"),
                    (_("Deliveries that wait"), self.waiting(endpoint)),
                ],
            )
        return act_page(self, request, act, form, row=endpoint)

    def new_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replace the secret of a webhook; the new one is shown once."""
        endpoint = self._changeable(request, object_id)
        form = RenewSecretForm(posted(request), initial={"replacing": secret_mark(endpoint)})
        if request.method == "POST" and form.is_valid():
            try:
                given = renew_secret(endpoint=endpoint, replacing=form.cleaned_data["replacing"])
            except Refused as refused:
                messages.warning(request, refused.sentence)
                return HttpResponseRedirect(_page("change", endpoint))
            self.log_change(request, endpoint, _("Made a new secret."))
            return self._shown_once(request, given)
        act = Act(
            title=_("Make a new secret for %(webhook)s") % {"webhook": endpoint},
            button=_("Make a new secret and show it"),
            is_dangerous=True,
            text=[
                _(
                    "The present secret stops counting at once, also for deliveries that wait. Until the shop has the new one "
                    "it refuses what is sent, and that is tried again later."
                )
            ],
        )
        return act_page(self, request, act, form, row=endpoint)

    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send an event that tells of nothing."""
        endpoint = self._changeable(request, object_id)
        act = Act(
            title=_("Send a test event to %(webhook)s") % {"webhook": endpoint},
            button=_("Send a test event"),
            text=[_("It tells of no license key, and goes to this webhook alone, within a quarter of a minute.")],
            facts=[(_("Address"), endpoint.url)],
        )

        def send() -> HttpResponse:
            delivery = write_test(endpoint)
            self.log_change(request, endpoint, _("Sent a test event."))
            messages.success(request, _("The test event is on its way. Load this page anew to see what came of it."))
            return HttpResponseRedirect(reverse("admin:shop_webhookdelivery_change", args=[delivery.pk]))

        return confirmed(self, request, act, endpoint, send)

    @admin.display(description=gettext_lazy("events"))
    def told_of(self, endpoint: WebhookEndpoint) -> str:
        """What it is told of."""
        return one_line(WebhookKind(kind).label for kind in endpoint.kinds)

    @admin.display(description=gettext_lazy("deliveries that wait"), ordering="number_waiting")
    def waiting(self, endpoint: WebhookEndpoint) -> int:
        """How many deliveries are still to be taken."""
        return int(vars(endpoint)["number_waiting"])

    @admin.display(description=gettext_lazy("given up"), ordering="number_given_up")
    def given_up(self, endpoint: WebhookEndpoint) -> int:
        """How many were given up."""
        return int(vars(endpoint)["number_given_up"])


def _page(name: str, row: WebhookEndpoint) -> str:
    return reverse(f"admin:shop_webhookendpoint_{name}", args=[row.pk])
