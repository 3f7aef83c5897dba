"""Sentences of hardware units, system files, license files and systems that are online."""

from collections.abc import Mapping

from history.models import Action
from history.sentences.facts import Facts, Tell
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext, pgettext


def _system_moved(facts: Facts) -> str:
    if not facts.text("serial", ""):
        return _("System %(system)s is on no hardware unit any more.") % {"system": facts.text("system")}
    return _("System %(system)s is on hardware unit %(serial)s now.") % {
        "system": facts.text("system"),
        "serial": facts.text("serial"),
    }


def _report_restored(facts: Facts) -> str:
    return _("A system file of %(system)s with an older sequence number was accepted as restored from a backup.") % {
        "system": facts.text("system")
    }


def _identity_held(facts: Facts) -> str:
    return _("System %(system)s signed with another key than before. Its report waits for a decision.") % {
        "system": facts.text("system")
    }


def _identity_accepted(facts: Facts) -> str:
    return _("The new key of system %(system)s was accepted, and its report with it.") % {
        "system": facts.text("system")
    }


def _identity_refused(facts: Facts) -> str:
    return _("The new key of system %(system)s was refused, and its report with it.") % {"system": facts.text("system")}


def _license_file_issued(facts: Facts) -> str:
    return _("License file %(sequence)s was issued for system %(system)s.") % {
        "sequence": facts.text("sequence"),
        "system": facts.text("system"),
    }


def _unit_registered(facts: Facts) -> str:
    return _("Hardware unit %(serial)s (%(model)s) was registered. Preloaded licenses: %(licenses)s.") % {
        "serial": facts.text("serial"),
        "model": facts.text("model"),
        "licenses": facts.quantities("licenses") or pgettext("licenses or devices", "none"),
    }


def _unit_expanded(facts: Facts) -> str:
    return _("Expansion licenses were allocated to hardware unit %(serial)s for its lifetime: %(licenses)s.") % {
        "serial": facts.text("serial"),
        "licenses": facts.quantities("licenses") or "?",
    }


def _unit_retired(facts: Facts) -> str:
    return _("Hardware unit %(serial)s was retired. Its licenses ended: %(licenses)s.") % {
        "serial": facts.text("serial"),
        "licenses": facts.quantities("licenses") or pgettext("licenses or devices", "none"),
    }


def _unit_replaced(facts: Facts) -> str:
    return _(
        "Hardware unit %(serial)s was replaced by %(new_serial)s, to which its licenses moved: %(licenses)s. Reason: %(reason)s."
    ) % {
        "serial": facts.text("serial"),
        "new_serial": facts.text("new_serial"),
        "licenses": facts.quantities("licenses") or pgettext("licenses or devices", "none"),
        "reason": facts.text("reason").rstrip("."),
    }


def _code_made(facts: Facts) -> str:
    uses, days = facts.number("uses") or 0, facts.number("days") or 0
    systems = ngettext("%(n)s system", "%(n)s systems", uses) % {"n": grouped(uses)}
    return ngettext(
        "Registration code …%(tail)s (%(label)s) was made, for %(systems)s and %(days)s day.",
        "Registration code …%(tail)s (%(label)s) was made, for %(systems)s and %(days)s days.",
        days,
    ) % {"tail": facts.text("code_tail"), "label": facts.text("label"), "systems": systems, "days": grouped(days)}


def _code_revoked(facts: Facts) -> str:
    used = facts.number("used") or 0
    return ngettext(
        "Registration code …%(tail)s (%(label)s) was revoked. %(used)s system had joined by it.",
        "Registration code …%(tail)s (%(label)s) was revoked. %(used)s systems had joined by it.",
        used,
    ) % {"tail": facts.text("code_tail"), "label": facts.text("label"), "used": grouped(used)}


def _system_joined(facts: Facts) -> str:
    return _("System %(system)s joined by itself with the registration code …%(tail)s (%(label)s).") % {
        "system": facts.text("system"),
        "tail": facts.text("code_tail"),
        "label": facts.text("label"),
    }


SENTENCES: Mapping[str, Tell] = {
    Action.SYSTEM_MOVED: _system_moved,
    Action.REPORT_RESTORED: _report_restored,
    Action.IDENTITY_HELD: _identity_held,
    Action.IDENTITY_ACCEPTED: _identity_accepted,
    Action.IDENTITY_REFUSED: _identity_refused,
    Action.CODE_MADE: _code_made,
    Action.CODE_REVOKED: _code_revoked,
    Action.SYSTEM_JOINED: _system_joined,
    Action.LICENSE_FILE_ISSUED: _license_file_issued,
    Action.UNIT_REGISTERED: _unit_registered,
    Action.UNIT_EXPANDED: _unit_expanded,
    Action.UNIT_RETIRED: _unit_retired,
    Action.UNIT_REPLACED: _unit_replaced,
}
