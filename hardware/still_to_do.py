"""What is still to do until a system is licensed, and whether it can be given its license file (R14a, R29)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils.translation import gettext as _

from hardware.license_listing import LicenseFileState, license_file_states
from organizations.models import Organization
from products.models import LicenseBasis, System
from subscriptions.advice import NextStep, next_step, status_label
from subscriptions.queries import ProductStanding, standings
from subscriptions.rules import Status

# In which nothing is missing for a system that is not tied; by hardware only those are licensed that have no devices then.
_COMPLETE = (Status.LICENSED, Status.NO_NEED, Status.HARDWARE, Status.EXPANSION_NEEDED)


@dataclass(frozen=True)
class StillToDo:
    """A system, how it stands, and the next step."""

    system: System
    state: LicenseFileState
    # One of the license statuses, and its words.
    status: str
    label: str
    step: NextStep | None

    @property
    def step_url(self) -> str:
        """The page of the next step; empty where it has none."""
        if self.step is None or not self.step.url_name:
            return ""
        slug, code = self.system.organization.slug, self.system.registered_product.product.code
        return reverse(self.step.url_name, args=[slug, code, *self.step.arguments])


def still_to_do(organization: Organization, systems: Sequence[System], on: date) -> list[StillToDo]:
    """What is still to do for each of these systems, in a constant number of queries."""
    products = {system.registered_product_id: system.registered_product for system in systems}
    standing_of = {
        standing.registered_product.pk: standing for standing in standings(organization, on, products.values())
    }
    states = license_file_states(organization, systems, on, standing_of.values())
    return [_of(system, states[system.pk], standing_of[system.registered_product_id]) for system in systems]


def _of(system: System, state: LicenseFileState, standing: ProductStanding) -> StillToDo:
    if system.license_basis == LicenseBasis.HARDWARE:
        if state.granted.grants:
            return StillToDo(system, state, str(Status.HARDWARE), status_label(Status.HARDWARE), None)
        label = status_label(Status.EXPANSION_NEEDED)
        step = NextStep(state.granted.reason, "system_setup", _("System setup"), "warning")
        return StillToDo(system, state, str(Status.EXPANSION_NEEDED), label, step)
    # What the product needs next is on its Product overview.
    step_needed = standing.status not in _COMPLETE
    return StillToDo(
        system, state, str(standing.status), status_label(standing.status), next_step(standing) if step_needed else None
    )
