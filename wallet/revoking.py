"""Verbs that revoke license keys which nobody has redeemed. What was redeemed is the organization's, and stays."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from licensemgr.core import clock
from organizations.models import User
from wallet import key_changes
from wallet.batches import counting_redemption_of, where_keys_went
from wallet.errors import KeyNotRevoked
from wallet.models import KeyBatch, LicenseKey


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
    reason = _reason(reason)
    with transaction.atomic():
        # Locked first and looked at afterwards: a redemption that is under way ends before, and is seen.
        keys = LicenseKey.objects.filter(batch=batch)
        list(keys.select_for_update().filter(revoked_at=None).order_by("pk").values_list("pk", flat=True))
        redeemed = Exists(counting_redemption_of(OuterRef("pk")))
        revoked = _mark_revoked(keys.filter(~redeemed, revoked_at=None), reason, actor)
        if not revoked:
            raise KeyNotRevoked(
                _(
                    "Every key of this batch was redeemed or revoked before. Nothing was changed; see below where they went."
                )
            )
        return RevokedBatch(revoked, keys.filter(redeemed).count())


def _mark_revoked(keys: "QuerySet[LicenseKey]", reason: str, actor: User | None) -> int:
    """Revokes the keys, all of one batch and locked, and tells of it; returns how many."""
    revoked = list(keys.select_related("batch__product").order_by("pk"))
    LicenseKey.objects.filter(pk__in=[key.pk for key in revoked]).update(
        revoked_at=clock.real_now(), revoked_by=actor, revoked_reason=reason
    )
    key_changes.tell("revoked", revoked)
    return len(revoked)


def _reason(text: str) -> str:
    """The reason in one line, at most 200 characters."""
    reason = " ".join(text.split())[:200]
    if not reason:
        raise KeyNotRevoked(_("A revocation needs a reason. Nothing was revoked."))
    return reason
