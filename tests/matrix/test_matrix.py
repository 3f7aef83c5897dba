"""Every URL and API operation by every method for everybody, with real ids of another organization (R30, R31).

The suite draws some groups by its seed; ``make proof`` asks all, in slices of which each is remembered when it is done.
"""

import pytest

from tests.matrix import progress
from tests.matrix.asking import changes, remember, snapshot
from tests.matrix.cases import ROUTES, all_groups, is_tenants
from tests.matrix.drawing import chosen
from tests.matrix.tables import PUBLIC, SIGNED_IN
from tests.matrix.verdicts import Judge
from tests.matrix.world import World, has_results, unmarked_columns

pytestmark = pytest.mark.django_db

AT_LEAST = 20_000
DRAWN = 2_000
# Where nobody writes free text: digests, keys, codes, zones, languages, addresses of machines, what a list is of.
WITHOUT_TEXT = {
    *("core.OutboxMessage.last_error", "core.OutboxMessage.reason", "wallet.RefusedTries.address"),
    *("hardware.HeldReport.digest", "hardware.HeldReport.public", "hardware.HeldReport.thumbprint"),
    *("hardware.SystemIdentity.public", "hardware.SystemIdentity.thumbprint"),
    *("hardware.LicenseFile.digest", "hardware.LicenseFile.kid", "hardware.LicenseFile.time_zone"),
    *("hardware.RegistrationCode.digest", "hardware.RegistrationCode.tail"),
    *("hardware.Report.digest", "hardware.StagedFile.digest", "organizations.Invitation.digest"),
    *("organizations.Organization.country", "organizations.Organization.time_zone"),
    *(
        "organizations.Organization.former_time_zone",
        "organizations.SavedView.list_name",
        "organizations.SavedView.subject",
    ),
    *("organizations.WorkOrder.fingerprint", "organizations.WorkOrder.kind", "organizations.WorkOrder.language"),
}


def test_every_url_says_for_whom_it_is() -> None:
    unknown = {
        route.path
        for route in ROUTES
        if not route.path.startswith("admin/")
        and not route.name.startswith("api:")
        and not is_tenants(route)
        and route.name not in PUBLIC | SIGNED_IN
    }
    assert not unknown, f"mark these views with organization_view, or put them into tests/matrix/tables.py: {unknown}"
    gone = (PUBLIC | SIGNED_IN) - {route.name for route in ROUTES}
    assert not gone, f"tests/matrix/tables.py names URLs that do not exist: {gone}"


def test_all_that_is_written_of_an_organization_can_be_told_from_the_others(world: World) -> None:
    unmarked = unmarked_columns(world)
    assert unmarked <= WITHOUT_TEXT, (
        "give these columns a text of the organization's own, or say above why there is none"
    )
    assert has_results(world)


def test_nothing_leaks(world: World, part: int | str, seed: int) -> None:
    if progress.is_done("asked", part):
        return
    groups = all_groups(world)
    assert len(groups) * len(world.personas) >= AT_LEAST
    remember(snapshot())
    judge = Judge(world)
    for group in chosen(groups, part, DRAWN // len(world.personas), seed):
        judge.group(group)
    assert not changes(), "what was asked left something behind"
    assert not judge.wrong, f"{len(judge.wrong)} of {judge.cases}:\n" + "\n".join(judge.wrong[:200])
    # The owner's controls show or do something, and are not all told why not; a slice may hold no others.
    assert isinstance(part, int) or judge.worked > judge.controls / 4
    progress.write(
        "asked", part, {"cases": judge.cases, "owner's controls": judge.controls, "of which worked": judge.worked}
    )
