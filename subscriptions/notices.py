"""The notices that subscriptions send: when there may be something to tell, whether there is, and in which words.

The dates of a year follow from the calendar alone (`planned`). Whether something has to be told on such a date is asked
of the books when it has come (`is_true`), so nothing is told that was solved before.
"""

import calendar
import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.models import Organization
from organizations.notices import Notice, Table, portal_link, tell
from products.models import LicenseKind
from subscriptions import rules
from subscriptions.advice import days_left, format_date, next_step, short_in_wallet
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Status

GRACE_ENDS_DAYS = (7, 1)
RENEWAL_DAYS = (60, 30)


class About(enum.StrEnum):
    """What a notice tells of; its reason in the outbox begins with this."""

    GRACE_OPENED = "grace-opened"
    GRACE_ENDS = "grace-ends"
    RENEWAL = "renewal"
    EXCEEDED = "allowance-exceeded"
    STILL_EXCEEDED = "allowance-still-exceeded"


@dataclass(frozen=True)
class Planned:
    """A date on which something may have to be told, and the last day on which that is of use."""

    on: date
    about: About
    useful_until: date | None


def planned(year: rules.Year, started_on: date) -> Iterator[Planned]:
    """What may have to be told in a subscription year of a product that started on ``started_on``.

    Grace opened, its end 7 days and 1 day before, the renewal 60 and 30 days before. Each is of use until the next one of
    its kind says it anew. A first grace that is cut short by the year's end is no end to be told of: the next year's
    takes over (R9).
    """
    opening, grace_last = rules.covered_from(year, started_on), rules.grace_last_day(year, started_on)
    if grace_last > year.last:
        yield Planned(opening, About.GRACE_OPENED, year.last)
    else:
        ends = _days_before(grace_last, GRACE_ENDS_DAYS)
        yield from _series([(opening, About.GRACE_OPENED), *((day, About.GRACE_ENDS) for day in ends)], grace_last)
    renewals = _days_before(year.last + timedelta(days=1), RENEWAL_DAYS)
    yield from _series([(day, About.RENEWAL) for day in renewals], year.last)


def planned_reminders(year: rules.Year, exceeded_since: date) -> Iterator[Planned]:
    """When an allowance that is exceeded since then is told again: monthly, to the end of the year (R12)."""
    days = (months_after(exceeded_since, months) for months in count(1))
    within: list[tuple[date, About]] = []
    for day in days:
        if day > year.last:
            break
        within.append((day, About.STILL_EXCEEDED))
    yield from _series(within, year.last)


def _days_before(day: date, numbers: Sequence[int]) -> list[date]:
    return [day - timedelta(days=number) for number in numbers]


def _series(days: Sequence[tuple[date, About]], last: date) -> Iterator[Planned]:
    """Each is of use until the day before the next one comes, the last of them until ``last``."""
    until = [*(day - timedelta(days=1) for day, _about in days[1:]), last]
    for (day, about), useful_until in zip(days, until, strict=False):
        yield Planned(day, about, useful_until)


def months_after(day: date, months: int) -> date:
    """The date ``months`` months later; a day that the month does not have falls back to its last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def is_true(about: About, standing: ProductStanding) -> bool:
    """Whether there is that to tell of a product as it stands."""
    current, coming = standing.current, standing.next_year
    if current is None or coming is None:
        return False
    if about in (About.GRACE_OPENED, About.GRACE_ENDS):
        return current.fully_licensed_on is None and current.missing_total > 0
    if about == About.RENEWAL:
        return coming.missing_total > 0
    return standing.status == Status.GROWTH_EXCEEDED


def next_told_on(standing: ProductStanding) -> date | None:
    """The next date on which something is told of this product, if nobody changes anything until then."""
    if standing.current is None or standing.started_on is None:
        return None
    year = standing.current.year
    told = list(planned(year, standing.started_on))
    if standing.exceeded_since is not None:
        told += planned_reminders(year, standing.exceeded_since)
    return min((item.on for item in told if item.on > standing.on and is_true(item.about, standing)), default=None)


def tell_planned(organization: Organization, standing: ProductStanding, item: Planned) -> int:
    """Write what was planned for the standing's date, which is true then, to everybody who gets it; returns to how many."""
    return tell(organization, lambda: _notice(organization, standing, item))


