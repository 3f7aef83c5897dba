"""Nothing is dated after what is settled, and nothing that was due is left undone (R1, R3)."""

from datetime import date, timedelta

from licensemgr.portal.verifying.books import Books, Verification
from organizations.models import Organization
from subscriptions import rules
from subscriptions.notices import GRACE_ENDS_DAYS, RENEWAL_DAYS
from wallet.notices import EXPIRY_DAYS


def check_settling(books: Books, found: Verification) -> None:
    """Nothing is dated after the last day settled, nothing that was due by then is left undone (R1, R3)."""
    latest: dict[int, date] = {}
    for made in books.transfers.values():
        latest[made.organization_id] = max(latest.get(made.organization_id, made.happened_on), made.happened_on)
    for organization in books.organizations.values():
        row = f"organizations_organization {organization.pk} ({organization.slug})"
        settled = organization.settled_through
        newest = latest.get(organization.pk)
        if newest is not None and (settled is None or newest > settled):
            found.differs(row, f"it is settled up to {settled} and has transfers of {newest}")
        if settled is not None and organization.next_due_on is not None and organization.next_due_on <= settled:
            found.differs(row, f"something was due on {organization.next_due_on}, and it is settled up to {settled}")
        # Nothing becomes true by itself in an organization that is closed (R35).
        expected = _next_due(books, organization) if organization.closed_on is None else None
        due = organization.next_due_on
        if expected is not None and (due is None or due > expected):
            found.differs(row, f"the next thing is due on {expected}, next_due_on is {due}")
        if organization.closed_on is not None and due is not None:
            found.differs(row, f"it is closed, and next_due_on is {due}")


def _next_due(books: Books, organization: Organization) -> date | None:
    """The next expiry, renewal, or day of a notice before one; reminders of an exceeded allowance may come earlier."""
    settled = organization.settled_through
    if settled is None:
        return None
    expiries = {
        lot.expires_on
        for lot in books.lots.values()
        if lot.organization_id == organization.pk
        and lot.account_id in books.accounts
        and books.accounts[lot.account_id].balance > 0
    }
    dates = [day - timedelta(days=days) for day in expiries for days in (0, *EXPIRY_DAYS)]
    anchor = books.anchors.get(organization.pk)
    if anchor is not None:
        year = rules.current_year(anchor, settled)
        renewal = year.last + timedelta(days=1)
        dates += [renewal - timedelta(days=days) for days in (0, *RENEWAL_DAYS)]
        for subscription in books.subscriptions.values():
            if subscription.organization_id == organization.pk:
                grace_last = rules.grace_last_day(year, subscription.started_on)
                if grace_last < renewal:
                    dates += [grace_last - timedelta(days=days) for days in GRACE_ENDS_DAYS]
    return min((day for day in dates if day > settled), default=None)
