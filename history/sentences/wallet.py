"""Sentences of license keys and the Product wallet."""

from collections.abc import Mapping

from history.models import Action
from history.sentences.facts import Facts, Tell
from licensemgr.core.worded import gettext as _


def _redemption_undone(facts: Facts) -> str:
    return _(
        "The redemption of license key …%(tail)s on %(day)s was undone: %(licenses)s left the Product wallet, and the key "
        "can be redeemed again."
    ) % {
        "tail": facts.text("key_tail"),
        "day": facts.day("redeemed_on"),
        "licenses": facts.quantities("licenses") or "?",
    }


def _wallet_corrected(facts: Facts) -> str:
    changes = {code: change for code, change in facts.mapping("licenses").items() if isinstance(change, int)}
    told = (
        _("The vendor took %(licenses)s out of the Product wallet. Reason: %(reason)s.")
        if any(change < 0 for change in changes.values())
        else _("The vendor put %(licenses)s into the Product wallet. Reason: %(reason)s.")
    )
    return told % {
        "licenses": facts.listed({code: abs(change) for code, change in changes.items()}) or "?",
        "reason": facts.text("reason").rstrip("."),
    }


def _key_redeemed(facts: Facts) -> str:
    told = _("License key …%(tail)s was redeemed: %(licenses)s.") % {
        "tail": facts.text("key_tail"),
        "licenses": facts.quantities("licenses") or "?",
    }
    if facts.text("kind", "") == "hardware":
        told += " " + _("These licenses are tied to hardware.")
    if facts.text("order_reference", ""):
        told += " " + _("Order %(order)s.") % {"order": facts.text("order_reference")}
    return told


def _lot_expired(facts: Facts) -> str:
    return _("%(licenses)s expired in the Product wallet, stored since %(day)s.") % {
        "licenses": facts.quantities("licenses") or "?",
        "day": facts.day("entered_on"),
    }


def _licenses_compensated(facts: Facts) -> str:
    days, licenses = facts.quantities("days"), facts.quantities("licenses")
    told = _("License days given back: %(days)s.") % {"days": days or "?"}
    if licenses:
        told += " " + _("New licenses in the Product wallet: %(licenses)s.") % {"licenses": licenses}
    if facts.quantities("credit_days"):
        told += " " + _("Credit days that remain: %(days)s.") % {"days": facts.quantities("credit_days")}
    return told


SENTENCES: Mapping[str, Tell] = {
    Action.REDEMPTION_UNDONE: _redemption_undone,
    Action.WALLET_CORRECTED: _wallet_corrected,
    Action.KEY_REDEEMED: _key_redeemed,
    Action.LOT_EXPIRED: _lot_expired,
    Action.LICENSES_COMPENSATED: _licenses_compensated,
}
