"""How each system stands with its license file: which it was given, whether that is stale, whether it can get one (R29)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Max

from hardware.license_files import Granted, counts_by_another_zone, granted_to_all, is_stale, key_of
from hardware.models import HeldReport, LicenseFile, Report, SystemIdentity
from licensemgr.core.worded import gettext as _
from organizations.models import Organization
from products.models import RegisteredProduct, System, SystemSource
from subscriptions.advice import format_date
from subscriptions.queries import ProductStanding


@dataclass(frozen=True)
class LicenseFileState:
    """How a system stands with its license file on a date."""

    system: System
    granted: Granted
    # The newest file that it was given, without its content.
    latest: LicenseFile | None
    # Why that file is not what it would be given now; empty when it is.
    stale: str
    # Why it can't be given one; empty when it can.
    refusal: str
    # It is online and calls: it fetches its license by itself.
    fetches: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether it can be given a license file."""
        return not self.refusal

    @property
    def is_shown(self) -> bool:
        """Whether license files concern it at all: offline systems, and those that were given one before."""
        return self.system.source == SystemSource.OFFLINE or self.latest is not None


def offline_systems(organization: Organization) -> list[System]:
    """The organization's systems that report by file, by name."""
    systems = System.objects.filter(organization=organization, removed_on=None, source=SystemSource.OFFLINE)
    return list(
        systems.select_related("registered_product__product", "registered_product__organization").order_by("name", "pk")
    )


def any_offline(organization: Organization) -> bool:
    """Whether the organization has a system that reports by file."""
    return System.objects.filter(organization=organization, removed_on=None, source=SystemSource.OFFLINE).exists()


def license_file_states(
    organization: Organization, systems: Sequence[System], on: date, known: Iterable[ProductStanding] = ()
) -> dict[int, LicenseFileState]:
    """How these systems of one organization stand with their license files, in a constant number of queries.

    ``known`` are standings on that date that the caller has read already.
    """
    granted = granted_to_all(organization, systems, on, known)
    identities = {
        identity.system_id: identity
        for identity in SystemIdentity.objects.filter(
            organization=organization,
            system__in=systems,
            system__pk__in=Report.objects.filter(organization=organization).values("system"),
        )
    }
    newest = LicenseFile.objects.filter(organization=organization, system__in=systems).order_by()
    newest_pks = newest.values("system").annotate(newest=Max("pk")).values_list("newest", flat=True)
    latest = {file.system_id: file for file in LicenseFile.objects.filter(pk__in=list(newest_pks)).defer("packed")}
    keys = {pk: identity.thumbprint for pk, identity in identities.items()}
    other_keys = _for_other_keys(organization, keys, latest)
    return {
        system.pk: _state(
            system,
            granted[system.pk],
            latest.get(system.pk),
            identities.get(system.pk),
            has_new_key=system.pk in other_keys,
        )
        for system in systems
    }


def _for_other_keys(organization: Organization, keys: Mapping[int, str], latest: Mapping[int, LicenseFile]) -> set[int]:
    """The systems whose newest file was made for another key than their own: they can't use it any more.

    ``keys`` are thumbprints by system. Only a key that an administrator accepted took the place of another, so only the
    content of those systems' files is read.
    """
    rebound = HeldReport.objects.filter(
        organization=organization, system__in=list(latest), decision=HeldReport.Decision.ACCEPTED
    )
    files = LicenseFile.objects.filter(
        pk__in=[file.pk for file in latest.values()], system__in=rebound.values("system")
    )
    return {file.system_id for file in files if file.system_id in keys and key_of(file) != keys[file.system_id]}


def _state(
    system: System,
    granted: Granted,
    latest: LicenseFile | None,
    identity: SystemIdentity | None,
    *,
    has_new_key: bool,
) -> LicenseFileState:
    refusal = ""
    if identity is None:
        refusal = _("This system has sent no system file yet.")
    elif not granted.grants:
        refusal = granted.reason or _("This system has no devices, so there is nothing to license.")
    stale = ""
    if latest is not None and granted.grants and has_new_key:
        stale = _("the system signs with a new key now")
    elif latest is not None and is_stale(latest, granted):
        stale = _why_stale(latest, granted)
    fetches = system.source == SystemSource.ONLINE and identity is not None and identity.heard_at is not None
    return LicenseFileState(system, granted, latest, stale, refusal, fetches)


def _why_stale(latest: LicenseFile, granted: Granted) -> str:
    """What is granted now and was not by the newest file, the weightiest difference first."""
    given: Sequence[Mapping[str, Any]] = latest.grants
    if not granted.grants:
        return _("nothing is granted any more")
    now = granted.as_payload()
    if {grant["kind"] for grant in given} != {grant["kind"] for grant in now}:
        return {
            "trial": _("it is licensed by the trial now"),
            "subscription": _("it is licensed by the subscription now"),
            "hardware": _("it is licensed by its hardware unit now"),
        }[now[0]["kind"]]
    if [(grant["type"], grant["quantity"]) for grant in given] != [(grant["type"], grant["quantity"]) for grant in now]:
        return _("the number of licensed devices is another one now")
    if [grant["to"] for grant in given] != [grant["to"] for grant in now] and now[0]["to"]:
        last = date.fromisoformat(now[0]["to"])
        return _("it is licensed until %(date)s now") % {"date": format_date(last)}
    if [grant["growth"] for grant in given] != [grant["growth"] for grant in now]:
        return _("another number of devices may be added now")
    if counts_by_another_zone(latest, granted):
        return _("its days are those of the time zone %(time_zone)s now") % {"time_zone": granted.time_zone}
    return _("what it grants is another now")


def held_reports(registered_product: RegisteredProduct) -> list[HeldReport]:
    """Reports of the product's systems under another key that wait for an administrator's decision."""
    held = HeldReport.objects.filter(
        organization_id=registered_product.organization_id,
        system__registered_product=registered_product,
        system__removed_on=None,
        decision="",
    )
    return list(held.select_related("system").defer("packed").order_by("system__name", "pk"))
