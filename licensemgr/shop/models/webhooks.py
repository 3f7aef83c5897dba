"""What the shop is told: events about license keys, and every try to deliver them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from licensemgr.core.worded import SentenceField


class WebhookKind(models.TextChoices):
    """What an event tells of license keys."""

    REDEEMED = "keys.redeemed", _("License key redeemed")
    UNDONE = "keys.undone", _("Redemption undone")
    REVOKED = "keys.revoked", _("License keys revoked")
    # Staff send it to one webhook; it tells of no key.
    TEST = "webhook.test", _("Test")


class WebhookEndpoint(models.Model):
    """An address of the shop that is told."""

    name = models.CharField(_("name"), max_length=120)
    url = models.CharField(_("address"), max_length=500)
    # Values of `WebhookKind` that tell of keys, at least one.
    kinds = models.JSONField(_("events"))
    # The secret under which deliveries are signed, encrypted.
    sealed_secret = models.BinaryField(editable=False)
    is_on = models.BooleanField(_("on"), default=True)
    # Why the portal itself turned it off, in a sentence; empty where it did not.
    off_because = SentenceField(_("turned off because"), blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(pgettext_lazy("on a day", "made"))
    # Names the form that was sent, so that a double click makes one webhook; what the secret is bound to.
    form_token = models.UUIDField(unique=True, editable=False)

    class Meta:
        verbose_name = _("webhook")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(models.Model):
    """Something that happened to license keys of one batch, written in the transaction in which it happened."""

    event_id = models.UUIDField(unique=True)
    kind = models.CharField(_("event"), max_length=40, choices=WebhookKind)
    # What is delivered, the same at every try.
    payload = models.JSONField()
    happened_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.event_id}"


class WebhookDelivery(models.Model):
    """One event for one endpoint: tried until it is taken, or given up."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        GIVEN_UP = "given_up", _("Given up")

    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="deliveries", verbose_name=_("webhook"))
    event = models.ForeignKey(WebhookEvent, models.PROTECT, related_name="deliveries")
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.WAITING)
    # Tries since the delivery began, or was last replayed.
    attempts = models.PositiveIntegerField(_("tries"), default=0)
    next_attempt_at = models.DateTimeField(_("next try"))
    # Until then a worker has it in hand; one that was killed leaves it to the others from then on.
    claimed_until = models.DateTimeField(null=True, editable=False)
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="webhook_delivery_once")]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(state="waiting"), name="webhook_delivery_due")
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.endpoint}"


class WebhookAttempt(models.Model):
    """One try to deliver, and how it ended."""

    delivery = models.ForeignKey(WebhookDelivery, models.PROTECT, related_name="log")
    at = models.DateTimeField(_("when"))
    # What the endpoint answered; empty where it did not.
    status = models.PositiveSmallIntegerField(_("answer"), null=True)
    # Why it was no success, in a sentence; empty where it was.
    problem = SentenceField(_("problem"), blank=True)
    milliseconds = models.PositiveIntegerField(_("milliseconds"))

    class Meta:
        ordering = ["delivery", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
