"""Systems that are online: a report by a call, and the latest license file (R28, R29).

A system proves itself by its own key: by the signature of its report, or by a signed request. What nothing proves (an unknown
system, another key, a wrong registration code) is limited per network before it costs anything; what is proved, per system.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _

from hardware.errors import ClockOff, LicenseFileRefused, NewKeyRefused, NotRegistered, ProofRefused
from hardware.license_files import document_of, granted_to, issue_license_file
from hardware.models import HeldReport, RegistrationCode, Report, SystemIdentity
from hardware.registration_codes import usable_code, use_code
from hardware.reports import accept_report
from hardware.system_files import SystemFile, read_system_file
from history.models import Action
from history.record import record
from licensemgr.core import clock, signed
from licensemgr.core.calls import count_call, take_unproved_place
from licensemgr.core.places import give_back
from organizations.books import changing
from organizations.errors import OrganizationClosed
from products.models import System, SystemSource

REQUEST_TYP = "system-request-v1"
# A signed request holds for so long before and after its time.
REQUEST_TOLERANCE = timedelta(minutes=5)
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

    A system that no organization knows joins the one whose registration ``code`` it sends; of any other the code is not looked
    at. Under another key than the system's own the report is held. ``address`` is the client's. Raises DocumentRefused,
    NotRegistered, NewKeyRefused, TooManyCalls, and what `accept_report` and `issue_license_file` raise, but LicenseFileRefused.
    """
    is_known = SystemIdentity.objects.filter(thumbprint=signed.claimed_key(document).thumbprint()).exists()
    place = None if is_known else take_unproved_place(address)
    file = read_system_file(document)
    identity = _identity(file.system_id)
    if identity is None:
        answer = _join(file, document, code)
        if answer is not None:
            if place is not None:
                give_back(place)
            return answer
        # The very report was sent twice at once, and used the code up: the other one joined meanwhile.
        identity = _identity(file.system_id)
        if identity is None:
            raise NotRegistered
    system = identity.system
    if identity.thumbprint == file.thumbprint:
        if place is not None:
            give_back(place)
        _count_call(identity)
    elif _was_refused(system, file.thumbprint):
        raise NewKeyRefused
    on = clock.today(system.organization)
    taken = accept_report(
        organization=system.organization, file=file, document=document, source=SystemSource.ONLINE, actor=None, on=on
    )
    return _answer_to(taken)


def _answer_to(taken: Report | HeldReport) -> Answer:
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
    return _license_of(taken.system)


def _license_of(system: System) -> Answer:
    """The system's license file for what it is granted now; else the status and why there is none (R29)."""
    on = clock.today(system.organization)
    try:
        file = issue_license_file(system=system, actor=None, on=on)
    except LicenseFileRefused as refused:
        return Answer(None, granted_to(system, on).status, refused.sentence)
    return Answer(document_of(file), "", "")


def _identity(system_id: UUID) -> SystemIdentity | None:
    return (
        SystemIdentity.objects.select_related("system__organization", "system__registered_product__product")
        .filter(system__system_id=system_id, system__removed_on=None)
        .first()
    )


def _was_refused(system: System, thumbprint: str) -> bool:
    """Whether an administrator's last word on this key was no; a file that is uploaded asks again."""
    last = HeldReport.objects.filter(system=system, thumbprint=thumbprint).exclude(decision="").order_by("-pk").first()
    return last is not None and last.decision == HeldReport.Decision.REFUSED


def _join(file: SystemFile, document: bytes, text: str) -> Answer | None:
    """The first report of a system without a key of its own: it joins by a registration code, whole or not at all.

    None where the code can't be used.
    """
    code = usable_code(text)
    if code is None:
        return None
    try:
        taken = join_by_code(code=code, file=file, document=document, on=clock.today(code.organization))
    except OrganizationClosed:
        # Closed in the meantime: nothing is told of it.
        return None
    return _answer_to(taken) if taken is not None else None


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
            organization=organization,
            file=file,
            document=document,
            source=SystemSource.ONLINE,
            actor=None,
            on=on,
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
    `issue_license_file` raises but LicenseFileRefused.
    """
    place = take_unproved_place(address)
    identity = _proved(system_id, method, urls, request_proof)
    give_back(place)
    _count_call(identity)
    return _license_of(identity.system)


def _proved(system_id: UUID, method: str, urls: set[str], request_proof: str) -> SystemIdentity:
    """The identity whose key signed the request, once."""
    parts = request_proof.split(".")
    if len(parts) != 3:
        raise ProofRefused
    flattened = json.dumps(dict(zip(("protected", "payload", "signature"), parts, strict=True))).encode()
    try:
        read = signed.read(flattened, typ=REQUEST_TYP, key_named_by="kid", exact=False)
    except signed.DocumentRefused as error:
        raise ProofRefused from error
    payload = read.payload
    if set(payload) != _REQUEST_MEMBERS or not all(isinstance(value, str) for value in payload.values()):
        raise ProofRefused
    # Before anything is looked up: that a clock is wrong can be told to anybody.
    _check_time(payload["time"])
    identity = _identity(system_id)
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
    if not cache.add(nonce, 1, timeout=2 * int(REQUEST_TOLERANCE.total_seconds())):
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


def _count_call(identity: SystemIdentity) -> None:
    """Count a call that the system's key proved: the system was heard. Raises TooManyCalls."""
    count_call(SystemIdentity.objects.filter(pk=identity.pk), settings.API_CALLS_PER_HOUR, heard_at=clock.now())
