"""What a person asked for in an organization, as the page Downloads shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from licensemgr.core import clock
from licensemgr.core.moments import say_instant
from organizations.access import may
from organizations.models import Membership
from organizations.work import is_known, kind_of
from organizations.work_models import WorkOrder, WorkState


@dataclass(frozen=True)
class WorkRow:
    """An order in words."""

    order: WorkOrder
    title: str
    # How much is done, of how much; empty where that is not known (yet).
    words: str
    # How it stands: a state, with “expired” where its day is over, whether or not anybody wrote that down.
    state: WorkState
    # When it was asked for and until when it can be fetched, by the organization's clocks.
    made: str
    kept_until: str
    # Whether the person may (still) have such work done, and its result.
    is_allowed: bool

    @property
    def percent(self) -> int | None:
        """How much is done; None where that is not known."""
        return self.order.percent

    @property
    def step(self) -> int:
        """The quarters that are done: one more is announced."""
        return (self.percent or 0) // 25

    @property
    def label(self) -> str:
        """How it stands, in a word or two."""
        return str(self.state.label)

    @property
    def is_under_way(self) -> bool:
        return self.order.is_under_way

    @property
    def can_fetch(self) -> bool:
        """Whether it can be downloaded now."""
        return self.state == WorkState.DONE and self.is_allowed

    @property
    def can_begin_again(self) -> bool:
        """Whether it can be asked for anew."""
        return self.state in (WorkState.FAILED, WorkState.EXPIRED) and self.is_allowed


def work_rows(membership: Membership, orders: Iterable[WorkOrder]) -> list[WorkRow]:
    """The orders of a member as rows; without a query of their own."""
    now = clock.real_now()
    organization = membership.organization
    zone = clock.zone(organization.time_zone_at(clock.now()))
    rows = []
    for order in orders:
        order.organization, order.person = organization, membership.user
        known = is_known(order.kind)
        rows.append(
            WorkRow(
                order=order,
                # A kind of an earlier version of the portal
                title=kind_of(order.kind).title(order) if known else _("A file"),
                words=kind_of(order.kind).words(order.done, order.total) if known and order.total else "",
                state=WorkState.EXPIRED if order.is_gone(now) else WorkState(order.state),
                made=say_instant(order.made_at.astimezone(zone)),
                kept_until=say_instant(order.kept_until.astimezone(zone)) if order.kept_until else "",
                is_allowed=known and may(membership, kind_of(order.kind).permission),
            )
        )
    return rows
