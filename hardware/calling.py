"""Systems that are online: a report by a call, and the latest license file (R28, R29).

A system proves itself by its own key: by the signature of its report, or by a signed request. What nothing proves (an unknown
system, another key, a wrong registration code) is limited per network before it costs anything; what is proved, per system.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from hardware.errors import (
    ClockOff,
    IssueLogBroken,
    LicenseFileRefused,
    NewKeyRefused,
    NotRegistered,
    ProofRefused,
    ReportKept,
    ReportRefused,
)
from hardware.license_files import document_of, license_file_for_call
from hardware.models import HeldReport, RegistrationCode, Report, SystemIdentity
from hardware.proofs import claim_of
from hardware.registration_codes import usable_code, use_code
from hardware.reports import accept_report
from hardware.system_files import SystemFile, read_system_file
from hardware.tries import try_proof_of_call
from history.models import Action
from history.record import record
from licensemgr.core import clock, signed
from licensemgr.core.calls import count_call, take_unproved_place
from licensemgr.core.errors import TooManyCalls
from licensemgr.core.places import Places, add_once, give_back
from licensemgr.core.signing_keys import NoSigningKey
from licensemgr.core.tenancy import Part, acting, acting_for
from organizations.books import changing
from organizations.errors import DateGoesBack, OrganizationClosed
from organizations.models import Organization
from products.errors import SystemIdTaken
from products.models import System, SystemSource

T = TypeVar("T")
# How often reports of one system that were sent before are answered within an hour.
REPLAYS_PER_HOUR = 60
REQUEST_TYP = "system-request-v1"
# A signed request holds for so long before and after its time.
REQUEST_TOLERANCE = timedelta(minutes=5)
# A nonce is known for as long as its request could be believed, and a little longer.
_NONCE_SECONDS = 2 * int(REQUEST_TOLERANCE.total_seconds()) + 60
_LONGEST_PROOF = 4096
_REQUEST_MEMBERS = {"method", "url", "time", "nonce"}
_NONCE_LENGTH = range(16, 65)
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Answer:
    """What a system is answered: its license file, or why there is none."""

    license_file: bytes | None
    # The status of the product in which that is so, and a sentence for people.
    status: str
    sentence: str
    # The report waits for an administrator's decision; nothing else was changed.
    is_held: bool = False


def report_online(*, document: bytes, code: str, address: str) -> Answer:
    """Take a system's report by a call, without a person's confirmation, and answer it (R28, R29).

    A system that no organization knows joins the one whose registration ``code`` it sends. Of any other the code only has to be
    no usable one of another organization. Under another key than the system's own the report is held. ``address`` is the
    client's. Raises DocumentRefused, NotRegistered, NewKeyRefused, SystemIdTaken, TooManyCalls, ReportKept, and what
    `accept_report` raises.
    """
    unproved = _Unproved(address)
    if not _is_known(_claimed(document, unproved)):
        unproved.take()
    try:
        file = read_system_file(document)
        identity = _identity(file.system_id)
        if identity is None or identity.thumbprint != file.thumbprint:
            # The key may be some system's, but not this one's: that proves nothing.
            unproved.take()
        if identity is None:
            return _join(file, document, code, unproved)
        with acting_for(identity.organization_id):
            return _take(identity, file, document, code, unproved)
    except (signed.DocumentRefused, SystemIdTaken):
        unproved.take()
        raise


class _Unproved:
    """A call of which nothing is proved so far: it has one of the places of its network, until something is."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._place: str | None = None

    def take(self) -> None:
        """Take the place, once. Raises TooManyCalls."""
        if self._place is None:
            self._place = take_unproved_place(self._address)

    def give_back(self) -> None:
        """The system proved itself by its own key, or joined."""
        if self._place is not None:
            give_back(self._place)
            self._place = None


def _claimed(document: bytes, unproved: _Unproved) -> str:
    """The thumbprint of the key by which the document says that it is signed. Raises DocumentRefused, TooManyCalls."""
    try:
        return signed.claimed_key(document).thumbprint()
    except signed.DocumentRefused:
        unproved.take()
        raise


def _is_known(thumbprint: str) -> bool:
    """Whether it is the key of a system that is there."""
    with acting(Part.REGISTRY):
        return SystemIdentity.objects.filter(thumbprint=thumbprint, system__removed_on=None).exists()


