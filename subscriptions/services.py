"""Verbs that change subscriptions."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from history.models import Action
from history.record import record
from licensemgr.core.calendar import years_since
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind, LicenseType, RegisteredProduct
from subscriptions import rules
from subscriptions.allocation import (
    AllocationPreview,
    Plan,
    clean_plan,
    describe_changes,
    facts_shown,
    preview_allocation,
)
from subscriptions.errors import AlreadyStarted, ConfirmationChanged, ConfirmationUsed
from subscriptions.models import Allocation, Subscription, SubscriptionPeriod, SubscriptionYear, YearHolding
from subscriptions.queries import standings
from wallet import ledger
from wallet.models import AccountCategory, LedgerAccount, LotOrigin, Transfer, TransferReason


def start_subscription(*, registered_product: RegisteredProduct, actor: User | None, on: date) -> Subscription:
    """Start the product's subscription; the organization's first one sets its anchor for good (R7, R8).

    Raises AlreadyStarted.
    """
    with changing(registered_product.organization, on) as organization:
        earlier = Subscription.objects.filter(registered_product=registered_product).first()
        if earlier is not None:
            raise AlreadyStarted(started_on=earlier.started_on)
        period, _created = SubscriptionPeriod.objects.get_or_create(
            organization=organization, defaults={"anchor_on": on}
        )
        subscription = Subscription.objects.create(
            organization=organization, registered_product=registered_product, started_on=on
        )
        year = rules.current_year(period.anchor_on, on)
        SubscriptionYear.objects.create(organization=organization, subscription=subscription, number=year.number)
        record(
            organization=organization,
            action=Action.SUBSCRIPTION_STARTED,
            actor=actor,
            on=on,
            product=registered_product.product,
            first_day=year.first.isoformat(),
            last_day=year.last.isoformat(),
            grace_last_day=rules.grace_last_day(year, on).isoformat(),
        )
    return subscription


def allocate_licenses(
    *,
    registered_product: RegisteredProduct,
    plan: Plan,
    nonce: UUID,
    actor: User | None,
    on: date,
    facts: Mapping[str, Any] | None = None,
) -> Allocation:
    """Allocate licenses from the wallet to subscription years, whole or not at all, and compensate (R15-R20).

    ``plan`` maps a year's offset from the current one to quantities per type code. The same ``nonce`` counts once.
    ``facts``, where given, is what the confirmed page rested on (`facts_shown`). Raises ConfirmationUsed,
    ConfirmationChanged, and what `preview_allocation` raises; then nothing has changed.
    """
    with changing(registered_product.organization, on) as organization:
        repeated = Allocation.objects.filter(organization=organization, nonce=nonce).first()
        if repeated is not None:
            return _same_confirmation(repeated, registered_product, plan)
        registered_product = RegisteredProduct.objects.select_related("product").get(
            pk=registered_product.pk, organization=organization
        )
        registered_product.organization = organization
        [standing] = standings(organization, on, [registered_product])
        if facts is not None and (changes := describe_changes(facts, facts_shown(standing))):
            raise ConfirmationChanged(changes)
        preview = preview_allocation(standing, plan)
        subscription = Subscription.objects.get(registered_product=registered_product)
        made = _move_to_years(preview, subscription, actor, on)
        allocation = Allocation.objects.create(
            organization=organization,
            subscription=subscription,
            nonce=nonce,
            transfer=made,
            compensation=_compensate(preview, on),
            plan=_plan_by_year(preview),
            allocated_by=actor,
            allocated_on=on,
        )
        record(
            organization=organization,
            action=Action.LICENSES_ALLOCATED,
            actor=actor,
            on=on,
            product=registered_product.product,
            years=[
                {
                    "first_day": year.standing.year.first.isoformat(),
                    "last_day": year.standing.year.last.isoformat(),
                    "licenses": dict(year.quantities),
                }
                for year in preview.years
            ],
        )
        _record_compensation(preview, on)
    return allocation


def _same_confirmation(repeated: Allocation, registered_product: RegisteredProduct, plan: Plan) -> Allocation:
    """The confirmation that took effect before, if this is the same one again (R18)."""
    period = SubscriptionPeriod.objects.get(organization_id=repeated.organization_id)
    first = years_since(period.anchor_on, repeated.allocated_on)
    numbered = {str(first + offset): dict(quantities) for offset, quantities in clean_plan(plan).items()}
    if repeated.subscription.registered_product_id != registered_product.pk or repeated.plan != numbered:
        raise ConfirmationUsed
    return repeated


def _plan_by_year(preview: AllocationPreview) -> dict[str, dict[str, int]]:
    return {str(year.standing.year.number): dict(year.quantities) for year in preview.years}


def _move_to_years(preview: AllocationPreview, subscription: Subscription, actor: User | None, on: date) -> Transfer:
    """Move what the preview takes from the lots to the accounts of the years (R17)."""
    standing = preview.standing
    types = {license_type.code: license_type for license_type in standing.types}
    takings = [taking for year in preview.years for taken in year.takings.values() for taking in taken]
    lots = LedgerAccount.objects.select_related("license_type").in_bulk(
        sorted({taking.lot.account_id for taking in takings})
    )
    moves: list[ledger.Move] = []
    for year in preview.years:
        row, _created = SubscriptionYear.objects.get_or_create(
            organization_id=subscription.organization_id,
            subscription=subscription,
            number=year.standing.year.number,
        )
        for code, taken in year.takings.items():
            holding = _holding_account(standing.registered_product, row, types[code])
            moves += [ledger.Move(lots[taking.lot.account_id], holding, taking.quantity) for taking in taken]
    return ledger.transfer(
        registered_product=standing.registered_product,
        reason=TransferReason.ALLOCATED,
        moves=moves,
        actor=actor,
        on=on,
    )


def _holding_account(
    registered_product: RegisteredProduct, year: SubscriptionYear, license_type: LicenseType
) -> LedgerAccount:
    holding = YearHolding.objects.filter(year=year, license_type=license_type).select_related("account").first()
    if holding is None:
        holding = YearHolding.objects.create(
            organization_id=year.organization_id,
            year=year,
            license_type=license_type,
            account=ledger.open_account(
                registered_product, license_type, LicenseKind.SUBSCRIPTION, AccountCategory.HELD
            ),
        )
    return holding.account


def _compensate(preview: AllocationPreview, on: date) -> Transfer | None:
    """Give back the license days, and make every full 365 into a license in the wallet, a lot of its own (R19)."""
    registered_product = preview.standing.registered_product
    types = {license_type.code: license_type for license_type in preview.standing.types}
    kind = LicenseKind.SUBSCRIPTION
    moves: list[ledger.Move] = []
    lots: list[ledger.Move] = []
    for code, given in preview.compensation.items():
        if not given.days_given:
            continue
        credit = ledger.single_account(registered_product, types[code], kind, AccountCategory.DAYS_CREDIT)
        source = ledger.single_account(registered_product, types[code], kind, AccountCategory.DAYS_GIVEN)
        moves.append(ledger.Move(source, credit, given.days_given))
        if given.licenses:
            made_up = ledger.single_account(registered_product, types[code], kind, AccountCategory.DAYS_COMPENSATED)
            moves.append(ledger.Move(credit, made_up, given.licenses * rules.DAYS_PAID))
            lots.append(
                ledger.enter_lot(
                    registered_product=registered_product,
                    license_type=types[code],
                    kind=kind,
                    quantity=given.licenses,
                )
            )
    if not moves:
        return None
    made = ledger.transfer(
        registered_product=registered_product,
        reason=TransferReason.COMPENSATED,
        moves=[*moves, *lots],
        actor=None,
        on=on,
    )
    ledger.add_lots(made, lots, LotOrigin.COMPENSATED)
    return made


def _record_compensation(preview: AllocationPreview, on: date) -> None:
    given = {code: compensation for code, compensation in preview.compensation.items() if compensation.days_given}
    if given:
        record(
            organization=preview.standing.registered_product.organization,
            action=Action.LICENSES_COMPENSATED,
            actor=None,
            on=on,
            product=preview.standing.product,
            days={code: compensation.days_given for code, compensation in given.items()},
            licenses={code: compensation.licenses for code, compensation in given.items() if compensation.licenses},
            credit_days={code: compensation.credit_after for code, compensation in given.items()},
        )
