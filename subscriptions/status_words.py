"""What pages say of a product's license status: R14a's last column, in sentences. Pure functions of a standing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from licensemgr.core.enumerations import in_a_row
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from subscriptions import rules
from subscriptions.advice import days_left, format_date, listed, named_lacks, named_units, status_label
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Status

_TONES: Mapping[Status, str] = {
    Status.LICENSED: "success",
    Status.HARDWARE: "success",
    Status.STARTED: "warning",
    Status.RENEWAL_GRACE: "warning",
    Status.GROWTH_EXCEEDED: "warning",
    Status.EXPANSION_NEEDED: "warning",
    Status.UNLICENSED: "danger",
    Status.TRIAL_ENDED: "danger",
}


@dataclass(frozen=True)
class StatusWords:
    """The license status as the Product overview says it."""

    code: str
    label: str
    sentences: tuple[str, ...]
    tone: str


def status_words(standing: ProductStanding) -> StatusWords:
    """What the page says of the status: R14a's last column."""
    status = standing.status
    sentences = {
        Status.LICENSED: _say_licensed,
        Status.GROWTH_EXCEEDED: _say_exceeded,
        Status.STARTED: _say_grace,
        Status.NO_NEED: _say_no_need,
        Status.RENEWAL_GRACE: _say_grace,
        Status.UNLICENSED: _say_unlicensed,
        Status.HARDWARE: _say_hardware,
        Status.EXPANSION_NEEDED: _say_expansion_needed,
        Status.TRIAL: _say_trial,
        Status.TRIAL_ENDED: _say_to_start,
        Status.NOT_STARTED: _say_to_start,
    }[status](standing)
    if standing.units.lacking and status != Status.EXPANSION_NEEDED:
        # Beside the subscription: a tied system that lacks licenses is nothing that R14a's other rows tell.
        sentences = [*sentences, *_say_lacks(standing)]
    return StatusWords(str(status), status_label(status), tuple(sentences), _TONES.get(status, "info"))


def missing_sentence(standing: ProductStanding, year: YearStanding) -> str:
    """What a year is missing, per type."""
    total = year.missing_total
    if not total:
        return _("No licenses are missing.")
    return ngettext(
        "%(total)s license is missing (%(listed)s).", "%(total)s licenses are missing (%(listed)s).", total
    ) % {"total": grouped(total), "listed": listed(standing, year.missing)}


def _say_licensed(standing: ProductStanding) -> list[str]:
    sentences: list[str] = []
    if standing.licensed_until is not None:
        sentences.append(_("Licensed until %(last)s.") % {"last": format_date(standing.licensed_until)})
    coming = standing.next_year
    if coming is None:
        return sentences
    values = {
        "first": format_date(coming.year.first),
        "need": grouped(coming.need_total),
        "listed": listed(standing, coming.need),
        "missing": grouped(coming.missing_total),
    }
    if not coming.need_total:
        sentences.append(_("The next year, from %(first)s, needs no licenses with today's devices.") % values)
    elif coming.missing_total:
        sentence = ngettext(
            "The next year, from %(first)s, needs %(need)s license (%(listed)s); still missing: %(missing)s.",
            "The next year, from %(first)s, needs %(need)s licenses (%(listed)s); still missing: %(missing)s.",
            coming.need_total,
        )
        sentences.append(sentence % values)
    else:
        sentence = ngettext(
            "The next year, from %(first)s, needs %(need)s license (%(listed)s), and all of it is allocated.",
            "The next year, from %(first)s, needs %(need)s licenses (%(listed)s), and all of them are allocated.",
            coming.need_total,
        )
        sentences.append(sentence % values)
    return sentences


def _say_exceeded(standing: ProductStanding) -> list[str]:
    current = standing.current
    if current is None:
        return []
    return [
        missing_sentence(standing, current),
        _("The product stays licensed, but it has grown by more than the annual growth allowance of %(allowance)s.")
        % {"allowance": grouped(current.allowance or 0)},
    ]


def _say_grace(standing: ProductStanding) -> list[str]:
    current, grace = standing.current, standing.grace_last_day
    if current is None or grace is None:
        return []
    sentences = [
        _("Grace period ends %(last)s, %(left)s.") % {"last": format_date(grace), "left": days_left(grace, standing.on)}
    ]
    if standing.next_year is not None and grace >= standing.next_year.year.first:
        # A first grace that reaches the year's end: the next year's takes over on its first day (R9).
        first = standing.next_year.year.first
        sentences.append(
            _("The next year begins before, on %(first)s, with a grace period of its own until %(last)s.")
            % {"first": format_date(first), "last": format_date(first + timedelta(days=rules.GRACE_DAYS))}
        )
    return [*sentences, missing_sentence(standing, current)]


