"""Brings everything that is sealed under the ENCRYPTION_SECRET of now, so that a former one can be forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model

from hardware.models import ManufacturedUnit, UnitImportPiece
from licensemgr.core.models import SigningKey
from licensemgr.core.sealing import Purpose, SealBroken, sealed_anew
from licensemgr.shop.models import WebhookEndpoint

# Rows of one transaction: what registers or imports units waits for no more than these.
ROWS = 500


@dataclass(frozen=True)
class Sealed:
    """A column in which something is sealed, for which purpose, and to what each row binds it."""

    model: type[Model]
    column: str
    purpose: Purpose
    bound_to: Callable[[Any], str]
    joined: tuple[str, ...] = ()


SEALED = (
    Sealed(SigningKey, "sealed", Purpose.SIGNING_KEYS, lambda row: str(row.kid)),
    Sealed(WebhookEndpoint, "sealed_secret", Purpose.WEBHOOKS, lambda row: str(row.form_token)),
    Sealed(ManufacturedUnit, "proof_key", Purpose.PROOF_KEYS, lambda row: str(row.serial)),
    Sealed(
        UnitImportPiece,
        "sealed",
        Purpose.PIECES,
        lambda row: f"{row.unit_import.digest}:{row.number}",
        joined=("unit_import",),
    ),
)


@dataclass
class Renewed:
    """What became of the rows of a column; ``lost`` are those that no known secret opens."""

    sealed: Sealed
    renewed: int = 0
    as_it_was: int = 0
    lost: int = 0


def renew_all(rows: int = ROWS) -> Iterator[Renewed]:
    """Seal anew what is sealed under a former secret, column by column, in transactions of ``rows`` rows.

    It can be ended at any moment and be run again, and by two at once: what is under the secret of now stays as it is, and a row
    is locked while it is changed.
    """
    for sealed in SEALED:
        yield _renew(sealed, rows)


def _renew(sealed: Sealed, rows: int) -> Renewed:
    done = Renewed(sealed)
    last = 0
    while True:
        with transaction.atomic():
            found = list(
                sealed.model._default_manager.select_for_update(of=("self",))
                .select_related(*sealed.joined)
                .filter(pk__gt=last)
                .order_by("pk")[:rows]
            )
            changed = [row for row in found if _seal_anew(row, sealed, done)]
            sealed.model._default_manager.bulk_update(changed, [sealed.column])
        if len(found) < rows:
            return done
        last = found[-1].pk


def _seal_anew(row: Any, sealed: Sealed, done: Renewed) -> bool:
    """Seal the row's column anew, in memory; whether that changed it."""
    before = getattr(row, sealed.column)
    try:
        after = sealed_anew(before, purpose=sealed.purpose, bound_to=sealed.bound_to(row))
    except SealBroken:
        done.lost += 1
        return False
    if after is None:
        done.as_it_was += 1
        return False
    setattr(row, sealed.column, after)
    done.renewed += 1
    return True
