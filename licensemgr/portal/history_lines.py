"""Records of History with the names and sentences that a person reads: for the page and for files (R32)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from history.models import Record
from history.queries import names_of
from history.sentences import Names, invitations_named, people_named, sentence
from licensemgr.core import clock
from licensemgr.core.moments import say_instant
from licensemgr.portal.taking_back import WayBack
from organizations.models import Invitation, Organization
from products.models import LicenseType

HISTORY_COLUMNS = (
    gettext_lazy("Number"),
    gettext_lazy("Date"),
    gettext_lazy("Written at"),
    gettext_lazy("Person"),
    gettext_lazy("E-mail address"),
    gettext_lazy("Action"),
    gettext_lazy("Product"),
    gettext_lazy("What happened"),
)


@dataclass(frozen=True)
class HistoryLine:
    """One record as the page shows it. ``local`` is when it was written, in the organization's time zone."""

    record: Record
    who: str
    what: str
    local: datetime
    # Where it can be taken back, on a page of somebody who may.
    way_back: WayBack | None = None

    @property
    def local_time(self) -> str:
        """The time of day at which it was written, by the organization's clocks."""
        return formats.time_format(self.local.time(), "H:i")

    @property
    def local_instant(self) -> str:
        """The day and the time at which it was written, by the organization's clocks."""
        return say_instant(self.local)

    @property
    def is_of_that_day(self) -> bool:
        """Whether it was written on the day on which it happened, so that one time tells both."""
        return self.local.date() == self.record.happened_on


def history_lines(organization: Organization, records: Iterable[Record]) -> list[HistoryLine]:
    """The records with names and sentences, in a number of queries that does not grow with them."""
    records = list(records)
    names = Names(
        people=names_of({person for record in records for person in people_named(record)}),
        invitations={
            invitation.pk: invitation.addressee
            for invitation in Invitation.objects.filter(
                organization=organization, pk__in={pk for record in records for pk in invitations_named(record)}
            ).select_related("accepted_by")
        },
        license_types={
            (product_id, code): name
            for product_id, code, name in LicenseType.objects.filter(
                product__registrations__organization=organization
            ).values_list("product_id", "code", "name")
        },
    )
    zone = clock.zone(organization.time_zone_at(clock.now()))
    return [
        HistoryLine(
            record,
            str(record.actor) if record.actor else _("License Manager"),
            sentence(record, names),
            record.written_at.astimezone(zone),
        )
        for record in records
    ]


def history_rows(organization: Organization, chunks: Iterable[list[Record]]) -> Iterator[tuple[str, ...]]:
    """The records as rows of a file, under a row with the names of the columns."""
    yield tuple(map(str, HISTORY_COLUMNS))
    for chunk in chunks:
        for line in history_lines(organization, chunk):
            record = line.record
            yield (
                str(record.sequence),
                record.happened_on.isoformat(),
                line.local.isoformat(timespec="seconds"),
                line.who,
                record.actor.email if record.actor and record.actor.closed_at is None else "",
                str(record.get_action_display()),
                record.product.name if record.product else "",
                line.what,
            )
