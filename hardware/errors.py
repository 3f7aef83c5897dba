"""What hardware refuses, each with the sentence that the person reads."""

from datetime import date

from licensemgr.core.errors import Refused
from licensemgr.core.moments import say_day
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext


class UnitRefused(Refused):
    """A unit that can't be registered."""

    code = "unit"
    field: str | None = "owner_authentication_key"


class UnitUnknown(UnitRefused):
    """A wrong pair, an unknown serial number, or a unit that another organization registered: one and the same answer (R24)."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This serial number and owner authentication key don't go together, or the unit is not free. Nothing was "
                "changed. Compare both with the label or the delivery papers, or ask the reseller who sold it."
            )
        )


class UnitRegisteredHere(UnitRefused):
    """This organization itself registered the unit before; told only to who has its owner authentication key (R24)."""

    def __init__(self, *, on: date) -> None:
        super().__init__(
            _(
                "Your organization already registered this unit on %(on)s. Nothing was changed. System setup shows the unit and "
                "what it holds."
            )
            % {"on": say_day(on)}
        )


class TooManyUnitTries(UnitRefused):
    """Too many pairs of serial number and owner authentication key were tried that don't go together."""

    code = "tries"
    status = 429
    field = None

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        super().__init__(
            ngettext(
                "Too many wrong pairs of serial number and owner authentication key were tried. Nothing was changed. Try "
                "again in %(minutes)s minute.",
                "Too many wrong pairs of serial number and owner authentication key were tried. Nothing was changed. Try "
                "again in %(minutes)s minutes.",
                minutes,
            )
            % {"minutes": grouped(minutes)}
        )


class TooManyProofTries(TooManyUnitTries):
    """The same of proofs in uploaded files, which are counted with typed pairs: said of one file."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        UnitRefused.__init__(
            self,
            ngettext(
                "Too many files or pairs that do not prove a hardware unit were tried, so this one was not looked at. Nothing was "
                "changed by it. Upload it again in %(minutes)s minute.",
                "Too many files or pairs that do not prove a hardware unit were tried, so this one was not looked at. Nothing was "
                "changed by it. Upload it again in %(minutes)s minutes.",
                minutes,
            )
            % {"minutes": grouped(minutes)},
        )


class UnitEnded(Refused):
    """The unit was retired or replaced: its life is over (R27)."""

    code = "retired"

    def __init__(self, *, serial: str, on: date) -> None:
        super().__init__(
            _(
                "Unit %(serial)s was retired or replaced on %(on)s. Nothing was changed. Choose a unit that is still in use."
            )
            % {"serial": serial, "on": say_day(on)}
        )


class SerialNotRepeated(Refused):
    """The serial number that was typed is not that of the unit that is to be retired (R27)."""

    code = "serial"
    field = "serial"

    def __init__(self, *, serial: str) -> None:
        super().__init__(
            _(
                "This is not the serial number of this unit, %(serial)s. Nothing was changed; type it as it stands there."
            )
            % {"serial": serial}
        )


class ReplacementRefused(Refused):
    """A unit that can't take the place of another (R27)."""

    code = "replace"


class SystemNotMoved(Refused):
    """A system that can't be moved onto a unit."""

    code = "move"


class UnitFileRefused(Refused):
    """A file of units that were made from which nothing can be taken in."""

    code = "unit_file"
    field = "file"


class HardwareModelInUse(Refused):
    """A model of which units are registered keeps its product and code."""

    code = "model_in_use"

    def __init__(self, *, hardware_model: object) -> None:
        super().__init__(
            _(
                "Units of %(model)s are registered, so its product and code stay. Nothing was changed. Add another model instead."
            )
            % {"model": hardware_model}
        )


class LicenseFileRefused(Refused):
    """A license file that R29 does not give; the sentence says what to do first."""

    code = "no license file"
    status = 409

    def __init__(self, sentence: str, standing: str = "") -> None:
        # The status in which the system is granted nothing.
        self.standing = standing
        super().__init__(sentence)


