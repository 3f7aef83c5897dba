"""How an organization's products stand, in one sentence above their list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from licensemgr.portal.queries import PRODUCT_SORTS, ProductRow
from subscriptions import advice


@dataclass(frozen=True)
class Summary:
    """What stands above the Product list: how many products want attention, which is the most urgent, and what comes next."""

    title: str
    sentence: str
    tone: str
    # The product that the sentence is about.
    product: ProductRow
    # By when; None where no day is set.
    by: date | None
    # The next date on which something happens by itself, to whichever product; None where nothing will.
    next_dated: ProductRow | None


def summarize(rows: Sequence[ProductRow]) -> Summary | None:
    """How the products stand: the most urgent of those that want attention, else the next date (R14a). None without rows."""
    if not rows:
        return None
    dated = [row for row in sorted(rows, key=PRODUCT_SORTS["next"]) if row.upcoming.on]
    first = dated[0] if dated else None
    urgent = sorted((row for row in rows if row.wants_attention), key=PRODUCT_SORTS["status"])
    if urgent:
        step = advice.next_step(urgent[0].standing)
        title = ngettext("%(count)d product needs attention", "%(count)d products need attention", len(urgent))
        sentence = _named(urgent[0], step.sentence)
        return Summary(title % {"count": len(urgent)}, sentence, "warning", urgent[0], step.by, first)
    title = _("No product needs attention")
    if first is None:
        return Summary(title, _("There is nothing to do. Nothing changes on a date."), "success", rows[0], None, None)
    return Summary(title, _named(first, first.upcoming.text), "success", first, first.upcoming.on, first)


def _named(row: ProductRow, sentence: str) -> str:
    return _("%(product)s: %(sentence)s") % {"product": row.name, "sentence": sentence}
