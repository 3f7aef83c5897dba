"""What became of license keys: in which state each is, and where the redeemed ones went. Read by the vendor only."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import models
from django.db.models import Case, Count, Exists, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import formats
from django.utils.translation import gettext_lazy

from licensemgr.core import clock
from licensemgr.core.worded import gettext as _
from wallet.models import KeyBatch, LicenseKey, Redemption


class KeyState(models.TextChoices):
    """What can be done with a license key. A redemption that was undone counts no more (R33)."""

    FREE = "free", gettext_lazy("free")
    REDEEMED = "redeemed", gettext_lazy("redeemed")
    REVOKED = "revoked", gettext_lazy("revoked")
    TOO_LATE = "too_late", gettext_lazy("too late")


def vendors_today() -> date:
    """The date by which the vendor sees that the last day to redeem a key is over; an organization's own may differ by one."""
    return clock.now().date()


def counting_redemption_of(key: "OuterRef | LicenseKey") -> "QuerySet[Redemption]":
    """The redemption of a key that is not undone."""
    return Redemption.objects.filter(license_key=key, undone_on=None)


def keys_with_state(keys: "QuerySet[LicenseKey]", on: date) -> "QuerySet[LicenseKey]":
    """The keys, each with its ``state`` on ``on``."""
    return keys.annotate(
        state=Case(
            When(Exists(counting_redemption_of(OuterRef("pk"))), then=Value(KeyState.REDEEMED)),
            When(revoked_at__isnull=False, then=Value(KeyState.REVOKED)),
            When(batch__redeem_by__lt=on, then=Value(KeyState.TOO_LATE)),
            default=Value(KeyState.FREE),
        )
    )


@dataclass(frozen=True)
class WhereKeyWent:
    """A redeemed key: into which organization, when and by whom."""

    tail: str
    organization: str
    redeemed_on: date
    redeemed_by: str

    @classmethod
    def by(cls, redemption: Redemption) -> "WhereKeyWent":
        """Where a redemption took its key."""
        return cls(
            tail=redemption.license_key.tail,
            organization=redemption.organization.name,
            redeemed_on=redemption.redeemed_on,
            redeemed_by=str(redemption.redeemed_by or _("License Manager")),
        )

    def __str__(self) -> str:
        return _("redeemed by %(organization)s on %(day)s (%(person)s)") % {
            "organization": self.organization,
            "day": formats.date_format(self.redeemed_on, "DATE_FORMAT"),
            "person": self.redeemed_by,
        }


def where_keys_went(keys: "QuerySet[LicenseKey]", limit: int | None = None) -> list[WhereKeyWent]:
    """Where the redeemed ones among the keys went, the latest first, at most ``limit`` of them."""
    redemptions = (
        Redemption.objects.filter(license_key__in=keys, undone_on=None)
        .select_related("organization", "license_key", "redeemed_by")
        .order_by("-redeemed_on", "-pk")
    )
    return [WhereKeyWent.by(redemption) for redemption in redemptions[:limit]]


def batches_with_numbers(batches: "QuerySet[KeyBatch]") -> "QuerySet[KeyBatch]":
    """The batches, each with how many keys it has (``keys_total``), and how many are redeemed and revoked."""
    keys = LicenseKey.objects.filter(batch=OuterRef("pk"))
    redeemed = Redemption.objects.filter(license_key__batch=OuterRef("pk"), undone_on=None)
    return batches.annotate(
        keys_total=_number(keys, "batch"),
        keys_redeemed=_number(redeemed, "license_key__batch"),
        keys_revoked=_number(keys.filter(revoked_at__isnull=False), "batch"),
    )


def _number(rows: "QuerySet[Any]", of: str) -> Coalesce:
    counted = rows.order_by().values(of).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