def tell_of_grace(organization: Organization, standing: ProductStanding) -> int:
    """Tell that the grace period of a subscription opened that started on the standing's date, if licenses are missing."""
    if standing.current is None or not is_true(About.GRACE_OPENED, standing):
        return 0
    return tell_planned(organization, standing, next(planned(standing.current.year, standing.on)))


def tell_of_exceeded_allowance(organization: Organization, standing: ProductStanding) -> int:
    """Tell every administrator, on the day on which it happens, that the growth allowance is exceeded (R12)."""
    return tell_planned(organization, standing, Planned(standing.on, About.EXCEEDED, None))


def is_solved(reason: str, standing_of: Mapping[int, ProductStanding]) -> bool:
    """Whether a notice of that reason would not be written any more, as the products stand now, by registered product.

    That an allowance was exceeded is told whatever happened since (R12); the reminders end with it.
    """
    about, registered_product, *_rest = reason.split(":")
    if about not in list(About) or about == About.EXCEEDED:
        return False
    standing = standing_of.get(int(registered_product))
    return standing is not None and not is_true(About(about), standing)


# --- words -------------------------------------------------------------------------------------------------------


def _notice(organization: Organization, standing: ProductStanding, item: Planned) -> Notice:
    year = _year_told_of(standing, item.about)
    step = next_step(standing)
    title, paragraphs, facts = {
        About.GRACE_OPENED: _say_grace_opened,
        About.GRACE_ENDS: _say_grace_ends,
        About.RENEWAL: _say_renewal,
        About.EXCEEDED: _say_exceeded,
        About.STILL_EXCEEDED: _say_exceeded,
    }[item.about](standing)
    to_do = step.sentence
    if item.about == About.GRACE_OPENED and _is_cut_short(standing):
        to_do = _("Allocate the licenses that are missing by %(last)s, the last day of the next year's grace period.")
        to_do %= {"last": format_date(_last_day_of_grace(standing))}
    page = {"organization": organization.slug, "product": standing.product.code}
    links = [portal_link(step.label, step.url_name or "product_licensing", *page.values(), *map(str, step.arguments))]
    if sum(short_in_wallet(standing, year).values()):
        links.append(portal_link(_("Where to buy"), "where_to_buy", **page))
    return Notice(
        reason=f"{item.about}:{standing.registered_product.pk}:{item.on.isoformat()}",
        on=standing.on,
        title=title,
        paragraphs=tuple(paragraphs),
        facts=tuple(facts),
        table=_missing(standing, year),
        to_do=to_do,
        links=tuple(links),
        useful_until=item.useful_until,
        can_be_switched_off=item.about not in (About.EXCEEDED, About.STILL_EXCEEDED),
    )


def _year_told_of(standing: ProductStanding, about: About) -> YearStanding:
    """The year whose missing licenses the notice lists."""
    return standing.years[1 if about == About.RENEWAL else 0]


def _missing(standing: ProductStanding, year: YearStanding) -> Table:
    """What the year is missing, per type, beside what the wallet holds of it."""
    held = standing.wallet[LicenseKind.SUBSCRIPTION]
    return Table(
        caption=ngettext(
            "%(total)s license is missing for the year from %(first)s to %(last)s",
            "%(total)s licenses are missing for the year from %(first)s to %(last)s",
            year.missing_total,
        )
        % {
            "total": grouped(year.missing_total),
            "first": format_date(year.year.first),
            "last": format_date(year.year.last),
        },
        columns=(_("License type"), _("Missing"), _("In the wallet")),
        rows=tuple(
            (license_type.name, year.missing[license_type.code], held[license_type.code])
            for license_type in standing.types
            if year.missing[license_type.code]
        ),
    )


Words = tuple[str, list[str], list[tuple[str, str]]]


def _values(standing: ProductStanding) -> dict[str, str]:
    """What most sentences name."""
    return {
        "product": standing.product.name,
        "organization": standing.registered_product.organization.name,
        "on": format_date(standing.on),
    }


def _is_cut_short(standing: ProductStanding) -> bool:
    """Whether the current year's grace reaches beyond the year: then the next year's takes over (R9)."""
    current, grace_last = standing.current, standing.grace_last_day
    return current is not None and grace_last is not None and grace_last > current.year.last


