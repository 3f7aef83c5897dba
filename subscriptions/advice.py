"""What a product's standing means in words: its status, what happens next, and what to do about it (R14a).

Pure functions of a standing. Every page that says how a product stands says it with these sentences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from licensemgr.core.enumerations import counted_up, in_a_row
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from products.models import LicenseKind
from subscriptions import rules
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Status
from subscriptions.units import UNITS_NAMED, UnitLack
from wallet.rules import take, use_by

# R14a's rows in the words that pages show.
STATUS_LABELS: Mapping[Status, Promise] = {
    Status.UNREGISTERED: gettext_lazy("Not registered"),
    Status.LICENSED: gettext_lazy("Licensed"),
    Status.GROWTH_EXCEEDED: gettext_lazy("Growth allowance exceeded"),
    Status.STARTED: gettext_lazy("Subscription has started"),
    Status.NO_NEED: gettext_lazy("No licenses needed"),
    Status.RENEWAL_GRACE: gettext_lazy("Renewal grace period"),
    Status.UNLICENSED: gettext_lazy("Not licensed"),
    Status.HARDWARE: gettext_lazy("Licensed by hardware"),
    Status.EXPANSION_NEEDED: gettext_lazy("Expansion licenses needed"),
    Status.TRIAL: gettext_lazy("Trial"),
    Status.TRIAL_ENDED: gettext_lazy("Trial has ended"),
    Status.NOT_STARTED: gettext_lazy("Subscription not started"),
}


@dataclass(frozen=True)
class NextStep:
    """The one sentence on what to do next, and the page on which to do it, if there is anything to do."""

    sentence: str
    url_name: str | None = None
    label: str = ""
    tone: str = "info"
    # The last day on which it helps.
    by: date | None = None
    # What follows organization and product in the page's address: the primary key of a unit.
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True)
class Upcoming:
    """What becomes true of a product next by itself, and on which date."""

    text: str
    on: date | None = None
    hint: str = ""


def format_date(day: date) -> str:
    """A date as pages write it."""
    return formats.date_format(day, "DATE_FORMAT")


def days_left(last_day: date, on: date) -> str:
    """How far a last day is, in words: the last day itself has 0 days left (R14a)."""
    left = (last_day - on).days
    if left < 0:
        return _("ended")
    if left == 0:
        return _("today is the last day")
    return ngettext("%(days)s day left", "%(days)s days left", left) % {"days": grouped(left)}


def listed(standing: ProductStanding, quantities: Mapping[str, int]) -> str:
    """Quantities per license type in catalogue order, those of 0 left out."""
    return counted_up(
        _("%(type)s: %(quantity)s") % {"type": license_type.name, "quantity": grouped(quantities[license_type.code])}
        for license_type in standing.types
        if quantities.get(license_type.code)
    )


def named_units(serials: Sequence[str], total: int) -> str:
    """The first few of so many hardware units by their serial numbers, and how many there are beside."""
    named = counted_up(serials[:UNITS_NAMED])
    more = total - UNITS_NAMED
    if more <= 0:
        return named
    return ngettext("%(named)s and %(more)s more", "%(named)s and %(more)s more", more) % {
        "named": named,
        "more": grouped(more),
    }


def named_lacks(standing: ProductStanding) -> str:
    """Which hardware unit lacks which expansion licenses (R25)."""
    lacks = standing.units.lacks
    return named_units(
        [
            _("%(serial)s (%(listed)s)") % {"serial": lack.serial, "listed": listed(standing, lack.lacks)}
            for lack in lacks[:UNITS_NAMED]
        ],
        standing.units.lacking,
    )


def status_label(status: Status) -> str:
    """The words for a status."""
    return str(STATUS_LABELS[status])


def short_in_wallet(standing: ProductStanding, year: YearStanding) -> dict[str, int]:
    """What the wallet lacks to fill what the year is missing, per type (R14: no type serves for another)."""
    held = standing.wallet[LicenseKind.SUBSCRIPTION]
    return {code: max(0, missing - held.get(code, 0)) for code, missing in year.missing.items()}


def first_missing_year(standing: ProductStanding) -> YearStanding | None:
    """The nearest year on offer that misses licenses: the only one that can be allocated first (R15)."""
    return next((year for year in standing.years if year.missing_total), None)


def last_day_to_allocate(standing: ProductStanding, year: YearStanding, last_day: date) -> date:
    """The last day on which what the wallet holds for a year can be allocated: a lot may expire before (R17, R22)."""
    taken = [
        taking.lot.expires_on
        for code, missing in year.missing.items()
        for taking in take(standing.stock.get(code, ()), missing, standing.on)[0]
    ]
    return min([last_day, *(use_by(expires) for expires in taken)])


# --- what to do next ---------------------------------------------------------------------------------------------


def next_step(standing: ProductStanding) -> NextStep:
    """What a manager should do now, by status, wallet and need."""
    status = standing.status
    if status in (Status.NOT_STARTED, Status.TRIAL, Status.TRIAL_ENDED):
        return _step_to_start(standing)
    if status == Status.HARDWARE:
        return _step_when_hardware_licenses(standing)
    year = first_missing_year(standing)
    if year is not None and year.offset == 0:
        return _step_for_current_year(standing, year)
    if standing.units.lacking:
        return _step_to_expand(standing, standing.units.lacks[0])
    if year is None:
        return _step_when_nothing_is_missing(standing)
    return _step_for_coming_year(standing, year)


def _step_when_hardware_licenses(standing: ProductStanding) -> NextStep:
    if not standing.systems:
        return NextStep(
            _("Install the software on the hardware and let it report; the system then appears in System setup."),
            "system_setup",
            _("System setup"),
        )
    return NextStep(_("Nothing to do: hardware units license every system of this product."), tone="success")


def _step_to_expand(standing: ProductStanding, lack: UnitLack) -> NextStep:
    """The first hardware unit that lacks licenses, and whether the wallet already holds them (R26)."""
    held = standing.wallet[LicenseKind.HARDWARE]
    short = {code: max(0, quantity - held.get(code, 0)) for code, quantity in lack.lacks.items()}
    total, total_short = sum(lack.lacks.values()), sum(short.values())
    values = {
        "serial": lack.serial,
        "total": grouped(total),
        "listed": listed(standing, lack.lacks),
        "short": grouped(total_short),
    }
    if not total_short:
        sentence = ngettext(
            "Allocate the %(total)s expansion license that hardware unit %(serial)s lacks (%(listed)s): the wallet holds "
            "enough.",
            "Allocate the %(total)s expansion licenses that hardware unit %(serial)s lacks (%(listed)s): the wallet holds "
            "enough.",
            total,
        )
        label = _("Hardware unit %(serial)s") % values
        return NextStep(sentence % values, "unit_details", label, "warning", arguments=(lack.unit_id,))
    values["listed"] = listed(standing, short)
    buy = ngettext(
        "Buy and redeem %(short)s more expansion license (%(listed)s).",
        "Buy and redeem %(short)s more expansion licenses (%(listed)s).",
        total_short,
    )
    then = ngettext(
        "Then allocate the %(total)s license that hardware unit %(serial)s lacks.",
        "Then allocate the %(total)s licenses that hardware unit %(serial)s lacks.",
        total,
    )
    return NextStep(in_a_row([buy % values, then % values]), "product_wallet", _("Redeem license key"), "warning")


def _step_to_start(standing: ProductStanding) -> NextStep:
    label = _("Start your subscription")
    last = standing.trial_last_on
    if standing.status == Status.TRIAL and last is not None:
        if last == standing.on:
            sentence = _("Start your subscription today, the last day of the trial: its grace period follows at once.")
        else:
            sentence = _("Start your subscription by %(last)s, the last day of the trial; starting ends the trial.")
            sentence %= {"last": format_date(last)}
        return NextStep(sentence, "start_subscription", label, "info", last)
    sentence = ngettext(
        "Start your subscription: a grace period of %(days)s day to redeem license keys and to allocate "
        "licenses follows.",
        "Start your subscription: a grace period of %(days)s days to redeem license keys and to allocate "
        "licenses follows.",
        rules.GRACE_DAYS,
    ) % {"days": grouped(rules.GRACE_DAYS)}
    tone = "warning" if standing.status == Status.TRIAL_ENDED else "info"
    return NextStep(sentence, "start_subscription", label, tone)


def _step_when_nothing_is_missing(standing: ProductStanding) -> NextStep:
    if standing.status in (Status.NO_NEED, Status.STARTED):
        return NextStep(
            _("Nothing to do: without devices no licenses are needed. Devices that are added need licenses."),
            "system_setup",
            _("System setup"),
            "neutral",
        )
    last = standing.years[-1].year.last if standing.years else None
    if last is None:
        return NextStep(_("Nothing to do."), tone="neutral")
    return NextStep(
        _("Nothing to do: with today's devices no licenses are missing up to %(last)s, the last day on offer.")
        % {"last": format_date(last)},
        tone="success",
    )


def _step_for_current_year(standing: ProductStanding, year: YearStanding) -> NextStep:
    grace = standing.grace_last_day if standing.in_grace else None
    exceeded = standing.status == Status.GROWTH_EXCEEDED
    tone = "warning" if grace is not None or exceeded else "danger"
    if exceeded:
        grace = None
    short = short_in_wallet(standing, year)
    total_short, total = sum(short.values()), year.missing_total
    by = last_day_to_allocate(standing, year, grace) if grace is not None else None
    if grace is not None and by == grace:
        until = _("by %(last)s, the last day of grace") % {"last": format_date(grace)}
    elif by is not None:
        until = _("by %(last)s, before licenses in the wallet expire") % {"last": format_date(by)}
    elif exceeded:
        until = _("to keep to the growth allowance")
    else:
        until = _("to be licensed again")
    if not total_short:
        sentence = ngettext(
            "Allocate the %(total)s license that is missing (%(listed)s) %(until)s: the wallet holds enough.",
            "Allocate the %(total)s licenses that are missing (%(listed)s) %(until)s: the wallet holds enough.",
            total,
        )
        values = {"total": grouped(total), "listed": listed(standing, year.missing), "until": until}
        return NextStep(sentence % values, "product_licensing", _("Allocate licenses"), tone, by)
    buy = ngettext(
        "Buy and redeem %(short)s more license (%(listed)s).",
        "Buy and redeem %(short)s more licenses (%(listed)s).",
        total_short,
    )
    then = ngettext(
        "Then allocate the %(total)s license that is missing, %(until)s.",
        "Then allocate the %(total)s licenses that are missing, %(until)s.",
        total,
    )
    values = {"short": grouped(total_short), "listed": listed(standing, short), "total": grouped(total), "until": until}
    return NextStep(in_a_row([buy % values, then % values]), "product_wallet", _("Redeem license key"), tone, by)


def _step_for_coming_year(standing: ProductStanding, year: YearStanding) -> NextStep:
    """The current year misses nothing: the next one that does, and whether the wallet already holds it (R15)."""
    short = short_in_wallet(standing, year)
    total_short, total = sum(short.values()), year.missing_total
    first = format_date(year.year.first)
    by = last_day_to_allocate(standing, year, year.year.first + timedelta(days=rules.GRACE_DAYS))
    if not total_short:
        sentence = ngettext(
            "Nothing is missing today; the year from %(first)s misses %(total)s license (%(listed)s), which the "
            "wallet holds: "
            "allocate it by %(by)s.",
            "Nothing is missing today; the year from %(first)s misses %(total)s licenses (%(listed)s), which "
            "the wallet holds: "
            "allocate them by %(by)s.",
            total,
        )
        values = {
            "first": first,
            "total": grouped(total),
            "listed": listed(standing, year.missing),
            "by": format_date(by),
        }
        return NextStep(sentence % values, "product_licensing", _("Allocate licenses"), "success", by)
    sentence = ngettext(
        "Nothing is missing today; for the year from %(first)s buy and redeem %(short)s more license "
        "(%(listed)s), and allocate "
        "by %(by)s.",
        "Nothing is missing today; for the year from %(first)s buy and redeem %(short)s more licenses "
        "(%(listed)s), and "
        "allocate by %(by)s.",
        total_short,
    )
    values = {"first": first, "short": grouped(total_short), "listed": listed(standing, short), "by": format_date(by)}
    return NextStep(sentence % values, "product_wallet", _("Redeem license key"), "success", by)


# --- what happens next -------------------------------------------------------------------------------------------


def upcoming(standing: ProductStanding) -> Upcoming:
    """What happens next by itself, and when: a row's words on the Product list (R2: derived, never from a job)."""
    status, on = standing.status, standing.on
    if status == Status.TRIAL and standing.trial_last_on is not None:
        return Upcoming(_("Trial ends"), standing.trial_last_on, days_left(standing.trial_last_on, on))
    if status == Status.HARDWARE:
        units = _("Units: %(units)s") % {"units": named_units(standing.units.serials, standing.units.active)}
        return Upcoming(_("Nothing: licensed for the lifetime of the hardware"), hint=units)
    if status == Status.EXPANSION_NEEDED:
        return Upcoming(
            _("Waits for expansion licenses"), hint=_("Lacking: %(units)s") % {"units": named_lacks(standing)}
        )
    if standing.current is None or standing.next_year is None:
        return Upcoming(_("Nothing until the subscription starts"))
    grace, renewal = standing.grace_last_day, standing.next_year.year.first
    # A first grace that reaches the year's end does not end then: the next year's takes over (R9).
    if status in (Status.STARTED, Status.RENEWAL_GRACE) and grace is not None and grace < renewal:
        return Upcoming(_("Grace period ends"), grace, days_left(grace, on))
    lacks = standing.next_year.missing_total
    hint = ""
    if lacks:
        hint = ngettext("needs %(count)s more license", "needs %(count)s more licenses", lacks) % {
            "count": grouped(lacks)
        }
    elif standing.next_year.allocated_total:
        hint = _("fully allocated")
    return Upcoming(_("Subscription year renews"), renewal, hint)


def next_change_on(standing: ProductStanding) -> date | None:
    """The next date on which this standing changes by itself, or None: trial, grace, renewal, a lot that expires."""
    dates = [lot.expires_on for lots in standing.stock.values() for lot in lots]
    if standing.current is None:
        if standing.status == Status.TRIAL and standing.trial_last_on is not None:
            dates.append(standing.trial_last_on + timedelta(days=1))
    else:
        dates.append(standing.current.year.last + timedelta(days=1))
        if standing.grace_last_day is not None and standing.current.fully_licensed_on is None:
            dates.append(standing.grace_last_day + timedelta(days=1))
    return min((day for day in dates if day > standing.on), default=None)