def _take(identity: SystemIdentity, file: SystemFile, document: bytes, text: str, unproved: _Unproved) -> Answer:
    """The report of a system that has a key of its own."""
    system = identity.system
    code = usable_code(text) if text else None
    if code is not None and code.organization_id != system.organization_id:
        raise SystemIdTaken
    earlier = _same_report(system, file)
    if identity.thumbprint != file.thumbprint:
        _check_stranger(system, file, earlier)
    elif earlier is not None:
        unproved.give_back()
        _count_replay(system)
        return _answer_to(system, earlier)
    else:
        unproved.give_back()
        _count_call(identity, heard=True)
        try_proof_of_call(system.organization, claim_of(file))
    return _answer_to(system, _accept(system, file, document))


def _same_report(system: System, file: SystemFile) -> Report | None:
    """The report that this one repeats, in whatever outer form."""
    return Report.objects.filter(system=system, request_id=file.request_id, sequence=file.sequence).first()


def _check_stranger(system: System, file: SystemFile, earlier: Report | None) -> None:
    """Whether a report under another key than the system's may be put to an administrator at all.

    What is refused tells nothing of the system. Raises NewKeyRefused, ReportRefused.
    """
    if earlier is not None or _was_refused(system, file.thumbprint):
        # An earlier report under another key: by the key that an administrator replaced since.
        raise NewKeyRefused
    if file.product_code != system.registered_product.product.code:
        raise ReportRefused(_("This report can't be taken for this system. Nothing was changed."))


def _accept(system: System, file: SystemFile, document: bytes) -> Report | HeldReport:
    organization = system.organization

    def accept(on: date) -> Report | HeldReport:
        return accept_report(
            organization=organization,
            file=file,
            document=document,
            source=SystemSource.ONLINE,
            actor=None,
            on=on,
            known=system,
        )

    return _on_its_day(organization, accept)


def _on_its_day(organization: Organization, act: Callable[[date], T]) -> T:
    """Do something on the organization's today; on the new one where midnight came in between by another call (R1)."""
    try:
        return act(clock.today(organization))
    except DateGoesBack:
        organization.refresh_from_db(fields=["settled_through"])
        return act(clock.today(organization))


def _answer_to(system: System, taken: Report | HeldReport) -> Answer:
    if isinstance(taken, HeldReport):
        return Answer(
            None,
            "held",
            _(
                "This system signs with another key than before, so its report was put aside and nothing else was changed. An "
                "administrator of the organization decides whether it is the same system, installed anew. Report again after that."
            ),
            is_held=True,
        )
    try:
        return _license_of(system)
    except (NoSigningKey, IssueLogBroken) as error:
        raise ReportKept from error


def _license_of(system: System) -> Answer:
    """The system's license file for what it is granted now; else the status and why there is none (R29)."""
    try:
        file = _on_its_day(system.organization, lambda on: license_file_for_call(system=system, on=on))
    except LicenseFileRefused as refused:
        if not System.objects.filter(pk=system.pk, removed_on=None).exists():
            raise NotRegistered from refused
        return Answer(None, refused.standing, refused.sentence)
    return Answer(document_of(file), "", "")


def _identity(system_id: UUID) -> SystemIdentity | None:
    with acting(Part.REGISTRY):
        return (
            SystemIdentity.objects.select_related("system__organization", "system__registered_product__product")
            .filter(system__system_id=system_id, system__removed_on=None)
            .first()
        )


def _was_refused(system: System, thumbprint: str) -> bool:
    """Whether an administrator's last word on this key was no; a file that is uploaded asks again."""
    last = HeldReport.objects.filter(system=system, thumbprint=thumbprint).exclude(decision="").order_by("-pk").first()
    return last is not None and last.decision == HeldReport.Decision.REFUSED


def _join(file: SystemFile, document: bytes, text: str, unproved: _Unproved) -> Answer:
    """The first report of a system without a key of its own: it joins by a registration code, whole or not at all."""
    code, taken = usable_code(text), None
    if code is not None:
        # Of an organization that was closed in the meantime nothing is told.
        with contextlib.suppress(OrganizationClosed), acting_for(code.organization_id):
            try_proof_of_call(code.organization, claim_of(file))
            taken = _on_its_day(
                code.organization, lambda on: join_by_code(code=code, file=file, document=document, on=on)
            )
    identity = _identity(file.system_id)
    if identity is None:
        raise NotRegistered
    with acting_for(identity.organization_id):
        if taken is None:
            # The very report was sent twice at once, and used the code up: the other one joined meanwhile.
            return _take(identity, file, document, "", unproved)
        if isinstance(taken, Report):
            unproved.give_back()
        return _answer_to(identity.system, taken)


