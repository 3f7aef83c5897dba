"""The gallery: systems, hardware units, system files and license files, registration codes."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from hardware.models import HardwareUnit, StagedFile
from licensemgr.core import clock
from products.models import System
from tests.gallery.states import Answer, PageState, Visit, journey, page
from tests.gallery.world import CAMERA, HARBOUR, LONG, LONG_NAME, NORDHAMN, SCHOOLS, TODAY
from tests.hardware.offline import system_file, vessel


def states() -> Iterator[PageState]:
    """All of this file."""
    yield from _of_systems()
    yield from _of_units()
    yield from _of_files()
    yield from _of_codes()


def _of_systems() -> Iterator[PageState]:
    yield page("system_setup", who="alex", organization=NORDHAMN, product=CAMERA)
    yield page("system_setup", "hardware", who="alex", organization=NORDHAMN, product="recording-server")
    yield page("system_setup", "many", who="manager", organization=LONG, product="long-product")
    yield page("system_setup", "viewer", who="viewer")
    yield page("system_setup", "no system left", who="denise", organization=SCHOOLS, product="audio-manager")
    yield page(
        "system_setup",
        "nothing found",
        who="alex",
        organization=NORDHAMN,
        product=CAMERA,
        query="?search=nothing-at-all",
    )
    yield page("system_details", who="manager")
    yield page("system_details", "viewer", who="viewer")
    for state, name, organization in (
        ("online and silent", "Quay 7", NORDHAMN),
        ("on a unit with a list of devices", "Quay recorder", NORDHAMN),
        ("lacks licenses", "Stadium", SCHOOLS),
    ):
        who = "alex" if organization == NORDHAMN else "denise"
        yield journey("system_details", state, _system(name, organization), who=who)
    yield journey("system_details", "long names", _long_system, who="manager")
    yield page("edit_devices", who="manager")
    yield page("edit_devices", "refused", who="manager", data={"devices_core-device": "x"}, status=422)
    yield page("rename_system", who="manager")
    yield page("rename_system", "refused", who="manager", data={"name": "x" * 200}, status=422)
    yield page("system_details", "renamed", who="manager", at="rename_system", data={"name": LONG_NAME[:120]})
    yield page("move_system", who="manager")
    yield page("move_system", "refused", who="manager", data={"serial": "SN-999"}, status=422)
    yield page("remove_system", who="manager")
    yield page("system_setup", "removed", who="manager", at="remove_system", data={})


def _system(name: str, organization: str) -> Any:
    def steps(visit: Visit) -> Answer:
        system = System.objects.select_related("registered_product__product").get(
            organization__slug=organization, name=name, removed_on=None
        )
        product = system.registered_product.product.code
        return visit.get("system_details", organization=organization, product=product, system=system.system_id)

    return steps


def _long_system(visit: Visit) -> Answer:
    system = System.objects.filter(organization__slug=LONG).order_by("pk")[1]
    return visit.get("system_details", organization=LONG, product="long-product", system=system.system_id)


def _of_units() -> Iterator[PageState]:
    yield page("register_hardware", who="manager")
    yield page("register_hardware", "refused", who="manager", data={"serial": ""}, status=422)
    wrong = {"serial": "SN-77", "owner_authentication_key": "AAAA"}
    yield page("register_hardware", "wrong key", who="manager", data=wrong, status=422)
    yield page("unit_details", who="administrator")
    yield page("unit_details", "viewer", who="viewer")
    for state, serial, organization in (
        ("expanded", "R2116-20551", NORDHAMN),
        ("retired", "R2108-10093", NORDHAMN),
        ("not installed yet", "R2108-20777", NORDHAMN),
        ("lacks licenses", "R2108-30118", SCHOOLS),
    ):
        who = "alex" if organization == NORDHAMN else "denise"
        yield journey("unit_details", state, _unit("unit_details", serial, organization), who=who)
    yield journey("unit_details", "retired just now", _retired, who="administrator")
    yield journey(
        "allocate_expansion", "lacks licenses", _unit("allocate_expansion", "R2108-30118", SCHOOLS), who="denise"
    )
    yield page("allocate_expansion", who="manager")
    yield page("allocate_expansion", "refused", who="manager", data={"licenses-core-device": "x"}, status=422)
    yield page("allocate_expansion", "too many", who="manager", data={"licenses-core-device": "9999"}, status=422)
    yield journey("confirm_expansion", "summary", _expanding, who="manager")
    yield page("confirm_expansion", "altered", who="manager", data={"confirmation": "x"}, status=422)
    yield journey("unit_details", "expanded just now", _expanded, who="manager")
    yield page("retire_unit", who="administrator")
    yield page("retire_unit", "refused", who="administrator", data={"serial": "x"}, status=422)


def _unit(page_name: str, serial: str, organization: str) -> Any:
    def steps(visit: Visit) -> Answer:
        unit = HardwareUnit.objects.select_related("registered_product__product").get(
            organization__slug=organization, serial=serial
        )
        return visit.get(
            page_name, organization=organization, product=unit.registered_product.product.code, unit=unit.pk
        )

    return steps


def _retired(visit: Visit) -> Answer:
    unit = HardwareUnit.objects.get(pk=str(visit.world.values["unit"]))
    return visit.post("retire_unit", {"serial": unit.serial})


def _expanding(visit: Visit) -> Answer:
    visit.world.books(HARBOUR).redeem(TODAY, kind="hardware", core=5)
    return visit.post("allocate_expansion", {"licenses-core-device": "2"})


def _expanded(visit: Visit) -> Answer:
    _expanding(visit)
    return visit.post("confirm_expansion", {"confirmation": visit.hidden("confirmation")})


def _of_files() -> Iterator[PageState]:
    yield page("upload_system_file", who="manager")
    yield page("upload_system_file", "refused", who="manager", data={}, status=422)
    yield journey("confirm_system_files", "", _uploaded, who="manager")
    yield page("confirm_system_files", "refused file", who="manager", at="confirm_system_files")
    yield journey("confirm_system_files", "expired", _upload_expired, who="manager", status=410)
    yield journey("system_files_done", "", _confirmed, who="manager")
    yield journey("system_identity", "", _held, who="administrator")
    yield journey("system_identity", "refused", _held_refused, who="administrator", status=422)
    yield page("system_identity", "nothing to decide", who="administrator")
    yield journey("download_license_file", "none", _no_license_file, who="denise", status=409)


def _no_license_file(visit: Visit) -> Answer:
    """Its trial has ended."""
    system = System.objects.get(organization__slug=SCHOOLS, name="Bus depot")
    return visit.post("download_license_file", organization=SCHOOLS, system=system.system_id)


def _upload(visit: Visit) -> None:
    contents = [system_file(vessel("Tug")), system_file(vessel("Dredger"), core=7), b"no system file"]
    files = [SimpleUploadedFile(f"file-{number}.json", each) for number, each in enumerate(contents)]
    visit.post("upload_system_file", {"files": files})


def _uploaded(visit: Visit) -> Answer:
    _upload(visit)
    return visit.answer


def _confirmed(visit: Visit) -> Answer:
    _upload(visit)
    visit.answer = visit.client.post(visit.path, follow=True)
    return visit.answer


def _upload_expired(visit: Visit) -> Answer:
    _upload(visit)
    path = visit.path
    StagedFile.objects.update(expires_at=clock.real_now() - timedelta(hours=1))
    visit.answer = visit.client.get(path)
    return visit.answer


def _held_values() -> dict[str, Any]:
    system = System.objects.get(organization__slug=HARBOUR, name="Vessel", removed_on=None)
    return {"system": system.system_id}


def _held(visit: Visit) -> Answer:
    return visit.get("system_identity", **_held_values())


def _held_refused(visit: Visit) -> Answer:
    return visit.post("system_identity", {}, **_held_values())


def _of_codes() -> Iterator[PageState]:
    yield page("registration_codes", who="manager")
    yield page("registration_codes", "empty", who="ingrid", organization="solvik-museum")
    yield page("registration_codes", "viewer", who="viewer")
    yield page("registration_codes", "nothing found", who="manager", query="?search=nothing-is-called-so")
    yield page("registration_codes", "columns", who="manager", clicks=["#columns-registration-codes"])
    yield page("make_registration_code", who="manager")
    yield page(
        "make_registration_code", "refused", who="manager", data={"label": "", "uses": "x", "days": "1"}, status=422
    )
    made = {"label": "Site", "uses": "2", "days": "7", "form_token": str(uuid.UUID(int=7))}
    yield page("make_registration_code", "made", who="manager", data=made)
    yield page("revoke_registration_code", who="manager")
    yield page("registration_codes", "revoked", who="manager", at="revoke_registration_code", data={})