def _last_day_of_grace(standing: ProductStanding) -> date:
    """The last day of the current year's grace, or of the next year's where that one takes over (R9)."""
    assert standing.started_on is not None  # noqa: S101 - there is no grace before the start
    year = standing.years[1 if _is_cut_short(standing) else 0].year
    return rules.grace_last_day(year, standing.started_on)


def _say_grace_opened(standing: ProductStanding) -> Words:
    current, coming = standing.years[0].year, standing.years[1].year
    last = _last_day_of_grace(standing)
    values = {**_values(standing), "last": format_date(last)}
    if standing.started_on is not None and current.first <= standing.started_on:
        told = _("The subscription of %(product)s in %(organization)s started on %(on)s, with a grace period.")
    else:
        told = _(
            "A new subscription year of %(product)s in %(organization)s began on %(on)s. It is not fully licensed, so "
            "that a grace period opened."
        )
    paragraphs = [
        told % values,
        _("The last day of grace is %(last)s. Without the missing licenses the product is not licensed after it.")
        % values,
    ]
    if _is_cut_short(standing):
        paragraphs[1] = _(
            "This subscription year ends on %(end)s, and its grace period with it; that of the next year takes over on "
            "%(first)s. Its last day is %(last)s. Without the missing licenses the product is not licensed after it."
        ) % {**values, "end": format_date(current.last), "first": format_date(coming.first)}
    title = _("%(product)s: grace period until %(last)s") % values
    return title, paragraphs, [(_("Last day of grace"), format_date(last))]


def _say_grace_ends(standing: ProductStanding) -> Words:
    last = _last_day_of_grace(standing)
    values = {
        **_values(standing),
        "last": format_date(last),
        "after": format_date(last + timedelta(days=1)),
    }
    if standing.on < last - timedelta(days=GRACE_ENDS_DAYS[-1]):
        title = _("%(product)s: the grace period ends on %(last)s")
    else:
        title = _("%(product)s: the grace period is about to end, on %(last)s")
    told = _(
        "The grace period of %(product)s in %(organization)s ends on %(last)s, and licenses are still missing. Without "
        "them the product is not licensed from %(after)s on."
    )
    left = _("%(days)s on %(on)s") % {"days": days_left(last, standing.on), "on": values["on"]}
    return title % values, [told % values], [(_("Last day of grace"), values["last"]), (_("Time left"), left)]


def _say_renewal(standing: ProductStanding) -> Words:
    current, coming = standing.years[:2]
    assert standing.started_on is not None  # noqa: S101 - there is no renewal before the start
    grace_last = format_date(rules.grace_last_day(coming.year, standing.started_on))
    values = {**_values(standing), "first": format_date(coming.year.first), "last": grace_last}
    title = _("%(product)s: the next subscription year begins on %(first)s") % values
    paragraphs = [
        _(
            "The next subscription year of %(product)s in %(organization)s begins on %(first)s, and with today's devices "
            "licenses are missing for it. You can allocate them now: they count from %(first)s on, and nothing is lost."
        )
        % values
    ]
    if current.missing_total:
        paragraphs.append(
            ngettext(
                "The current year, until %(end)s, is missing %(total)s license too: that one is allocated first.",
                "The current year, until %(end)s, is missing %(total)s licenses too: those are allocated first.",
                current.missing_total,
            )
            % {"end": format_date(current.year.last), "total": grouped(current.missing_total)}
        )
    facts = [
        (_("Renewal date"), values["first"]),
        (_("Last day of the grace period that then follows"), grace_last),
    ]
    return title, paragraphs, facts


def _say_exceeded(standing: ProductStanding) -> Words:
    current = standing.years[0]
    values = _values(standing)
    since = standing.exceeded_since or standing.on
    paragraphs = [
        _("%(organization)s has grown beyond the annual growth allowance for %(product)s.") % values,
        _("The product stays licensed. This message comes again every month while the allowance is exceeded."),
    ]
    facts = [
        (_("Exceeded since"), format_date(since)),
        (_("Growth allowance of the year"), str(current.allowance or 0)),
    ]
    return _("%(product)s: the growth allowance is exceeded") % values, paragraphs, facts
