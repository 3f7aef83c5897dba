"""A sign-up whose address nobody has proved yet.

It is kept in the session of the browser in which it was begun, and in no table of people: until the code from the mail is
typed there, nothing exists under the address. So nobody can prepare an account for somebody else, and known and unknown
addresses meet the same answer and the same work, here and at sign-in: a lookup, a hash of the password, a mail, the session.
"""

from dataclasses import asdict, dataclass

from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.base import SessionBase

from licensemgr.core import clock
from organizations.accounts import is_known

CODE_SECONDS = 15 * 60
# A form that is sent again so soon was clicked twice.
_TWICE_SECONDS = 10
MAXIMUM_WRONG_CODES = 3
MAXIMUM_CODES = 3
_SESSION_KEY = "sign_up"


@dataclass
class PendingSignUp:
    """What was typed, with the password as a hash only, and the code that proves the address."""

    email: str
    password_hash: str
    name: str
    country: str
    time_zone: str
    code: str = ""
    # Seconds since 1970, by the machine's clock.
    sent_at: float = 0.0
    codes_sent: int = 0
    wrong_codes: int = 0

    @property
    def can_send_again(self) -> bool:
        """Whether another code can be asked for; beyond that one begins anew."""
        return self.codes_sent < MAXIMUM_CODES

    @property
    def seconds(self) -> float:
        """How long ago its code was mailed."""
        return clock.real_now().timestamp() - self.sent_at


def begin_sign_up(
    session: SessionBase, *, email: str, password: str, name: str, country: str, time_zone: str
) -> PendingSignUp:
    """Keep a sign-up in the session and mail its code; one that was begun before is forgotten.

    The same form sent twice in a row (a click too many, or something put right) keeps the code that is on its way.
    """
    pending = PendingSignUp(email, make_password(password), name, country, time_zone)
    before = pending_sign_up(session)
    if before is not None and is_sent_twice(session, email):
        pending.code, pending.sent_at = before.code, before.sent_at
        pending.codes_sent, pending.wrong_codes = before.codes_sent, before.wrong_codes
        _keep(session, pending)
    else:
        send_code(session, pending)
    return pending


def is_sent_twice(session: SessionBase, email: str) -> bool:
    """Whether a code for the address was mailed from this browser only moments ago."""
    before = pending_sign_up(session)
    return before is not None and before.email == email and before.seconds < _TWICE_SECONDS


def send_code(session: SessionBase, pending: PendingSignUp) -> None:
    """Mail a new code, the only one that counts from now on.

    The owner of an address that has an account is told how to sign in instead; no code of that sign-up is ever mailed.
    """
    pending.code = get_adapter().generate_email_verification_code()
    pending.sent_at = clock.real_now().timestamp()
    pending.codes_sent += 1
    mail = "sign_up_known" if is_known(pending.email) else "sign_up_code"
    get_adapter().send_mail(f"account/email/{mail}", pending.email, {"code": pending.code})
    _keep(session, pending)


def note_wrong_code(session: SessionBase, pending: PendingSignUp) -> bool:
    """Count a wrong code, and return whether another can be tried; else the sign-up is forgotten."""
    pending.wrong_codes += 1
    if pending.wrong_codes < MAXIMUM_WRONG_CODES:
        _keep(session, pending)
        return True
    forget_sign_up(session)
    return False


def pending_sign_up(session: SessionBase) -> PendingSignUp | None:
    """The sign-up that was begun in this browser, if its code still counts."""
    kept = session.get(_SESSION_KEY)
    pending = PendingSignUp(**kept) if isinstance(kept, dict) else None
    return pending if pending is not None and pending.seconds <= CODE_SECONDS else None


def forget_sign_up(session: SessionBase) -> None:
    """It has led to an account, or to nothing."""
    session.pop(_SESSION_KEY, None)


def _keep(session: SessionBase, pending: PendingSignUp) -> None:
    session[_SESSION_KEY] = asdict(pending)
