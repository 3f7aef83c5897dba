"""Sentences of subscriptions, years and the growth allowance."""

from collections.abc import Mapping

from history.models import Action
from history.sentences.facts import Facts, Tell, day_of
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext


def _year_released(facts: Facts) -> str:
    return _("The coming year %(first)s to %(last)s was released: %(licenses)s went back to the Product wallet.") % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "licenses": facts.quantities("licenses") or "?",
    }


def _subscription_started(facts: Facts) -> str:
    return _("The subscription was started. Subscription year %(first)s to %(last)s, grace period until %(grace)s.") % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "grace": facts.day("grace_last_day"),
    }


def _licenses_allocated(facts: Facts) -> str:
    parts = [
        _("%(licenses)s to the year %(first)s to %(last)s")
        % {
            "licenses": facts.listed(year.get("licenses")) or "?",
            "first": day_of(year.get("first_day")),
            "last": day_of(year.get("last_day")),
        }
        for year in facts.items("years")
    ]
    return _("Licenses were allocated: %(parts)s.") % {"parts": "; ".join(parts) or "?"}


def _year_opened(facts: Facts) -> str:
    return _("The subscription year %(first)s to %(last)s began, with a grace period until %(grace)s.") % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "grace": facts.day("grace_last_day"),
    }


def _year_fully_licensed(facts: Facts) -> str:
    return _(
        "The subscription year %(first)s to %(last)s became fully licensed. Its growth allowance is %(allowance)s."
    ) % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "allowance": grouped(facts.number("allowance") or 0),
    }


def _allowance_exceeded(facts: Facts) -> str:
    allowance = facts.number("allowance") or 0
    return ngettext(
        "The growth allowance of %(allowance)s device was exceeded. Missing: %(missing)s.",
        "The growth allowance of %(allowance)s devices was exceeded. Missing: %(missing)s.",
        allowance,
    ) % {"allowance": grouped(allowance), "missing": facts.quantities("missing") or "?"}


def _allowance_kept_again(facts: Facts) -> str:
    return _("The growth allowance is kept again.")


SENTENCES: Mapping[str, Tell] = {
    Action.YEAR_RELEASED: _year_released,
    Action.SUBSCRIPTION_STARTED: _subscription_started,
    Action.LICENSES_ALLOCATED: _licenses_allocated,
    Action.YEAR_OPENED: _year_opened,
    Action.YEAR_FULLY_LICENSED: _year_fully_licensed,
    Action.ALLOWANCE_EXCEEDED: _allowance_exceeded,
    Action.ALLOWANCE_KEPT_AGAIN: _allowance_kept_again,
}
