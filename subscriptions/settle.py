"""What becomes true of subscriptions by itself or after any change. Called by `organizations.books` only."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial

from history.models import Action
from history.record import record
from licensemgr.core.calendar import years_since
from organizations.books import BOOKS, NOTICES, Due
from organizations.models import Organization
from organizations.notices import withdraw_notices
from products.models import Product
from subscriptions import notices, rules
from subscriptions.models import Subscription, SubscriptionPeriod, SubscriptionYear
from subscriptions.queries import Outlook, ProductStanding, outlook, standings


def due(organization: Organization, through: date) -> Iterable[Due]:
    """The subscription years that open, and what there is to tell on the days of notices, by ``through`` (R9, R12).

    All of it follows from the books as they are now: nobody changes anything between (R2).
    """
    period = SubscriptionPeriod.objects.filter(organization=organization).first()
    after = organization.settled_through
    if period is None or after is None:
        return
    subscriptions = list(
        Subscription.objects.filter(organization=organization)
        .select_related("registered_product__product", "registered_product__organization", "organization")
        .order_by("pk")
    )
    years = [
        rules.year_at(period.anchor_on, number)
        for number in range(years_since(period.anchor_on, after), years_since(period.anchor_on, through) + 1)
    ]
    to_tell = [
        (subscription, item)
        for subscription in subscriptions
        for item in _planned(subscription, years)
        if after < item.on <= through
    ]
    if not years[1:] and not to_tell:
        return
    stand = outlook(organization, [subscription.registered_product for subscription in subscriptions])
    for year in years[1:]:
        for subscription in subscriptions:
            apply = partial(open_year, subscription, stand, year)
            yield Due(year.first, (BOOKS, "subscriptions", subscription.pk), apply)
    for number, (subscription, item) in enumerate(to_tell):
        apply = partial(_tell, subscription, stand, item)
        yield Due(item.on, (NOTICES, "subscriptions", number), apply)


def next_due(organization: Organization) -> date | None:
    """The next renewal date, or day on which there may be something to tell; None before any subscription has started."""
    period = SubscriptionPeriod.objects.filter(organization=organization).first()
    after = organization.settled_through
    if period is None or after is None:
        return None
    year = rules.current_year(period.anchor_on, after)
    dates = [year.last + timedelta(days=1)]
    for subscription in Subscription.objects.filter(organization=organization):
        dates += [item.on for item in _planned(subscription, [year]) if item.on > after]
    return min(dates)


def _planned(subscription: Subscription, years: Sequence[rules.Year]) -> Iterator[notices.Planned]:
    """What may have to be told of a product in the ``years``, of which the first is the current one."""
    for year in years:
        yield from notices.planned(year, subscription.started_on)
    if subscription.exceeded_since is not None:
        # The growth ends with the year in which it is (R12).
        yield from notices.planned_reminders(years[0], subscription.exceeded_since)


def open_year(subscription: Subscription, stand: Outlook, year: rules.Year) -> int:
    """Write down that a later year began, with its grace period (R9), and whether it is fully licensed at once (R11)."""
    standing = stand(subscription.registered_product, year.first)
    current = standing.current
    assert current is not None and standing.grace_last_day is not None  # noqa: S101 - the subscription has started
    if subscription.exceeded_since is not None:
        # The growth of the year before ended with it (R12).
        Subscription.objects.filter(pk=subscription.pk).update(exceeded_since=None)
        subscription.exceeded_since = None
    record(
        organization=subscription.organization,
        action=Action.YEAR_OPENED,
        actor=None,
        on=current.year.first,
        product=standing.product,
        first_day=current.year.first.isoformat(),
        last_day=current.year.last.isoformat(),
        grace_last_day=standing.grace_last_day.isoformat(),
    )
    if rules.is_fully_licensed(current.allocated, standing.devices):
        _mark_fully_licensed(subscription, standing.product, current.year, current.allocated_total, current.year.first)
    return 1


def _tell(subscription: Subscription, stand: Outlook, item: notices.Planned) -> int:
    """Tell what was planned for a day, where it is so then; returns how many messages were written."""
    standing = stand(subscription.registered_product, item.on)
    if not notices.is_true(item.about, standing):
        return 0
    return notices.tell_planned(subscription.organization, standing, item)


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
    """After every change: is a current year fully licensed now (R11), is an allowance exceeded or kept again (R12)?

    And what a change brings to be told: the grace period of a start today; or has solved, so that it is told no more.
    """
    subscriptions = {
        subscription.registered_product_id: subscription
        for subscription in Subscription.objects.filter(organization=organization).select_related(
            "registered_product__product", "organization"
        )
    }
    if not subscriptions:
        return
    chosen = [subscription.registered_product for subscription in subscriptions.values()]
    standing_of = {standing.registered_product.pk: standing for standing in standings(organization, on, chosen)}
    for key, standing in standing_of.items():
        current = standing.current
        subscription = subscriptions[key]
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
        if subscription.started_on == on:
            notices.tell_of_grace(organization, standing)
    withdraw_notices(organization, partial(notices.is_solved, standing_of=standing_of))


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
    notices.tell_of_exceeded_allowance(organization, standing)
