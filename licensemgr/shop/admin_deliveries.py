"""Staff see every delivery of a webhook with its tries, and replay it."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import formats
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import Act, HasTools, LooksOnlyAdmin, LooksOnlyInline, Tool, confirmed, row_or_404
from licensemgr.core.worded import gettext as _
from licensemgr.shop.models import WebhookAttempt, WebhookDelivery
from licensemgr.shop.sending import replay
from organizations.staff import staff_of


class WebhookAttemptInline(LooksOnlyInline):
    """The tries of a delivery, the last one first."""

    model = WebhookAttempt
    fields = ("at", "status", "problem", "milliseconds")
    verbose_name_plural = gettext_lazy("tries")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(HasTools, LooksOnlyAdmin):
    """Each event for each webhook: what was sent, every try, and the button that sends it again."""

    inlines = (WebhookAttemptInline,)
    list_display = ("kind", "happened_at", "endpoint", "state", "attempts", "last_problem", "next_try", "delivered_at")
    list_filter = ("state", "event__kind", "endpoint")
    list_select_related = ("endpoint", "event")
    fields = (
        *("kind", "event_id", "happened_at", "endpoint", "state"),
        *("attempts", "next_try", "delivered_at", "payload"),
    )
    readonly_fields = ("kind", "event_id", "happened_at", "next_try", "payload")
    search_fields = ("=event__event_id",)
    search_help_text = gettext_lazy("The whole id of an event.")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[WebhookDelivery]":
        """The deliveries with what went wrong last."""
        deliveries: QuerySet[WebhookDelivery] = super().get_queryset(request)
        last = WebhookAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-pk").values("problem")
        return deliveries.select_related("endpoint", "event").annotate(problem_last=Subquery(last[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        try:
            wanted = uuid.UUID(search_term.strip()) if search_term.strip() else None
        except ValueError:
            return queryset.none(), False
        return (queryset.filter(event__event_id=wanted) if wanted else queryset), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.replay)
        return [path("<path:object_id>/replay/", view, name="shop_webhookdelivery_replay"), *super().get_urls()]

    def tools(self, request: HttpRequest, row: WebhookDelivery) -> Sequence[Tool]:
        if not _may_replay(request):
            return []
        return [Tool(_("Replay"), reverse("admin:shop_webhookdelivery_replay", args=[row.pk]))]

    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a delivery again, after a confirmation."""
        if not _may_replay(request):
            raise PermissionDenied
        delivery: WebhookDelivery = row_or_404(self, request, object_id)
        act = Act(
            title=_("Replay %(delivery)s") % {"delivery": delivery},
            button=_("Replay"),
            text=[
                _(
                    "The same event is sent again under the same id, by which the shop knows that it is no new one. If it "
                    "fails, it is tried again as at first."
                )
            ],
            facts=[
                (_("Event"), self.kind(delivery)),
                (_("Webhook"), delivery.endpoint),
                (_("Address"), delivery.endpoint.url),
                (_("State"), delivery.get_state_display()),
                (_("Tries"), delivery.attempts),
            ],
        )

        def send() -> HttpResponse:
            replay(delivery)
            self.log_change(request, delivery, _("Replayed."))
            messages.success(request, _("It is sent again. Load this page anew to see what came of it."))
            return HttpResponseRedirect(reverse("admin:shop_webhookdelivery_change", args=[delivery.pk]))

        return confirmed(self, request, act, delivery, send)

    @admin.display(description=gettext_lazy("event"), ordering="event__kind")
    def kind(self, delivery: WebhookDelivery) -> str:
        """What happened."""
        return delivery.event.get_kind_display()

    @admin.display(description=gettext_lazy("id"))
    def event_id(self, delivery: WebhookDelivery) -> str:
        """The id under which it is sent."""
        return str(delivery.event.event_id)

    @admin.display(description=gettext_lazy("happened"), ordering="event__happened_at")
    def happened_at(self, delivery: WebhookDelivery) -> str:
        """When it happened."""
        return formats.date_format(delivery.event.happened_at, "DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("next try"), ordering="next_attempt_at")
    def next_try(self, delivery: WebhookDelivery) -> str:
        """When it is tried next, where it is."""
        if delivery.state != WebhookDelivery.State.WAITING:
            return "–"
        return formats.date_format(delivery.next_attempt_at, "DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("what went wrong last"))
    def last_problem(self, delivery: WebhookDelivery) -> str:
        """Why the last try was no success."""
        return str(vars(delivery)["problem_last"] or "")

    @admin.display(description=gettext_lazy("what is sent"))
    def payload(self, delivery: WebhookDelivery) -> str:
        """The event, laid out to be read."""
        text = json.dumps(delivery.event.payload, ensure_ascii=False, sort_keys=True, indent=2)
        return format_html('<pre class="staff-payload">{}</pre>', text)


def _may_replay(request: HttpRequest) -> bool:
    return staff_of(request).has_perm("shop.change_webhookdelivery")
