"""Which systems may join and stay by a call: another key, removed and closed, other tenants, tied to a unit (R24, R28, R30)."""

from datetime import date
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from hardware.models import HardwareUnit, HeldReport, RegistrationCode, SystemIdentity
from hardware.reports import decide_identity
from hardware.services import remove_system
from licensemgr.core import signing_keys
from licensemgr.portal.closing import close_organization
from licensemgr.portal.exporting import note_export
from licensemgr.portal.simulating import SimulatedSystem, published_verifier
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import System, SystemSource
from tests.api.calls import code_for, get_license, post_report
from tests.api.test_reports import refused
from tests.conftest import FrozenClock
from tests.factories import Books, dump_books
from tests.hardware.offline import staged, system_file, vessel

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


def confirm(client: Client, organization: Organization, document: bytes) -> None:
    """Upload a file by hand and confirm it."""
    address = staged(client, organization.slug, document)
    assert client.post(address).status_code == 303


def copy_of(system: SimulatedSystem) -> SimulatedSystem:
    """The same system id with another key: installed anew, or a copy."""
    return SimulatedSystem("Copy", "camera-station", system_id=system.system_id)


def test_another_key_is_accepted_or_refused_by_the_administrator(
    books: Books, organization: Organization, administrator: User, administrator_client: Client
) -> None:
    system = vessel()
    post_report(system_file(system, core=3), code_for(organization, administrator))
    heard = SystemIdentity.objects.get().heard_at
    SystemIdentity.objects.update(heard_at=None)
    copy = copy_of(system)
    assert post_report(system_file(copy, core=9)).json()["status"] == "held"
    # Nothing proves that it is the system: it was not heard, and a request under the key is refused.
    assert SystemIdentity.objects.get().heard_at is None
    refused(get_license(copy), 401, "proof-refused")
    decide_identity(held=HeldReport.objects.get(), accept=False, actor=administrator, on=DAY)
    sentence = refused(post_report(system_file(copy, core=9)), 403, "identity-refused")
    assert "uploaded by hand" in sentence
    assert not HeldReport.objects.filter(decision="").exists()
    # An upload by hand asks again; until it is decided a call gets the same answer.
    confirm(administrator_client, organization, system_file(copy, core=9))
    refused(post_report(system_file(copy, core=9)), 403, "identity-refused")
    decide_identity(held=HeldReport.objects.get(decision=""), accept=True, actor=administrator, on=DAY)
    answer = post_report(system_file(copy, core=9))
    assert answer.status_code == 200
    payload = published_verifier().read_signed(answer.content, signing_keys.public_keys())
    assert (payload["key"], payload["need"]["core-device"]) == (copy.key.thumbprint(), 9)
    assert SystemIdentity.objects.get().heard_at == heard
    # Now the former installation is the one that is held.
    assert post_report(system_file(system, core=3)).status_code == 202
    assert not verify_books().differences


def test_a_system_that_was_removed_needs_a_code_again(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = vessel()
    post_report(system_file(system), code_for(organization, administrator))
    remove_system(system=System.objects.get(), actor=administrator, on=DAY)
    refused(get_license(system), 401, "proof-refused")
    refused(post_report(system_file(system)), 401, "registration-needed")
    # The key of what is gone proves nothing: it is limited like any other.
    monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 4)
    statuses = [post_report(system_file(system)).status_code for _number in range(4)]
    assert statuses == [401, 401, 429, 429]
    monkeypatch.undo()
    assert post_report(system_file(system), code_for(organization, administrator)).status_code == 200
    assert System.objects.filter(removed_on=None).count() == 1


def test_the_key_of_one_system_opens_no_way_to_others(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a known key signs in the name of systems that are not its own counts as unproved."""
    system = vessel()
    post_report(system_file(system), code_for(organization, administrator))
    monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 3)
    others = [SimulatedSystem("Other", "camera-station", key=system.key) for _number in range(4)]
    assert [post_report(system_file(other)).status_code for other in others] == [401, 401, 401, 429]
    assert post_report(b"{}").status_code == 429
    assert post_report(system_file(system)).status_code == 200
    assert get_license(system).status_code == 200
    refused(get_license(vessel()), 429, "too-many-calls")


def test_a_closed_organization(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> None:
    system = vessel()
    code = code_for(organization, administrator, uses=2)
    post_report(system_file(system), code)
    note_export(organization=organization, actor=administrator, on=DAY)
    close_organization(organization=organization, typed_name=organization.name, actor=administrator, on=DAY)
    before = dump_books(organization)
    refused(post_report(system_file(system), code), 401, "registration-needed")
    refused(get_license(system), 401, "proof-refused")
    assert RegistrationCode.objects.get().used == 1
    assert dump_books(organization) == before


def test_systems_of_others(
    books: Books,
    organization: Organization,
    other_organization: Organization,
    administrator: User,
    outsider: User,
) -> None:
    """A code of mine moves no system of another organization, whether it is there by key or by hand; mine join by it."""
    code, theirs = code_for(organization, administrator, uses=9), code_for(other_organization, outsider)
    system = vessel()
    post_report(system_file(system), theirs)
    taken = "This system id can't be registered here. Nothing was changed. Check the id in the software itself."
    assert refused(post_report(system_file(system), code), 422, "system-id") == taken
    assert refused(post_report(system_file(copy_of(system)), code), 422, "system-id") == taken
    assert not HeldReport.objects.exists()
    by_hand = {
        name: Books(organization=of).report(DAY, system="By hand", core=2, source=SystemSource.MANUAL).system_id
        for name, of in (("mine", organization), ("theirs", other_organization))
    }

    def known_by_hand(system_id: UUID) -> SimulatedSystem:
        return SimulatedSystem("By hand", "camera-station", system_id=system_id)

    assert refused(post_report(system_file(known_by_hand(by_hand["theirs"])), code), 422, "system-id") == taken
    assert RegistrationCode.objects.get(organization=organization).used == 0
    mine = known_by_hand(by_hand["mine"])
    refused(post_report(system_file(mine)), 401, "registration-needed")
    assert post_report(system_file(mine, core=4), code).status_code == 200
    assert RegistrationCode.objects.get(organization=organization).used == 1
    assert System.objects.get(system_id=mine.system_id).source == SystemSource.ONLINE
    # A used, wrong or own code sent with every report does no harm.
    assert [post_report(system_file(system), sent).status_code for sent in (theirs, "WRONG", "é" * 99)] == [200] * 3


def test_a_tied_system_proves_its_unit_and_gets_hardware_grants(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> None:
    """R24, R25, R29: the unit is registered by the call; when it does not suffice, the answer says so."""
    oak = books.make_unit("AB-1", core=4)
    system = vessel(serial="AB-1", oak=oak)
    system.trust(signing_keys.public_keys())
    answer = post_report(system_file(system, core=4), code_for(organization, administrator))
    payload = system.take_license_file(answer.content, at=frozen_clock.instant)
    assert HardwareUnit.objects.get().registered_by is None
    assert payload["status"] == "hardware"
    assert [(grant["kind"], grant["quantity"], grant["serial"], grant["to"]) for grant in payload["grants"]] == [
        ("hardware", 4, "AB-1", None)
    ]
    # Fewer devices: the same grants, another need.
    less = post_report(system_file(system, core=2))
    assert system.take_license_file(less.content, at=frozen_clock.instant)["need"]["core-device"] == 2
    assert post_report(system_file(system, core=2)).content == less.content
    more = post_report(system_file(system, core=6)).json()
    assert more["status"] == "expansion_needed"
    assert "Hardware unit AB-1 lacks expansion licenses (Core device: 2)." in more["sentence"]
