"""What becomes true of subscriptions by itself or after any change. Called by `organizations.books` only."""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial

from history.models import Action
from history.record import record
from licensemgr.core.calendar import anniversary, years_since
from organizations.books import Due
from organizations.models import Organization
from products.models import Product
from subscriptions import notices, rules
from subscriptions.models import Subscription, SubscriptionPeriod, SubscriptionYear
from subscriptions.queries import ProductStanding, allocated_by_year, standings


def due(organization: Organization, through: date) -> Iterable[Due]:
    """The subscription years that open, and the monthly reminders of an exceeded allowance, by ``through`` (R9, R12)."""
    period = SubscriptionPeriod.objects.filter(organization=organization).first()
    after = organization.settled_through
    if period is None or after is None:
        return
    numbers = range(years_since(period.anchor_on, after) + 1, years_since(period.anchor_on, through) + 1)
    subscriptions = list(
        Subscription.objects.filter(organization=organization)
        .select_related("registered_product__product", "organization")
        .order_by("pk")
    )
    if numbers:
        registered = [subscription.registered_product for subscription in subscriptions]
        devices = {
            standing.registered_product.pk: standing.devices for standing in standings(organization, after, registered)
        }
        allocated = allocated_by_year(organization)
        for number in numbers:
            year = rules.year_at(period.anchor_on, number)
            for subscription in subscriptions:
                to_year = allocated.get((subscription.pk, number), {})
                apply = partial(open_year, subscription, year, to_year, devices[subscription.registered_product_id])
                yield Due(year.first, ("subscriptions", subscription.pk, 0), apply)
    year_end = rules.current_year(period.anchor_on, after).last
    for subscription in subscriptions:
        for day in _reminder_days(subscription, after):
            if day > min(through, year_end):
                break
            yield Due(day, ("subscriptions", subscription.pk, 1), partial(remind_of_allowance, subscription, day))


def next_due(organization: Organization) -> date | None:
    """The next renewal date or reminder after what is settled; None before any subscription has started."""
    period = SubscriptionPeriod.objects.filter(organization=organization).first()
    after = organization.settled_through
    if period is None or after is None:
        return None
    dates = [anniversary(period.anchor_on, years_since(period.anchor_on, after) + 1)]
    exceeded = Subscription.objects.filter(organization=organization, exceeded_since__isnull=False)
    dates += [next(_reminder_days(subscription, after)) for subscription in exceeded]
    return min(dates)


def _reminder_days(subscription: Subscription, after: date) -> Iterator[date]:
    """The days after ``after`` on which an exceeded allowance is told again: monthly, from the day it was exceeded."""
    if subscription.exceeded_since is None:
        return
    months = 1
    while True:
        day = notices.months_after(subscription.exceeded_since, months)
        if day > after:
            yield day
        months += 1


def open_year(
    subscription: Subscription, year: rules.Year, allocated: rules.Quantities, devices: rules.Quantities
) -> None:
    """Write down that a later year began, with its grace period (R9), and whether it is fully licensed at once (R11).

    ``allocated`` to the year and ``devices`` are those of its first day: no change lies between it and what is settled.
    """
    if subscription.exceeded_since is not None:
        # The growth of the year before ended with it (R12).
        Subscription.objects.filter(pk=subscription.pk).update(exceeded_since=None)
        subscription.exceeded_since = None
    product = subscription.registered_product.product
    record(
        organization=subscription.organization,
        action=Action.YEAR_OPENED,
        actor=None,
        on=year.first,
        product=product,
        first_day=year.first.isoformat(),
        last_day=year.last.isoformat(),
        grace_last_day=rules.grace_last_day(year, subscription.started_on).isoformat(),
    )
    if rules.is_fully_licensed(allocated, devices):
        _mark_fully_licensed(subscription, product, year, sum(allocated.values()), year.first)


def _mark_fully_licensed(
    subscription: Subscription, product: Product, year: rules.Year, allowance: int, on: date
) -> None:
    """Write down that a year became fully licensed, with the allowance of that moment: once, for good (R11, R12)."""
    written, _created = SubscriptionYear.objects.get_or_create(
        organization_id=subscription.organization_id, subscription=subscription, number=year.number
    )
    marked = SubscriptionYear.objects.filter(pk=written.pk, fully_licensed_on=None).update(
        fully_licensed_on=on, allowance=allowance
    )
    if marked:
        record(
            organization=subscription.organization,
            action=Action.YEAR_FULLY_LICENSED,
            actor=None,
            on=on,
            product=product,
            first_day=year.first.isoformat(),
            last_day=year.last.isoformat(),
            allowance=allowance,
        )


def look_after_change(organization: Organization, on: date) -> None:
    """After every change: is a current year fully licensed now (R11), is an allowance exceeded or kept again (R12)?"""
    subscriptions = {
        subscription.registered_product_id: subscription
        for subscription in Subscription.objects.filter(organization=organization).select_related(
            "registered_product__product", "organization"
        )
    }
    if not subscriptions:
        return
    chosen = [subscription.registered_product for subscription in subscriptions.values()]
    for standing in standings(organization, on, chosen):
        current = standing.current
        subscription = subscriptions[standing.registered_product.pk]
        if (
            current is not None
            and current.fully_licensed_on is None
            and rules.is_fully_licensed(current.allocated, standing.devices)
        ):
            _mark_fully_licensed(subscription, standing.product, current.year, current.allocated_total, on)
        exceeded = standing.status == rules.Status.GROWTH_EXCEEDED
        if exceeded and subscription.exceeded_since is None:
            _note_exceeded(organization, subscription, standing, on)
        elif not exceeded and subscription.exceeded_since is not None:
            Subscription.objects.filter(pk=subscription.pk).update(exceeded_since=None)
            record(
                organization=organization,
                action=Action.ALLOWANCE_KEPT_AGAIN,
                actor=None,
                on=on,
                product=standing.product,
            )


def _note_exceeded(organization: Organization, subscription: Subscription, standing: ProductStanding, on: date) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(exceeded_since=on)
    current = standing.current
    assert current is not None  # noqa: S101 - a status of growth exceeded comes from a current year
    record(
        organization=organization,
        action=Action.ALLOWANCE_EXCEEDED,
        actor=None,
        on=on,
        product=standing.product,
        missing=dict(current.missing),
        allowance=current.allowance,
    )
    notices.tell_of_exceeded_allowance(organization, standing, on)


def remind_of_allowance(subscription: Subscription, on: date) -> None:
    """Tell the administrators again that the allowance is exceeded, where it still is (R12)."""
    registered_product = subscription.registered_product
    [standing] = standings(registered_product.organization, on, [registered_product])
    if standing.status == rules.Status.GROWTH_EXCEEDED:
        notices.tell_of_exceeded_allowance(registered_product.organization, standing, on)
