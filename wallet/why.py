"""Where the wallet's numbers come from: the entries of the ledger that sum to them (R23)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.utils import formats

from history.models import Action
from licensemgr.core.worded import gettext as _
from products.models import LicenseKind, LicenseType, RegisteredProduct
from products.why import ADDENDS_PER_PAGE, Addend, Counted, Explanation, Link, explain, of_type, why_link
from wallet.models import AccountCategory, AccountUnit, Entry, LedgerAccount, Lot, Transfer, TransferReason
from wallet.movements import key_reference
from wallet.rules import use_by

# Under which action a transfer of a reason stands on History (R32).
_ON_HISTORY: Mapping[str, Action] = {
    TransferReason.REDEEMED: Action.KEY_REDEEMED,
    TransferReason.ALLOCATED: Action.LICENSES_ALLOCATED,
    TransferReason.COMPENSATED: Action.LICENSES_COMPENSATED,
    TransferReason.EXPIRED: Action.LOT_EXPIRED,
    TransferReason.PRELOADED: Action.UNIT_REGISTERED,
    TransferReason.EXPANDED: Action.UNIT_EXPANDED,
    TransferReason.ENDED: Action.UNIT_RETIRED,
    TransferReason.REPLACED: Action.UNIT_REPLACED,
    TransferReason.UNDONE: Action.REDEMPTION_UNDONE,
    TransferReason.RELEASED: Action.YEAR_RELEASED,
    TransferReason.CORRECTED: Action.WALLET_CORRECTED,
}


@dataclass(frozen=True)
class Accounts:
    """The ledger accounts whose entries sum to a number: those of a product for which ``conditions`` hold.

    With a ``reason``, of all their entries only those of transfers of that reason; with a ``lot``, only those that came from
    it or went back to it; with a ``day``, only those up to its evening.
    """

    registered_product: RegisteredProduct
    conditions: Mapping[str, Any]
    reason: TransferReason | None = None
    lot: Lot | None = None
    day: date | None = None

    def net_by_transfer(self) -> "QuerySet[Entry, dict[str, Any]]":
        """By how much each transfer changed what stands in these accounts, as rows of sequence and ``net``."""
        into = Q(**{f"to_account__{name}": value for name, value in self.conditions.items()})
        out_of = Q(**{f"from_account__{name}": value for name, value in self.conditions.items()})
        entries = Entry.objects.filter(
            into | out_of,
            organization_id=self.registered_product.organization_id,
            transfer__registered_product=self.registered_product,
        )
        if self.reason is not None:
            entries = entries.filter(transfer__reason=self.reason)
        if self.lot is not None:
            entries = entries.filter(Q(from_account=self.lot.account_id) | Q(to_account=self.lot.account_id))
        if self.day is not None:
            entries = entries.filter(transfer__happened_on__lte=self.day)
        net = entries.values("transfer__sequence").annotate(net=_when(into) - _when(out_of)).exclude(net=0)
        return cast("QuerySet[Entry, dict[str, Any]]", net)

    def net(self) -> int:
        """What those entries sum to."""
        return self.net_by_transfer().aggregate(total=Sum("net"))["total"] or 0

    def balance(self) -> int:
        """What stands in them."""
        accounts = LedgerAccount.objects.filter(
            organization_id=self.registered_product.organization_id,
            registered_product=self.registered_product,
            **self.conditions,
        )
        return accounts.aggregate(total=Sum("balance"))["total"] or 0


def _when(condition: Q) -> Sum:
    return Sum(Case(When(condition, then=F("quantity")), default=Value(0)))


def explain_entries(
    accounts: Accounts,
    *,
    title: str,
    rule: str,
    number: int,
    counted: Counted = Counted.LICENSES,
    first: Sequence[Addend] = (),
    through: int | None = None,
    after: str = "",
) -> Explanation:
    """The transfers that changed what stands in the accounts, the newest first, a page at a time.

    ``first`` are addends beside the ledger; ``through`` leaves out transfers whose sequence number is greater.
    """
    rows = accounts.net_by_transfer()
    if through is not None:
        rows = rows.filter(transfer__sequence__lte=through)
    whole = rows.aggregate(total=Sum("net"))["total"] or 0
    count = rows.count()
    is_first = True
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows, is_first = rows.filter(transfer__sequence__lt=int(after)), False
    found = list(rows.order_by("-transfer__sequence")[: ADDENDS_PER_PAGE + 1])
    shown = found[:ADDENDS_PER_PAGE]
    transfers = Transfer.objects.filter(
        organization_id=accounts.registered_product.organization_id,
        sequence__in=[row["transfer__sequence"] for row in shown],
    ).select_related("actor", "redemption__license_key__batch", "undone_redemption__license_key__batch")
    by_sequence = {transfer.sequence: transfer for transfer in transfers}
    product = accounts.registered_product.product.code
    total = whole + sum(addend.quantity for addend in first)
    return Explanation(
        title=title,
        number=number,
        counted=counted,
        rule=rule,
        addends=(
            *(first if is_first else ()),
            *(addend_of(by_sequence[row["transfer__sequence"]], row["net"], product) for row in shown),
        ),
        total=total,
        count=count + len(first),
        next_after=str(shown[-1]["transfer__sequence"]) if len(found) > ADDENDS_PER_PAGE else "",
    )


def addend_of(transfer: Transfer, quantity: int, product_code: str) -> Addend:
    """A transfer as an addend, with the day of its record on History."""
    return Addend(
        text=str(TransferReason(transfer.reason).label),
        quantity=quantity,
        detail=key_reference(transfer),
        on=transfer.happened_on,
        who=str(transfer.actor) if transfer.actor else _("License Manager"),
        link=_on_history(transfer, product_code),
    )


def _on_history(transfer: Transfer, product_code: str) -> Link:
    day = transfer.happened_on.isoformat()
    action = str(_ON_HISTORY[transfer.reason])
    query = {"product": product_code, "action": action, "since": day, "until": day}
    return Link("history", query=query, is_of_product=False)


def by_types(
    types: Sequence[LicenseType], quantities: Mapping[str, int], link: Callable[[LicenseType], Link]
) -> list[Addend]:
    """An addend for each license type, which leads to where its own number comes from."""
    return [Addend(kind.name, quantities[kind.code], link=link(kind)) for kind in types]


def why_wallet(
    registered_product: RegisteredProduct,
    types: Sequence[LicenseType],
    license_type: LicenseType | None,
    kind: LicenseKind,
    on: date,
    *,
    after: str = "",
) -> Explanation:
    """The licenses of one kind in the wallet on a date: of one type by the entries, of all by type (R22, R23)."""
    title = of_type(
        license_type,
        _("tied to hardware, in the Product wallet") if kind == LicenseKind.HARDWARE else _("in the Product wallet"),
    )
    rule = _(
        "What was redeemed or given back, less what was allocated, taken back or expired after five years, is in the wallet."
    )
    if license_type is None:
        quantities = {each.code: _in_wallet(registered_product, each, kind, on) for each in types}
        addends = by_types(types, quantities, lambda each: why_link("wallet", type=each.code, kind=kind))
        return explain(title, sum(quantities.values()), Counted.LICENSES, rule, addends)
    return explain_entries(
        Accounts(
            registered_product,
            {"category": AccountCategory.WALLET, "license_type": license_type.pk, "kind": str(kind)},
        ),
        title=title,
        rule=rule,
        number=_in_wallet(registered_product, license_type, kind, on),
        first=[
            _expired(lot)
            for lot in _lots(registered_product, license_type, kind).filter(expires_on__lte=on).order_by("-expires_on")
        ],
        after=after,
    )


def _lots(registered_product: RegisteredProduct, license_type: LicenseType, kind: LicenseKind) -> "QuerySet[Lot]":
    """The lots that hold licenses."""
    return Lot.objects.filter(
        organization_id=registered_product.organization_id,
        registered_product=registered_product,
        account__license_type=license_type,
        account__kind=kind,
        account__balance__gt=0,
    ).select_related("account")


def _in_wallet(registered_product: RegisteredProduct, license_type: LicenseType, kind: LicenseKind, on: date) -> int:
    lots = _lots(registered_product, license_type, kind).filter(expires_on__gt=on)
    return lots.aggregate(total=Sum("account__balance"))["total"] or 0


def _expired(lot: Lot) -> Addend:
    """A lot that expired and is not written down as such yet (R2)."""
    return Addend(str(TransferReason.EXPIRED.label), -lot.account.balance, on=lot.expires_on, who=_("License Manager"))


def why_lot(lot: Lot, on: date, *, after: str = "") -> Explanation:
    """What a lot holds: what entered, less what was taken from it (R17, R22)."""
    license_type = lot.account.license_type
    is_expired = lot.is_expired(on)
    expired = [_expired(lot)] if is_expired and lot.account.balance else []
    return explain_entries(
        Accounts(lot.registered_product, {"pk": lot.account_id}),
        title=of_type(license_type, _("left of the lot of %(day)s") % {"day": _day(lot.entered_on)}),
        rule=_(
            "A lot holds what entered together, less what left it since; what is left can be allocated until %(day)s."
        )
        % {"day": _day(use_by(lot.expires_on))},
        number=0 if is_expired else lot.account.balance,
        first=expired,
        after=after,
    )


def why_use_by(
    registered_product: RegisteredProduct, on: date, first: date, last: date, kind: LicenseKind | None
) -> Explanation:
    """The licenses in the wallet of which the last day of use lies in a time, lot by lot (R22); without ``kind`` of both."""
    lots = Lot.objects.filter(
        organization_id=registered_product.organization_id,
        registered_product=registered_product,
        account__balance__gt=0,
        expires_on__gt=on,
    ).select_related("account__license_type")
    if kind is not None:
        lots = lots.filter(account__kind=kind)
    addends = [
        Addend(
            lot.account.license_type.name,
            lot.account.balance,
            detail=_("use by %(day)s") % {"day": _day(use_by(lot.expires_on))},
            link=why_link("lot", lot=lot.pk),
        )
        for lot in lots.order_by("expires_on", "pk")
        if first <= use_by(lot.expires_on) <= last
    ]
    return explain(
        _("To be used from %(first)s to %(last)s") % {"first": _day(first), "last": _day(last)},
        sum(addend.quantity for addend in addends),
        Counted.LICENSES,
        _("The licenses in the wallet of which the last day of use lies in this time, lot by lot."),
        addends,
    )


def why_both_kinds(
    registered_product: RegisteredProduct, types: Sequence[LicenseType], held: Mapping[str, Mapping[str, int]]
) -> Explanation:
    """All licenses in the wallet: those for the subscription and those for hardware units (R21)."""
    addends = [
        Addend(
            _("%(type)s: %(what)s") % {"type": each.name, "what": LicenseKind(kind).label},
            quantities[each.code],
            link=why_link("wallet", type=each.code, kind=kind),
        )
        for kind, quantities in held.items()
        for each in types
    ]
    return explain(
        _("All licenses in the Product wallet of %(product)s") % {"product": registered_product.product.name},
        sum(addend.quantity for addend in addends),
        Counted.LICENSES,
        _("Licenses for the subscription and licenses for hardware units are kept apart in one wallet."),
        addends,
    )


def why_movement(
    transfer: Transfer, license_type: LicenseType, kind: LicenseKind, unit: AccountUnit, *, after: str = ""
) -> Explanation:
    """How much a movement put into the wallet, or took from it, of one type and kind: each lot that it moved, or the credit."""
    is_days = unit == AccountUnit.DAY
    net = _moved(transfer, license_type, kind, AccountCategory.DAYS_CREDIT if is_days else AccountCategory.WALLET)
    total = sum(net.values())
    # A movement is written with its direction before it: what explains it are parts of its size.
    size, sign = abs(total), 1 if total > 0 else -1
    beyond = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    found = [pk for pk in sorted(net) if pk > beyond]
    shown = found[:ADDENDS_PER_PAGE]
    lots = {lot.account_id: lot for lot in Lot.objects.filter(account__in=shown)}
    return Explanation(
        title=of_type(license_type, str(TransferReason(transfer.reason).label)),
        number=size,
        counted=Counted.DAYS if is_days else Counted.LICENSES,
        rule=_("A movement takes effect as a whole. What it put in or took out is entered for each lot by itself."),
        addends=tuple(_part(transfer, lots.get(pk), sign * net[pk]) for pk in shown),
        total=size,
        count=len(net),
        next_after=str(shown[-1]) if len(found) > ADDENDS_PER_PAGE else "",
    )


def _moved(
    transfer: Transfer, license_type: LicenseType, kind: LicenseKind, category: AccountCategory
) -> dict[int, int]:
    """By how much a transfer changed each account of a category, type and kind."""
    net: defaultdict[int, int] = defaultdict(int)
    entries = transfer.moves().filter(from_account__license_type=license_type)
    for entry in entries.select_related("from_account", "to_account"):
        for account, quantity in ((entry.to_account, entry.quantity), (entry.from_account, -entry.quantity)):
            if account.category == category and account.kind == kind:
                net[account.pk] += quantity
    return {pk: quantity for pk, quantity in net.items() if quantity}


def _part(transfer: Transfer, lot: Lot | None, quantity: int) -> Addend:
    """What a movement did to one lot; to the credit where it is none."""
    return Addend(
        text=_("Lot of %(day)s") % {"day": _day(lot.entered_on)} if lot else _("Credit days"),
        quantity=quantity,
        detail=_("use by %(day)s") % {"day": _day(use_by(lot.expires_on))} if lot else "",
        on=transfer.happened_on,
        who=str(transfer.actor) if transfer.actor else _("License Manager"),
        link=_on_history(transfer, transfer.registered_product.product.code),
    )


def _day(day: date) -> str:
    return formats.date_format(day, "DATE_FORMAT")


def why_credit(registered_product: RegisteredProduct, license_type: LicenseType, *, after: str = "") -> Explanation:
    """The credit days of a type: days given back, less those that became licenses (R19)."""
    accounts = Accounts(registered_product, {"category": AccountCategory.DAYS_CREDIT, "license_type": license_type.pk})
    return explain_entries(
        accounts,
        title=of_type(license_type, _("credit days")),
        rule=_(
            "Days that licenses did not cover of the 365 that each pays for are given back; every full 365 become a new "
            "license, and the rest is credit."
        ),
        number=accounts.balance(),
        counted=Counted.DAYS,
        after=after,
    )


def compensated_so_far(registered_product: RegisteredProduct) -> dict[int, int]:
    """How many licenses came back as compensation so far, by license type; types of none are left out (R19)."""
    return dict(
        Entry.objects.filter(
            organization_id=registered_product.organization_id,
            transfer__registered_product=registered_product,
            transfer__reason=TransferReason.COMPENSATED,
            to_account__category=AccountCategory.WALLET,
        )
        .values_list("to_account__license_type")
        .annotate(total=Sum("quantity"))
        .order_by()
    )


def why_compensated(
    registered_product: RegisteredProduct, license_type: LicenseType, *, after: str = ""
) -> Explanation:
    """The licenses of a type that came back as compensation so far (R19)."""
    return explain_entries(
        Accounts(
            registered_product,
            {"category": AccountCategory.WALLET, "license_type": license_type.pk},
            TransferReason.COMPENSATED,
        ),
        title=of_type(license_type, _("licenses given back as compensation")),
        rule=_(
            "When licenses are allocated to a year of which a part is over, the days that they do not cover are given back; "
            "every full 365 of them make one new license."
        ),
        number=compensated_so_far(registered_product).get(license_type.pk, 0),
        after=after,
    )
