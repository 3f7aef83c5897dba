"""Which rows are carried with an organization, in the order in which they can be written down; and why others are not."""

import base64
import hashlib
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Field, ForeignKey, Model, QuerySet

from hardware import models as hardware
from hardware.keys import seal_proof_key
from history.models import HistoryHead, Record
from history.record import search_text_of
from licensemgr.core import clock
from licensemgr.core.peppers import IMPORTED
from organizations.models import Invitation, Membership, Organization, SavedView, User
from products.models import DeviceCount, DeviceList, RegisteredProduct, System
from subscriptions import models as subscriptions
from wallet import models as wallet

# A row as its line of the file has it: a value for each field by its name, and ``id``.
Row = dict[str, Any]
# Under which id this database has what the file calls by a kind's label and an id.
Find = Callable[[str, object], int]


class CarryRefused(Exception):
    """A file that is not taken in; nothing was changed. The message is a sentence."""


def _of(organization: Organization, model: type[Model]) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._default_manager.filter(organization=organization)
    return rows


def _as_it_is(row: Row, find: Find) -> None:
    """Nothing has to be changed."""


@dataclass(frozen=True)
class Kind:
    """A kind of row that is carried.

    ``instead`` are the fields that stay behind, and what stands there in the other instance: each is a secret, a matter of
    this instance, or the vendor's own. ``give`` changes a row on its way into the file, ``take`` on its way out of it; that
    raises CarryRefused for what can't be. Files that were written before the kind was carried have no part of one that is not
    ``needed``.
    """

    model: type[Model]
    instead: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)
    rows: Callable[[Organization, type[Model]], QuerySet[Any]] = _of
    give: Callable[[Row], None] = lambda row: None
    take: Callable[[Row, Find], None] = _as_it_is
    needed: bool = True

    @property
    def label(self) -> str:
        """What the kind is called in the file."""
        return str(self.model._meta.label)

    @property
    def part(self) -> str:
        """The name of its part of the file."""
        return f"data/{self.label}.jsonl"

    def fields(self) -> "Iterator[Field[Any, Any]]":
        """What stands in a line, its id and its organization aside."""
        for each in self.model._meta.concrete_fields:
            if not each.primary_key and each.name != "organization" and each.name not in self.instead:
                yield each

    def people(self) -> list[str]:
        """The fields that name a person."""
        return [each.name for each in self.fields() if isinstance(each, ForeignKey) and each.related_model is User]


def _nothing(row: Row) -> None:
    return None


def _no_hash(row: Row) -> str:
    """Stands where a hash of a secret stood: of nothing that anybody could type."""
    return secrets.token_hex(32)


def _imported(row: Row) -> str:
    return IMPORTED


def _no_proof_key(row: Row) -> bytes:
    """A proof key that no system has."""
    return seal_proof_key(secrets.token_bytes(32), str(row["serial"]))


def _end_now(row: Row, find: Find) -> None:
    """What lets somebody in by a secret that stayed behind is over."""
    row["expires_at"] = min(datetime.fromisoformat(row["expires_at"]), clock.real_now()).isoformat()


def _name_anew(row: Row, find: Find) -> None:
    """History names people and invitations by their ids; those are others here."""
    payload = row["payload"]
    for name, label in (("member", User._meta.label), ("invitation", Invitation._meta.label)):
        if isinstance(payload.get(name), int):
            payload[name] = find(label, payload[name])


def _give_document(row: Row) -> None:
    row["document"] = zlib.decompress(bytes(row.pop("packed"))).decode()


def _take_document(row: Row, find: Find) -> None:
    document = str(row.pop("document")).encode()
    if hashlib.sha256(document).hexdigest() != row["digest"]:
        raise CarryRefused(f"The license file {row['file_id']} is not what was given. Nothing was imported.")
    row["packed"] = base64.b64encode(zlib.compress(document)).decode()


def _redeemed(organization: Organization, what: str) -> QuerySet[Any]:
    """For a subquery: what the organization's redemptions are of."""
    found: QuerySet[Any] = wallet.Redemption.objects.filter(organization=organization).values(what)
    return found


ORGANIZATION = Kind(Organization, rows=lambda organization, model: model._default_manager.filter(pk=organization.pk))
KINDS = (
    Kind(Membership),
    Kind(Invitation, {"digest": _no_hash}, take=_end_now),
    Kind(SavedView),
    Kind(RegisteredProduct),
    Kind(HistoryHead),
    Kind(Record, {"search_text": lambda row: search_text_of(row["payload"])}, take=_name_anew),
    Kind(System),
    Kind(DeviceCount),
    Kind(DeviceList),
    Kind(wallet.LedgerAccount),
    Kind(wallet.Transfer),
    Kind(wallet.Entry),
    Kind(wallet.Lot),
    # Of the vendor's keys those that the organization redeemed, as history: no hash by which one could be redeemed again.
    Kind(
        wallet.KeyBatch,
        {"reseller": _nothing, "issued_by": _nothing, "form_token": _nothing},
        lambda organization, model: model._default_manager.filter(pk__in=_redeemed(organization, "license_key__batch")),
    ),
    Kind(
        wallet.KeyBatchLine,
        rows=lambda organization, model: model._default_manager.filter(
            batch__in=_redeemed(organization, "license_key__batch")
        ),
    ),
    Kind(
        wallet.LicenseKey,
        {"digest": _no_hash, "pepper_id": _imported, "revoked_by": _nothing},
        lambda organization, model: model._default_manager.filter(pk__in=_redeemed(organization, "license_key")),
    ),
    Kind(wallet.Redemption),
    Kind(wallet.Correction),
    Kind(subscriptions.SubscriptionPeriod),
    Kind(subscriptions.Subscription),
    Kind(subscriptions.SubscriptionYear),
    Kind(subscriptions.YearHolding),
    Kind(subscriptions.Allocation),
    Kind(subscriptions.Release),
    # A unit that the other instance knows already keeps its owner authentication key there.
    Kind(
        hardware.ManufacturedUnit,
        {"oak_digest": _no_hash, "pepper_id": _imported, "proof_key": _no_proof_key, "last_import": _nothing},
        lambda organization, model: model._default_manager.filter(registration__organization=organization),
    ),
    Kind(hardware.HardwareUnit),
    Kind(hardware.UnitHolding),
    Kind(hardware.Placement),
    Kind(hardware.LackingUnit),
    Kind(hardware.Expansion),
    Kind(hardware.Replacement),
    Kind(hardware.RegistrationCode, {"digest": _no_hash}, take=_end_now),
    Kind(hardware.SystemIdentity, {"calls_from": _nothing, "calls": lambda row: 0}),
    Kind(hardware.Report),
    Kind(hardware.HeldReport),
    Kind(hardware.LicenseFile, give=_give_document, take=_take_document),
    # No organization's, since the books may not know the system; what is kept of a system that they do know goes with it.
    Kind(
        hardware.ForgottenNumber,
        rows=lambda organization, model: model._default_manager.filter(
            system_id__in=System.objects.filter(organization=organization).values("system_id")
        ),
        needed=False,
    ),
)
# The tenant's tables of which nothing is carried.
LEFT_BEHIND = {
    "organizations.AccessGrant": "who of this vendor's people may look, here and for hours; History tells of it",
    "organizations.WorkOrder": "files that this portal makes, kept for a day",
    "organizations.WorkPiece": "files that this portal makes, kept for a day",
    "core.OutboxMessage": "mail that this portal sent, or sends",
    "wallet.RefusedTries": "counts of this portal's limits",
    "hardware.StagedFile": "uploads that wait for an hour to be confirmed",
}
