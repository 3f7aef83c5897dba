"""Nothing is dated after what is settled, and nothing that was due is left undone (R1, R3)."""

from datetime import date

from licensemgr.core.calendar import anniversary, years_since
from licensemgr.portal.verifying.books import Books, Verification
from organizations.models import Organization


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


def _next_due(books: Books, organization: Organization) -> date | None:
    """The next expiry or renewal; reminders of an exceeded allowance may come earlier."""
    dates = [
        lot.expires_on
        for lot in books.lots.values()
        if lot.organization_id == organization.pk
        and lot.account_id in books.accounts
        and books.accounts[lot.account_id].balance > 0
    ]
    anchor = books.anchors.get(organization.pk)
    if anchor is not None and organization.settled_through is not None:
        dates.append(anniversary(anchor, years_since(anchor, organization.settled_through) + 1))
    return min(dates, default=None)
