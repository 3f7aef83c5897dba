"""What the shop is told: events about license keys, and every try to deliver them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class WebhookKind(models.TextChoices):
    """What an event tells of license keys."""

    REDEEMED = "keys.redeemed", _("License key redeemed")
    UNDONE = "keys.undone", _("Redemption undone")
    REVOKED = "keys.revoked", _("License keys revoked")


class WebhookEndpoint(models.Model):
    """An address of the shop that is told."""

    name = models.CharField(_("name"), max_length=120)
    url = models.CharField(_("address"), max_length=500)
    # Values of `WebhookKind`, at least one.
    kinds = models.JSONField(_("events"))
    # The secret under which deliveries are signed, encrypted.
    sealed_secret = models.BinaryField(editable=False)
    is_on = models.BooleanField(_("on"), default=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("webhook")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(models.Model):
    """Something that happened to license keys of one batch, written in the transaction in which it happened."""

    event_id = models.UUIDField(unique=True)
    kind = models.CharField(max_length=40, choices=WebhookKind)
    # What is delivered, word for word the same at every try.
    payload = models.JSONField()
    happened_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class WebhookDelivery(models.Model):
    """One event for one endpoint: tried until it is taken, or given up."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        GIVEN_UP = "given_up", _("Given up")

    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, models.PROTECT, related_name="deliveries")
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.WAITING)
    # Tries since the delivery began, or was last replayed.
    attempts = models.PositiveIntegerField(_("tries"), default=0)
    next_attempt_at = models.DateTimeField(_("next try"))
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
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(_("milliseconds"))

    class Meta:
        ordering = ["delivery", "-pk"]
