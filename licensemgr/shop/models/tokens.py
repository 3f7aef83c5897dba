"""The tokens by which the vendor's shop proves itself."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from licensemgr.core.models import Caller


class Scope(models.TextChoices):
    """What a token lets its bearer do."""

    ISSUE = "keys:issue", _("Issue license keys, and replace those that nobody redeemed")
    READ = "keys:read", _("Ask the state of license keys")
    REVOKE = "keys:revoke", _("Revoke license keys that nobody redeemed")


class ShopToken(Caller):
    """A bearer token. Shown once; only a hash of its 256 random bits is kept."""

    name = models.CharField(_("name"), max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    tail = models.CharField(max_length=5, editable=False)
    # Values of `Scope`, at least one.
    scopes = models.JSONField(_("scopes"))
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(pgettext_lazy("on a day", "made"))
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(pgettext_lazy("on a day", "revoked"), null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    last_used_at = models.DateTimeField(_("last used"), null=True)
    # Names the form that was sent, so that a double click makes one token.
    form_token = models.UUIDField(unique=True, editable=False)

    class Meta:
        verbose_name = _("shop token")
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} …{self.tail}"

    def is_in_force(self, at: datetime) -> bool:
        """Whether it can be used at that instant of the machine's clock."""
        return self.revoked_at is None and at < self.expires_at