class IssueLogBroken(Refused):
    """The issue log can't be written: no license file is given, since one that no log knows could not be reconciled."""

    code = "issue log"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            _(
                "The license file can't be written down in the issue log at the moment, so none was given. Nothing was changed. "
                "Whoever runs this portal has to make ISSUE_LOG_DIR writable and see that its disk is not full."
            )
        )


class ReportKept(Refused):
    """A report over a call that was taken, while no license file can be given for it at the moment."""

    code = "report kept"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            _(
                "The report was taken, but no license file can be given at the moment. Keep the one that you have, and send the "
                "very same report again later. Whoever runs this portal has to look at its signing key and its issue log."
            )
        )


class ReportRefused(Refused):
    """A system description that can't be accepted (R28)."""

    code = "system file"


class ReportOutOfOrder(ReportRefused):
    """Its sequence number is not above that of the last accepted one (R28)."""

    code = "older sequence"
    status = 409

    def __init__(self, *, sequence: int, last: int) -> None:
        self.last = last
        super().__init__(
            _(
                "This file has the sequence number %(sequence)d, and one with %(last)d was accepted already. Nothing was changed. "
                "Create a new system file; if the system was restored from a backup, an administrator can accept it once."
            )
            % {"sequence": sequence, "last": last}
        )


class IdentityChanged(ReportRefused):
    """It is signed by another key than the system's own: it waits for an administrator's decision."""

    code = "identity changed"
    status = 202

    def __init__(self, *, system: str) -> None:
        super().__init__(
            _(
                "System %(system)s signs with another key than before. Nothing was changed. An administrator has to decide in "
                "System setup whether it is the same system, newly installed, or a copy."
            )
            % {"system": system}
        )


class UploadTooLarge(ReportRefused):
    """More at once than an upload may bring (R28)."""

    code = "upload"
    status = 413


class UploadExpired(ReportRefused):
    """Files that waited for more than an hour to be confirmed (R28)."""

    code = "expired"
    status = 410

    def __init__(self) -> None:
        super().__init__(
            _(
                "These files waited for more than an hour and can't be confirmed any more. Nothing was changed. "
                "Upload them again."
            )
        )


class CodeNotMade(Refused):
    """A registration code that can't be made as it was asked for."""

    code = "registration code"


class CodeGivenBefore(Refused):
    """The same form made its registration code before, and showed it then."""

    code = "registration code given"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _(
                "This form made its registration code before, and a code is shown only once. Nothing was changed. If nobody "
                "noted it, revoke it in the list and make a new one."
            )
        )


class NotRegistered(Refused):
    """A system that no organization knows, without a registration code that can be used: one and the same answer."""

    code = "registration needed"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            _(
                "This system belongs to no organization yet, and the registration code is missing or can't be used. Nothing "
                "was changed. Ask an administrator of the organization for a new registration code."
            )
        )


class NewKeyRefused(Refused):
    """The system signs with a key that an administrator refused."""

    code = "identity refused"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _(
                "An administrator of the organization refused the key by which this system signs. Nothing was changed. Ask "
                "the administrator, who can look at a system file that is uploaded by hand."
            )
        )


class ProofRefused(Refused):
    """A request that does not prove that a system makes it: unknown system, wrong key, other request: one answer."""

    code = "proof refused"
    status = 401

    def __init__(self, sentence: str = "") -> None:
        super().__init__(
            sentence
            or _(
                "The request is not signed as a request of this system. Nothing was given. Sign method, address, time and a "
                "new nonce with the system's own key."
            )
        )


class ClockOff(ProofRefused):
    """The time of a signed request is too far from the portal's."""

    code = "clock off"

    def __init__(self, server_time: str) -> None:
        super().__init__(
            _(
                "The request was signed at a time that is more than five minutes from the portal's, %(time)s. Nothing was given. "
                "Set the system's clock, or sign with the portal's time."
            )
            % {"time": server_time}
        )
