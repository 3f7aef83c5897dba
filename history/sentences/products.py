"""Sentences of products and their systems."""

from collections.abc import Mapping

from history.models import Action
from history.sentences.facts import Facts, Tell
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import pgettext


def _product_hidden(facts: Facts) -> str:
    return _("%(product)s was hidden from the Product list.") % {"product": facts.product}


def _product_shown(facts: Facts) -> str:
    return _("%(product)s is on the Product list again.") % {"product": facts.product}


def _product_registered(facts: Facts) -> str:
    if facts.text("trial_last_day", "") not in ("", "None"):
        return _("%(product)s was registered. Its trial runs until %(day)s, that day included.") % {
            "product": facts.product,
            "day": facts.day("trial_last_day"),
        }
    return _("%(product)s was registered.") % {"product": facts.product}


def _system_added(facts: Facts) -> str:
    return _("System %(system)s was added: %(devices)s.") % {
        "system": facts.text("system"),
        "devices": facts.quantities("devices") or _("no devices"),
    }


def _system_reported(facts: Facts) -> str:
    before = facts.mapping("before")
    return _("Devices of system %(system)s: %(devices)s (before: %(before)s).") % {
        "system": facts.text("system"),
        "devices": facts.listed({code: facts.mapping("devices").get(code, 0) for code in before}, skip_zero=False)
        or facts.quantities("devices")
        or pgettext("licenses or devices", "none"),
        "before": facts.listed(before, skip_zero=False) or pgettext("licenses or devices", "none"),
    }


def _system_renamed(facts: Facts) -> str:
    return _("System %(before)s is called %(system)s now.") % {
        "before": facts.text("before"),
        "system": facts.text("system"),
    }


def _system_removed(facts: Facts) -> str:
    return _("System %(system)s was removed, with %(devices)s.") % {
        "system": facts.text("system"),
        "devices": facts.quantities("before") or _("no devices"),
    }


SENTENCES: Mapping[str, Tell] = {
    Action.PRODUCT_HIDDEN: _product_hidden,
    Action.PRODUCT_SHOWN: _product_shown,
    Action.PRODUCT_REGISTERED: _product_registered,
    Action.SYSTEM_ADDED: _system_added,
    Action.SYSTEM_REPORTED: _system_reported,
    Action.SYSTEM_RENAMED: _system_renamed,
    Action.SYSTEM_REMOVED: _system_removed,
}