def join_by_code(*, code: RegistrationCode, file: SystemFile, document: bytes, on: date) -> Report | HeldReport | None:
    """Take the first report of a system, and one use of the code by which it joins, together or not at all.

    None where no use is left any more. Raises what `accept_report` raises.
    """
    with changing(code.organization, on) as organization:
        # The very report may have been sent twice at once: then the other one joined meanwhile, and used the code.
        is_new = _identity(file.system_id) is None
        if is_new and not use_code(code):
            return None
        taken = accept_report(
            organization=organization, file=file, document=document, source=SystemSource.ONLINE, actor=None, on=on
        )
        if is_new and isinstance(taken, Report):
            _note_joined(taken.system, code, file.thumbprint, on)
    return taken


def _note_joined(system: System, code: RegistrationCode, thumbprint: str, on: date) -> None:
    SystemIdentity.objects.filter(system=system).update(
        joined_by=code, heard_at=clock.now(), calls_from=clock.real_now(), calls=1
    )
    record(
        organization=system.organization,
        action=Action.SYSTEM_JOINED,
        actor=None,
        on=on,
        product=system.registered_product.product,
        system=system.name,
        system_id=str(system.system_id),
        label=code.label,
        code_tail=code.tail,
        thumbprint=thumbprint,
    )


def latest_license(*, system_id: UUID, method: str, urls: set[str], request_proof: str, address: str) -> Answer:
    """The latest license file of the system that signed this request; made anew where what it is granted changed.

    ``urls`` are the addresses by which the request may name itself. Raises ProofRefused, ClockOff, TooManyCalls, and what
    `license_file_for_call` raises but LicenseFileRefused.
    """
    identity = _identity(system_id)
    try:
        identity = _proved(identity, method, urls, request_proof)
    except ClockOff:
        # Every system whose clock is wrong has to learn the time.
        raise
    except ProofRefused:
        # Counted only now, as finding it out costs little, so that systems that prove theirs are not held up by others.
        take_unproved_place(address)
        raise
    with acting_for(identity.organization_id):
        _count_call(identity, heard=True)
        return _license_of(identity.system)


def _proved(identity: SystemIdentity | None, method: str, urls: set[str], request_proof: str) -> SystemIdentity:
    """The identity whose key signed the request, once."""
    parts = request_proof.split(".")
    if len(parts) != 3 or len(request_proof) > _LONGEST_PROOF:
        raise ProofRefused
    flattened = json.dumps(dict(zip(("protected", "payload", "signature"), parts, strict=True))).encode()
    try:
        read = signed.read(flattened, typ=REQUEST_TYP, key_named_by="kid", exact=False)
        payload = read.payload
    except signed.DocumentRefused as error:
        raise ProofRefused from error
    if set(payload) != _REQUEST_MEMBERS or not all(isinstance(value, str) for value in payload.values()):
        raise ProofRefused
    # Before anything is looked up: that a clock is wrong can be told to anybody.
    _check_time(payload["time"])
    if (
        identity is None
        or read.header["kid"] != identity.thumbprint
        or payload["method"] != method
        or payload["url"] not in urls
        or len(payload["nonce"]) not in _NONCE_LENGTH
    ):
        raise ProofRefused
    key = signed.public_key({"kty": "OKP", "crv": "Ed25519", "x": identity.public})
    try:
        signed.check_signature(read, key)
    except signed.DocumentRefused as error:
        raise ProofRefused from error
    nonce = f"system-request:{identity.thumbprint}:{payload['nonce']}"
    if not nonce.isprintable() or " " in nonce:
        raise ProofRefused
    if not add_once(nonce, 1, timeout=_NONCE_SECONDS):
        raise ProofRefused(
            _("This request was made before. Nothing was given. Sign every request with a new nonce of its own.")
        )
    return identity


def _check_time(text: str) -> None:
    try:
        time = datetime.strptime(text, _INSTANT).replace(tzinfo=clock.real_now().tzinfo)
    except ValueError as error:
        raise ProofRefused from error
    if abs(time - clock.real_now()) > REQUEST_TOLERANCE:
        raise ClockOff(clock.real_now().strftime(_INSTANT))


def _count_replay(system: System) -> None:
    """Count a report that was sent before: whoever has it can send it, so the system's own calls are another count.

    It is no sign of life. Raises TooManyCalls.
    """
    places = Places(f"replayed-reports:{system.pk}", REPLAYS_PER_HOUR)
    if places.take() is None:
        raise TooManyCalls(places.seconds_until_free())


def _count_call(identity: SystemIdentity, *, heard: bool) -> None:
    """Count a call that the system's key proved; ``heard``: as a sign of life, too. Raises TooManyCalls."""
    noted = {"heard_at": clock.now()} if heard else {}
    count_call(identity, settings.API_CALLS_PER_HOUR, **noted)