def _say_no_need(standing: ProductStanding) -> list[str]:
    return [_("Nothing is missing. Devices that are added need licenses at once.")]


def _say_unlicensed(standing: ProductStanding) -> list[str]:
    current, grace = standing.current, standing.grace_last_day
    if current is None or grace is None:
        return []
    return [
        _("The grace period ended %(last)s.") % {"last": format_date(grace)},
        missing_sentence(standing, current),
        *_cost_of_coming_back(standing, current),
    ]


def _cost_of_coming_back(standing: ProductStanding, current: YearStanding) -> list[str]:
    """What allocating the missing licenses today costs, and what of it comes back (R19)."""
    if standing.started_on is None:
        return []
    given = {
        code: rules.compensate(
            quantity=quantity,
            year=current.year,
            started_on=standing.started_on,
            on=standing.on,
            credit=standing.credit_days[code],
        )
        for code, quantity in current.missing.items()
        if quantity
    }
    if not given:
        return []
    used = next(iter(given.values())).days_used_each
    total = current.missing_total
    cost = ngettext(
        "Coming back today costs %(total)s license.", "Coming back today costs %(total)s licenses.", total
    ) % {"total": grouped(total)}
    covered = ngettext(
        "That covers %(from)s to %(last)s, %(used)s day.", "That covers %(from)s to %(last)s, %(used)s days.", used
    ) % {
        "from": format_date(standing.on),
        "last": format_date(current.year.last),
        "used": grouped(used),
    }
    days = sum(compensation.days_given for compensation in given.values())
    if not days:
        return [in_a_row([cost, covered])]
    licenses = {code: compensation.licenses for code, compensation in given.items()}
    credit = {code: compensation.credit_after for code, compensation in given.items()}
    sentences = [
        in_a_row([cost, covered]),
        ngettext(
            "For the time already over %(days)s license day is given back.",
            "For the time already over %(days)s license days are given back.",
            days,
        )
        % {"days": grouped(days)},
    ]
    made = sum(licenses.values())
    if made:
        sentences.append(
            ngettext(
                "With the credit so far they make %(count)s new license in the wallet (%(listed)s).",
                "With the credit so far they make %(count)s new licenses in the wallet (%(listed)s).",
                made,
            )
            % {"count": grouped(made), "listed": listed(standing, licenses)}
        )
    if sum(credit.values()):
        sentences.append(_("The credit days are then %(listed)s.") % {"listed": listed(standing, credit)})
    return sentences


def _say_hardware(standing: ProductStanding) -> list[str]:
    units = standing.units
    sentence = ngettext(
        "Hardware unit %(units)s licenses the systems on it for its lifetime, as far as it holds licenses.",
        "Hardware units %(units)s license the systems on them for their lifetime, as far as they hold licenses.",
        units.active,
    )
    sentences = [sentence % {"units": named_units(units.serials, units.active)}]
    if not standing.systems:
        sentences.append(
            ngettext("No system has reported from it yet.", "No system has reported from them yet.", units.active)
        )
    return sentences


def _say_expansion_needed(standing: ProductStanding) -> list[str]:
    return [
        *_say_lacks(standing),
        _("Expansion licenses are allocated from the Product wallet to the hardware unit, for its lifetime."),
    ]


def _say_lacks(standing: ProductStanding) -> list[str]:
    sentence = ngettext(
        "Hardware unit %(units)s lacks expansion licenses.",
        "These hardware units lack expansion licenses: %(units)s.",
        standing.units.lacking,
    )
    return [sentence % {"units": named_lacks(standing)}]


def _say_trial(standing: ProductStanding) -> list[str]:
    last = standing.trial_last_on
    if last is None:
        return []
    return [
        _("The last day of the trial is %(last)s, %(left)s.")
        % {"last": format_date(last), "left": days_left(last, standing.on)}
    ]


def _say_to_start(standing: ProductStanding) -> list[str]:
    sentences: list[str] = []
    if standing.status == Status.TRIAL_ENDED and standing.trial_last_on is not None:
        sentences.append(_("The trial ended on %(last)s.") % {"last": format_date(standing.trial_last_on)})
    return [*sentences, _("To license the product, start its subscription with the button “Start your subscription”.")]
