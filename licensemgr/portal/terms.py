"""The terms of licensing: one sentence each, with an example in the organization's own numbers where it has some."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from licensemgr.core.enumerations import in_a_row
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext, npgettext, pgettext
from products.models import LicenseKind
from subscriptions import rules
from subscriptions.advice import format_date
from subscriptions.queries import ProductStanding
from subscriptions.rules import Status
from subscriptions.why import growth_used
from wallet.rules import use_by

# Says an example in the numbers of one product; empty where it has none.
Own: TypeAlias = Callable[[ProductStanding], str]


@dataclass(frozen=True)
class Term:
    """A term, what it means, and an example for whoever has no numbers of it yet."""

    name: Promise
    sentence: Promise
    example: Promise
    own: Own | None = None

    def example_for(self, standings: Iterable[ProductStanding]) -> str:
        """The example in the numbers of the first product that has some, else the general one."""
        for standing in standings if self.own is not None else ():
            if self.own is not None and (said := self.own(standing)):
                return said
        return str(self.example)

    def text_for(self, standings: Iterable[ProductStanding]) -> str:
        """What the term means, and the example."""
        return _("%(sentence)s %(example)s") % {"sentence": self.sentence, "example": self.example_for(standings)}


def _of_trial(standing: ProductStanding) -> str:
    if standing.status != Status.TRIAL or standing.trial_last_on is None:
        return ""
    return pgettext("trial", "Yours of %(product)s ends on %(day)s.") % {
        "product": standing.product.name,
        "day": format_date(standing.trial_last_on),
    }


def _of_grace(standing: ProductStanding) -> str:
    last = standing.grace_last_day
    if last is None:
        return ""
    values = {"product": standing.product.name, "day": format_date(last)}
    if standing.in_grace:
        return pgettext("grace period", "Yours of %(product)s ends on %(day)s.") % values
    return pgettext("grace period", "Yours of %(product)s ended on %(day)s.") % values


def _of_renewal(standing: ProductStanding) -> str:
    coming = standing.next_year
    if coming is None:
        return ""
    first = coming.year.first
    return _("Your next one begins on %(first)s and ends on %(last)s.") % {
        "first": format_date(first),
        "last": format_date(first + timedelta(days=rules.GRACE_DAYS)),
    }


def _of_year(standing: ProductStanding) -> str:
    if standing.current is None:
        return ""
    year = standing.current.year
    return _("Yours now runs from %(first)s to %(last)s.") % {
        "first": format_date(year.first),
        "last": format_date(year.last),
    }


def _of_need(standing: ProductStanding) -> str:
    need = standing.current.need_total if standing.current else sum(standing.devices.values())
    if not need:
        return ""
    return ngettext("%(product)s needs %(n)s today.", "%(product)s needs %(n)s today.", need) % {
        "product": standing.product.name,
        "n": grouped(need),
    }


def _of_allocated(standing: ProductStanding) -> str:
    held = standing.current.allocated_total if standing.current else 0
    if not held:
        return ""
    sentence = ngettext(
        "%(n)s license is allocated to the current year of %(product)s.",
        "%(n)s licenses are allocated to the current year of %(product)s.",
        held,
    )
    return sentence % {"product": standing.product.name, "n": grouped(held)}


def _of_missing(standing: ProductStanding) -> str:
    year = next((each for each in standing.years if each.missing_total), None)
    if year is None:
        return ""
    sentence = ngettext(
        "The year of %(product)s from %(first)s misses %(n)s license.",
        "The year of %(product)s from %(first)s misses %(n)s licenses.",
        year.missing_total,
    )
    return sentence % {
        "product": standing.product.name,
        "first": format_date(year.year.first),
        "n": grouped(year.missing_total),
    }


def _of_wallet(standing: ProductStanding) -> str:
    held = standing.wallet_total(LicenseKind.SUBSCRIPTION) + standing.wallet_total(LicenseKind.HARDWARE)
    if not held:
        return ""
    sentence = npgettext("wallet", "Yours of %(product)s holds %(n)s.", "Yours of %(product)s holds %(n)s.", held)
    return sentence % {"product": standing.product.name, "n": grouped(held)}


def _of_lot(standing: ProductStanding) -> str:
    lots = sorted((lot for lots in standing.stock.values() for lot in lots), key=lambda lot: lot.expires_on)
    if not lots:
        return ""
    sentence = ngettext(
        "Your next one of %(product)s has %(n)s license, use by %(day)s.",
        "Your next one of %(product)s has %(n)s licenses, use by %(day)s.",
        lots[0].quantity,
    )
    return sentence % {
        "product": standing.product.name,
        "n": grouped(lots[0].quantity),
        "day": format_date(use_by(lots[0].expires_on)),
    }


def _of_use_by(standing: ProductStanding) -> str:
    days = [lot.expires_on for lots in standing.stock.values() for lot in lots]
    if not days:
        return ""
    return _("The first of yours for %(product)s is %(day)s.") % {
        "product": standing.product.name,
        "day": format_date(use_by(min(days))),
    }


def _of_credit(standing: ProductStanding) -> str:
    for kind in standing.types:
        days = standing.credit_days[kind.code]
        if days:
            more = rules.DAYS_PAID - days
            have = npgettext("credit days", "You have %(n)s for %(type)s.", "You have %(n)s for %(type)s.", days)
            lack = npgettext("credit days", "%(n)s more makes a license.", "%(n)s more make a license.", more)
            return in_a_row([have % {"n": grouped(days), "type": kind.name}, lack % {"n": grouped(more)}])
    return ""


def _of_compensation(standing: ProductStanding) -> str:
    if standing.current is None or standing.started_on is None:
        return ""
    given = rules.compensate(
        quantity=1, year=standing.current.year, started_on=standing.started_on, on=standing.on, credit=0
    )
    if not given.days_given:
        return ""
    sentence = ngettext(
        "A license allocated to your current year of %(product)s today would give back %(n)s day.",
        "A license allocated to your current year of %(product)s today would give back %(n)s days.",
        given.days_given,
    )
    return sentence % {"product": standing.product.name, "n": grouped(given.days_given)}


def _of_growth(standing: ProductStanding) -> str:
    if standing.current is None or standing.current.allowance is None:
        return ""
    return _("%(product)s has used %(used)s of %(allowed)s.") % {
        "product": standing.product.name,
        "used": grouped(growth_used(standing)),
        "allowed": grouped(standing.current.allowance),
    }


def _of_units(standing: ProductStanding) -> str:
    units = standing.units.active
    if not units:
        return ""
    sentence = ngettext(
        "You have %(n)s unit of %(product)s.",
        "You have %(n)s units of %(product)s.",
        units,
    )
    return sentence % {"product": standing.product.name, "n": grouped(units)}


def _of_expansion(standing: ProductStanding) -> str:
    if standing.units.lacks:
        first = standing.units.lacks[0]
        lacks = sum(first.lacks.values())
        sentence = ngettext("Unit %(serial)s lacks %(n)s.", "Unit %(serial)s lacks %(n)s.", lacks)
        return sentence % {"serial": first.serial, "n": grouped(lacks)}
    held = standing.wallet_total(LicenseKind.HARDWARE)
    if not held:
        return ""
    sentence = ngettext("%(n)s waits in the wallet of %(product)s.", "%(n)s wait in the wallet of %(product)s.", held)
    return sentence % {"n": grouped(held), "product": standing.product.name}


_t = gettext_lazy
# In the order of the page “Terms”: from the first day with a product to the last year of its hardware.
TERMS: Mapping[str, Term] = {
    "trial": Term(
        gettext_lazy("Trial"),
        gettext_lazy("A time in which a product can be used without licenses; starting the subscription ends it."),
        gettext_lazy("For example, 30 days from the day on which the product was registered."),
        _of_trial,
    ),
    "subscription-year": Term(
        gettext_lazy("Subscription year"),
        gettext_lazy("The year for which subscription licenses pay, the same for all products of the organization."),
        gettext_lazy("For example, from March 1 to the end of February."),
        _of_year,
    ),
    "grace-period": Term(
        gettext_lazy("Grace period"),
        gettext_lazy(
            "The 30 days after the start in which you buy, redeem and allocate licenses and use the product meanwhile."
        ),
        gettext_lazy("For example, whoever starts on March 1 has until March 31."),
        _of_grace,
    ),
    "renewal-grace": Term(
        gettext_lazy("Renewal grace period"),
        gettext_lazy(
            "The 30 days from each renewal date on in which licenses are allocated to the new subscription year."
        ),
        gettext_lazy("For example, a year that begins on March 1 can be allocated until March 31 without a gap."),
        _of_renewal,
    ),
    "current-need": Term(
        gettext_lazy("Current need"),
        gettext_lazy("How many licenses a subscription year has to hold: one for each device that counts for it."),
        gettext_lazy("For example, 84 cameras need 84 licenses."),
        _of_need,
    ),
    "allocated": Term(
        gettext_lazy("Allocated"),
        gettext_lazy("Licenses that were taken from the wallet for one subscription year."),
        gettext_lazy("For example, 84 licenses for this year and 84 for the next."),
        _of_allocated,
    ),
    "missing": Term(
        gettext_lazy("Missing"),
        gettext_lazy("What a subscription year needs and is not allocated to it."),
        gettext_lazy("For example, 84 needed and 60 allocated: 24 are missing."),
        _of_missing,
    ),
    "growth-allowance": Term(
        gettext_lazy("Growth allowance"),
        gettext_lazy(
            "How many devices can be added within a fully licensed year before more licenses have to be allocated."
        ),
        gettext_lazy("For example, 20 licenses allocated: up to 20 more devices are free until the year ends."),
        _of_growth,
    ),
    "license-key": Term(
        gettext_lazy("License key"),
        gettext_lazy("A code that you buy; redeeming it once adds all of its licenses to the wallet of one product."),
        gettext_lazy("For example, one key with 20 licenses for cameras."),
    ),
    "wallet": Term(
        gettext_lazy("Product wallet"),
        gettext_lazy("Holds the licenses of a product that are not allocated yet."),
        gettext_lazy("For example, 20 were redeemed and 15 allocated: it holds 5."),
        _of_wallet,
    ),
    "lot": Term(
        gettext_lazy("Lot"),
        gettext_lazy(
            "Licenses that entered the wallet together and expire together; the one that expires first is used first."
        ),
        gettext_lazy("For example, the 20 licenses of one key."),
        _of_lot,
    ),
    "use-by": Term(
        gettext_lazy("Use by"),
        gettext_lazy("The last day on which licenses of a lot can be allocated."),
        gettext_lazy("For example, licenses that were redeemed on March 1, 2027 are used by February 29, 2032."),
        _of_use_by,
    ),
    "kept-for-five-years": Term(
        gettext_lazy("Kept for five years"),
        gettext_lazy(
            "Licenses that are not allocated stay in the wallet for five years from the day on which they entered."
        ),
        gettext_lazy("For example, a key that is redeemed today can pay for each of the five years to come."),
        _of_use_by,
    ),
    "compensation": Term(
        gettext_lazy("Compensation"),
        gettext_lazy(
            "What a license that was allocated late did not cover is given back in days; 365 days are a new license."
        ),
        gettext_lazy("For example, 12 licenses allocated when a month of the year is over give back one license."),
        _of_compensation,
    ),
    "credit-days": Term(
        gettext_lazy("Credit days"),
        gettext_lazy("Days given back that do not make a whole license of 365 days yet; they never expire."),
        gettext_lazy("For example, 400 days are one license and 35 credit days."),
        _of_credit,
    ),
    "tied-to-hardware": Term(
        gettext_lazy("Tied to hardware"),
        gettext_lazy("A license that belongs to one hardware unit for the unit's lifetime and needs no subscription."),
        gettext_lazy("For example, a server that comes with licenses for 16 cameras."),
        _of_units,
    ),
    "preloaded": Term(
        gettext_lazy("Preloaded"),
        gettext_lazy("Licenses with which a hardware unit is sold; they are active once the unit is registered."),
        gettext_lazy("For example, 16 on each unit of a model."),
        _of_units,
    ),
    "expansion-license": Term(
        gettext_lazy("Expansion license"),
        gettext_lazy("A license that is added to one hardware unit, for devices beyond those it came with."),
        gettext_lazy("For example, 4 more for a unit with 16 licenses and 20 cameras."),
        _of_expansion,
    ),
    "offline-system": Term(
        gettext_lazy("Offline system"),
        gettext_lazy(
            "A system that can't reach this portal: you carry its system file here and its license file back."
        ),
        gettext_lazy("For example, the cameras of a ship."),
    ),
    "system-file": Term(
        gettext_lazy("System file"),
        gettext_lazy("A file that a system writes: which devices it has and on which hardware it is."),
        gettext_lazy("For example, written by the product's own settings and uploaded from the Product list."),
    ),
    "license-file": Term(
        gettext_lazy("License file"),
        gettext_lazy("A signed file by which a system knows how many devices are licensed and until when."),
        gettext_lazy("For example, downloaded in System setup and carried to the system."),
    ),
    "stale": Term(
        gettext_lazy("Stale"),
        gettext_lazy("A license file is stale once a newer one would say more or something else."),
        gettext_lazy("For example, after licenses for the next year were allocated."),
    ),
    "registration-code": Term(
        gettext_lazy("Registration code"),
        gettext_lazy("A code by which systems that are online register themselves to the organization."),
        gettext_lazy("For example, one code for 20 shops, good for 7 days."),
    ),
    "silent": Term(
        gettext_lazy("Silent"),
        gettext_lazy(
            "A system that is online and has not called for some time; its devices count as it last reported them."
        ),
        gettext_lazy("For example, one that was switched off."),
    ),
}
