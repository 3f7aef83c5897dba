"""The end of a unit's life: retired by an administrator, or replaced by staff (R27)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction

from hardware.errors import ReplacementRefused, UnitEnded
from hardware.keys import normalize_serial
from hardware.models import HardwareUnit, ManufacturedUnit, Replacement
from hardware.placing import held_accounts, holding_account, place_system, rebase_systems
from hardware.queries import UnitState, systems_on, unit_states
from history.models import Action
from history.record import record
from licensemgr.core.integrity import is_taken
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import User
from subscriptions.queries import ProductStanding, product_standing, standing_after
from wallet import ledger
from wallet.models import AccountCategory, TransferReason


@dataclass(frozen=True)
class RetirementPreview:
    """What retiring a unit would do on a date: what its page says before (R27)."""

    state: UnitState
    before: ProductStanding
    after: ProductStanding

    @property
    def counting(self) -> Mapping[str, int]:
        """The devices, per type code, that would count for the subscription; none where they do already (R25)."""
        return self.state.devices if self.state.is_tied else {}


def preview_retirement(unit: HardwareUnit, on: date) -> RetirementPreview:
    """What retiring the unit on ``on`` would do to it and to its product's standing."""
    [state] = unit_states(unit.organization, [unit])
    before = product_standing(unit.registered_product, on)
    more = state.devices if state.is_tied else {}
    return RetirementPreview(
        state, before, standing_after(before, more, before.units.without(unit.serial, was_lacking=bool(state.lacks)))
    )


def retire_unit(*, unit: HardwareUnit, actor: User | None, on: date) -> HardwareUnit:
    """End a unit's life: its licenses end, and its systems' devices count for the subscription from this day (R27).

    Raises UnitEnded when it ended before.
    """
    with changing(unit.organization, on) as organization:
        unit = HardwareUnit.objects.select_related("registered_product__product").get(
            pk=unit.pk, organization=organization
        )
        if unit.ended_on is not None:
            raise UnitEnded(serial=unit.serial, on=unit.ended_on)
        ended = held_accounts(unit)
        if ended:
            ledger.transfer(
                registered_product=unit.registered_product,
                reason=TransferReason.ENDED,
                moves=[
                    ledger.Move(
                        account,
                        ledger.single_account(
                            unit.registered_product, account.license_type, account.kind, AccountCategory.ENDED
                        ),
                        account.balance,
                    )
                    for account in ended
                ],
                actor=actor,
                on=on,
            )
        unit.ended_on, unit.ended_by = on, actor
        unit.save(update_fields=["ended_on", "ended_by"])
        record(
            organization=organization,
            action=Action.UNIT_RETIRED,
            actor=actor,
            on=on,
            product=unit.registered_product.product,
            serial=unit.serial,
            licenses={account.license_type.code: account.balance for account in ended},
        )
        rebase_systems(organization, unit.serial, on)
    return unit


def replace_unit(*, old_unit: HardwareUnit, new_serial: str, reason: str, actor: User, on: date) -> Replacement:
    """Let a repaired or exchanged unit take the place of ``old_unit``: its licenses and systems move to it, once (R27).

    For staff only. The new unit has to be one that was made for the same product and that nobody registered; what comes
    preloaded on it is not added, as it stands for the old one. Raises UnitEnded, ReplacementRefused.
    """
    reason = " ".join(reason.split())[:300]
    if not reason:
        raise ReplacementRefused(
            _("A replacement needs a reason. Nothing was changed. Enter why the unit is replaced.")
        )
    with changing(old_unit.organization, on) as organization:
        old_unit = HardwareUnit.objects.select_related("registered_product__product").get(
            pk=old_unit.pk, organization=organization
        )
        if old_unit.ended_on is not None:
            raise UnitEnded(serial=old_unit.serial, on=old_unit.ended_on)
        new_unit = _register_replacement(old_unit, normalize_serial(new_serial), actor, on)
        held = held_accounts(old_unit)
        made = None
        if held:
            made = ledger.transfer(
                registered_product=old_unit.registered_product,
                reason=TransferReason.REPLACED,
                moves=[
                    ledger.Move(account, holding_account(new_unit, account.license_type), account.balance)
                    for account in held
                ],
                actor=actor,
                on=on,
            )
        old_unit.ended_on, old_unit.ended_by = on, actor
        old_unit.save(update_fields=["ended_on", "ended_by"])
        replacement = Replacement.objects.create(
            organization=organization,
            old_unit=old_unit,
            new_unit=new_unit,
            transfer=made,
            reason=reason,
            replaced_by=actor,
            replaced_on=on,
        )
        record(
            organization=organization,
            action=Action.UNIT_REPLACED,
            actor=actor,
            on=on,
            product=old_unit.registered_product.product,
            serial=old_unit.serial,
            new_serial=new_unit.serial,
            reason=reason,
            licenses={account.license_type.code: account.balance for account in held},
        )
        for system in systems_on(organization, [old_unit.serial]).get(old_unit.serial, ()):
            system.organization = organization
            place_system(system, new_unit.serial, on)
        rebase_systems(organization, new_unit.serial, on)
    return replacement


def _register_replacement(old_unit: HardwareUnit, serial: str, actor: User, on: date) -> HardwareUnit:
    made = ManufacturedUnit.objects.select_related("hardware_model").filter(serial=serial).first()
    if made is None or made.hardware_model.product_id != old_unit.registered_product.product_id:
        raise ReplacementRefused(
            _(
                "No unit with the serial number %(serial)s was made for this product. Nothing was changed. Compare it with the "
                "label, or take in the file of units that were made first."
            )
            % {"serial": serial}
        )
    try:
        with transaction.atomic():
            return HardwareUnit.objects.create(
                organization_id=old_unit.organization_id,
                registered_product=old_unit.registered_product,
                made=made,
                serial=made.serial,
                registered_on=on,
                registered_by=actor,
            )
    except IntegrityError as error:
        if not is_taken(error, HardwareUnit, "made"):
            raise
        raise ReplacementRefused(
            _("The unit %(serial)s is registered already. Nothing was changed. Choose a unit that nobody registered.")
            % {"serial": serial}
        ) from error
