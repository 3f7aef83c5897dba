"""How an organization's products stand, in one sentence above their list."""

from collections.abc import Sequence
from dataclasses import dataclass

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from licensemgr.portal.queries import PRODUCT_SORTS, ProductRow
from subscriptions import advice


@dataclass(frozen=True)
class Summary:
    """What stands above the Product list: how many products want attention, and what to do next for the most urgent one."""

    title: str
    sentence: str
    product: ProductRow
    step: advice.NextStep
    # The product to which something happens by itself next; None where nothing has a date.
    next_dated: ProductRow | None


def summarize(rows: Sequence[ProductRow]) -> Summary | None:
    """How the products stand (R14a). None without products.

    The sentence is about the most urgent of those that want attention, else about the one whose date comes next, else about
    the first that can be started.
    """
    if not rows:
        return None
    dated = [row for row in sorted(rows, key=PRODUCT_SORTS["next"]) if row.upcoming.on]
    by_urgency = sorted(rows, key=PRODUCT_SORTS["status"])
    wanting = [row for row in by_urgency if row.wants_attention]
    product = (wanting or dated or by_urgency)[0]
    step = advice.next_step(product.standing)
    if wanting:
        title = ngettext("%(count)s product needs attention", "%(count)s products need attention", len(wanting))
        title %= {"count": grouped(len(wanting))}
    else:
        title = _("No product needs attention now")
    sentence = _("%(product)s: %(sentence)s") % {"product": product.name, "sentence": step.sentence}
    return Summary(title, sentence, product, step, dated[0] if dated else None)
