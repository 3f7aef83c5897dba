"""Verbs that revoke license keys which nobody has redeemed. What was redeemed is the organization's, and stays."""

from dataclasses import dataclass
from itertools import groupby

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from licensemgr.core import clock
from licensemgr.core.worded import gettext as _
from organizations.models import User
from wallet import key_changes
from wallet.batches import counting_redemption_of, where_keys_went
from wallet.errors import KeyNotRevoked
from wallet.models import KeyBatch, LicenseKey

_IS_REDEEMED = Exists(counting_redemption_of(OuterRef("pk")))


def revoke_key(*, key: LicenseKey, reason: str, actor: User | None) -> LicenseKey:
    """Revoke one key. Raises KeyNotRevoked without a reason, when it was redeemed (and where it went), or twice."""
    reason = _reason(reason)
    with transaction.atomic():
        rows = LicenseKey.objects.filter(pk=key.pk)
        locked = rows.select_for_update().get()
        went = where_keys_went(rows)
        if went:
            raise KeyNotRevoked(
                _("This key can't be revoked: it was %(where)s. Nothing was changed.") % {"where": went[0]}
            )
        if locked.revoked_at is not None:
            raise KeyNotRevoked(_("This key was revoked before. Nothing was changed."))
        _mark_revoked(rows, reason, actor)
    locked.refresh_from_db()
    return locked


@dataclass(frozen=True)
class RevokedBatch:
    """What revoking a batch did: how many keys were revoked, and how many can't be, as they were redeemed before."""

    revoked: int
    redeemed: int


def revoke_unredeemed(*, batch: KeyBatch, reason: str, actor: User | None) -> RevokedBatch:
    """Revoke every key of a batch that nobody has redeemed, in one transaction.

    Raises KeyNotRevoked without a reason, or when no key is left to revoke.
    """
    keys = LicenseKey.objects.filter(batch=batch)
    with transaction.atomic():
        revoked = revoke_those_unredeemed(keys=keys, reason=reason, actor=actor)
        if not revoked:
            raise KeyNotRevoked(
                _(
                    "Every key of this batch was redeemed or revoked before. Nothing was changed; see below where they went."
                )
            )
        return RevokedBatch(len(revoked), keys.filter(_IS_REDEEMED).count())


def revoke_those_unredeemed(*, keys: "QuerySet[LicenseKey]", reason: str, actor: User | None) -> list[LicenseKey]:
    """Revoke those of the keys, of whichever batches, that nobody has redeemed; returns which.

    Raises KeyNotRevoked without a reason. Whoever wants all of them or none looks at what is returned, in a transaction of its own.
    """
    reason = _reason(reason)
    with transaction.atomic():
        # Locked first and looked at afterwards: a redemption that is under way ends before, and is seen.
        list(keys.select_for_update(of=("self",)).filter(revoked_at=None).order_by("pk").values_list("pk", flat=True))
        return _mark_revoked(keys.filter(~_IS_REDEEMED, revoked_at=None), reason, actor)


def _mark_revoked(keys: "QuerySet[LicenseKey]", reason: str, actor: User | None) -> list[LicenseKey]:
    """Revokes the keys, which are locked, and tells of it batch by batch; returns them."""
    revoked = list(keys.select_related("batch__product").order_by("batch_id", "pk"))
    LicenseKey.objects.filter(pk__in=[key.pk for key in revoked]).update(
        revoked_at=clock.real_now(), revoked_by=actor, revoked_reason=reason
    )
    for _batch, of_batch in groupby(revoked, key=lambda key: key.batch_id):
        key_changes.tell("revoked", list(of_batch))
    return revoked


def _reason(text: str) -> str:
    """The reason in one line, at most 200 characters."""
    reason = " ".join(text.split())[:200]
    if not reason:
        raise KeyNotRevoked(_("A revocation needs a reason. Nothing was revoked."))
    return reason
