"""Takes an organization from its file into this instance, whole or not at all. Rows are added, none is changed, but that a
number from which license files go on may become a higher one.

What the books say has to follow from the entries here as well (`verify_books`), else nothing stays.
"""

import base64
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError, IntegrityError, models, transaction
from django.utils.dateparse import parse_datetime

from hardware.issue_log import remember_numbers
from hardware.models import ForgottenNumber, HardwareModel, HardwareUnit, ManufacturedUnit, PreloadedLicense
from licensemgr.portal.carrying import CATALOGUE, PEOPLE
from licensemgr.portal.carrying.archive import Archive
from licensemgr.portal.carrying.ids import Ids, remembered_ids
from licensemgr.portal.carrying.kinds import KINDS, ORGANIZATION, CarryRefused, Kind, Row
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import LicenseType, Product, System

_ROWS_AT_ONCE = 500
_DIFFERENCES_TOLD = 3


@dataclass(frozen=True)
class Imported:
    """What was taken in: the organization, and how many rows of each kind."""

    organization: Organization
    rows: Mapping[str, int]


def read_organization(file: IO[bytes]) -> Imported:
    """Take in the organization that a file holds. Raises CarryRefused, whose sentence says why nothing was imported."""
    archive = Archive(file)
    if Organization.objects.filter(slug=archive.slug).exists():
        raise CarryRefused(f"There is an organization “{archive.slug}” here already. Nothing was imported.")
    try:
        with transaction.atomic(), remembered_ids() as ids:
            return _take_in(archive, ids)
    except (IntegrityError, DataError) as error:
        raise CarryRefused(
            f"The database does not take the rows of the file beside those that it has: {error}. Nothing was imported."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ValidationError) as error:
        raise CarryRefused(f"A row of the file is not in its form ({error!r}). Nothing was imported.") from error


def _take_in(archive: Archive, ids: Ids) -> Imported:
    for row in archive.rows(CATALOGUE):
        _take_product(row, ids)
    ids.learn(User._meta.label, ((row["id"], _person(row).pk) for row in archive.rows(PEOPLE)))
    [organization] = (
        Organization.objects.create(**_values(ORGANIZATION, row, ids)) for row in archive.rows(ORGANIZATION.part)
    )
    rows = {kind.label: _take_kind(kind, archive, organization, ids) for kind in KINDS}
    differences = verify_books(organization).differences
    if organization.slug != archive.slug or differences:
        told = "; ".join(differences[:_DIFFERENCES_TOLD])
        raise CarryRefused(f"The books in the file do not add up: {told}. Nothing was imported.")
    return Imported(organization, rows)


def _take_product(row: Row, ids: Ids) -> None:
    """A product of the catalogue: made where there is none, else as it is here, if its types are those of the file."""
    code, types = row["code"], row["license_types"]
    product = Product.objects.filter(code=code).first()
    if product is None:
        product = Product.objects.create(code=code, name=row["name"], trial_days=row["trial_days"])
        LicenseType.objects.bulk_create(LicenseType(product=product, **each) for each in types)
    here = {each.code: each.pk for each in product.license_types.all()}
    # In the same order, by which the growth allowance is spent (R12); more of them do no harm.
    if [each for each in here if each in {found["code"] for found in types}] != [each["code"] for each in types]:
        raise CarryRefused(
            f"The product “{code}” has other license types here ({', '.join(here)}), or in another order. Nothing was imported."
        )
    ids.learn(Product._meta.label, [(code, product.pk)])
    ids.learn(LicenseType._meta.label, ((f"{code}/{each}", pk) for each, pk in here.items()))
    for each in row["hardware_models"]:
        ids.learn(HardwareModel._meta.label, [(each["code"], _hardware_model(each, product, here).pk)])


def _hardware_model(row: Row, product: Product, types: Mapping[str, int]) -> HardwareModel:
    found = HardwareModel.objects.filter(code=row["code"]).first()
    if found is None:
        found = HardwareModel.objects.create(product=product, code=row["code"], name=row["name"])
        PreloadedLicense.objects.bulk_create(
            PreloadedLicense(hardware_model=found, license_type_id=types[each], quantity=quantity)
            for each, quantity in row["preloaded"].items()
        )
    if found.product_id != product.pk:
        raise CarryRefused(f"The hardware model “{found.code}” is of another product here. Nothing was imported.")
    return found


def _person(row: Row) -> User:
    """The person of that address; a new one has no password and gets one by mail (“Forgot your password?”)."""
    if row["closed_at"]:
        # Nobody can have an address below .invalid (RFC 2606).
        nobody = f"closed-{uuid.uuid4().hex}@account.invalid"
        closed = User(email=nobody, is_active=False, closed_at=parse_datetime(row["closed_at"]))
        closed.set_unusable_password()
        closed.save()
        return closed
    email = User.objects.normalize_email(row["email"]).lower()
    found = User.objects.filter(email=email).first()
    if found is None:
        found = User(email=email, **{name: row[name] for name in ("first_name", "last_name", "language")})
        found.set_unusable_password()
        found.full_clean()
        found.save()
        if row["address_confirmed"]:
            User.objects.vouch_for(found)
    return found


def _take_kind(kind: Kind, archive: Archive, organization: Organization, ids: Ids) -> int:
    count, rows = 0, archive.rows(kind.part)
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        if kind.model is ForgottenNumber:
            _take_numbers([_values(kind, row, ids) for row in chunk], organization)
            count += len(chunk)
            continue
        _require_free(kind, chunk)
        found = list(_known(kind, chunk))
        new = [row for row in chunk if not any(row is each for each, _pk in found)]
        made = kind.model._default_manager.bulk_create(
            [kind.model(**_owner(kind, organization), **_values(kind, row, ids)) for row in new]
        )
        pairs = zip((row["id"] for row in new), (each.pk for each in made), strict=True)
        names = {row["id"]: row["serial"] for row in chunk} if kind.model is ManufacturedUnit else {}
        called = [*pairs, *((row["id"], pk) for row, pk in found)]
        ids.learn(kind.label, ((names.get(old, old), pk) for old, pk in called))
        count += len(chunk)
    return count


def _take_numbers(found: Iterable[Mapping[str, Any]], organization: Organization) -> None:
    """Of each system the higher one counts of the number in the file and the one that is kept here."""
    numbers = {each["system_id"]: each["number"] for each in found}
    systems = System.objects.filter(organization=organization, system_id__in=numbers)
    for strange in sorted(numbers.keys() - set(systems.values_list("system_id", flat=True))):
        raise CarryRefused(
            f"The file names {strange} of {System._meta.label} and does not hold it. Nothing was imported."
        )
    remember_numbers({"system_id": system_id, "sequence": number} for system_id, number in numbers.items())


def _owner(kind: Kind, organization: Organization) -> dict[str, Organization]:
    try:
        kind.model._meta.get_field("organization")
    except FieldDoesNotExist:
        return {}
    return {"organization": organization}


def _require_free(kind: Kind, rows: Iterable[Row]) -> None:
    """Raises CarryRefused where another organization here has one of these systems or units."""
    taken: object = None
    if kind.model is System:
        ids = [row["system_id"] for row in rows if row["removed_on"] is None]
        taken = System.objects.filter(system_id__in=ids, removed_on=None).values_list("system_id", flat=True).first()
    elif kind.model is HardwareUnit:
        serials = [row["made"] for row in rows]
        taken = HardwareUnit.objects.filter(made__serial__in=serials).values_list("serial", flat=True).first()
    if taken is not None:
        raise CarryRefused(f"{taken} belongs to another organization here. Nothing was imported.")


def _known(kind: Kind, rows: Iterable[Row]) -> Iterator[tuple[Row, int]]:
    """Units that this instance knows already: its own row stays, with the owner authentication key by its hash."""
    if kind.model is not ManufacturedUnit:
        return
    by_serial = {row["serial"]: row for row in rows}
    for made in ManufacturedUnit.objects.filter(serial__in=by_serial).select_related("hardware_model"):
        if made.hardware_model.code != by_serial[made.serial]["hardware_model"]:
            raise CarryRefused(f"The unit {made.serial} is of another hardware model here. Nothing was imported.")
        yield by_serial[made.serial], made.pk


def _values(kind: Kind, row: Row, ids: Ids) -> dict[str, Any]:
    """The values of a new row's fields."""
    kind.take(row, ids.find)
    fields = {each.name: each for each in kind.fields()}
    unknown = row.keys() - fields.keys() - {"id"}
    if unknown:
        raise CarryRefused(
            f"{kind.part} holds “{sorted(unknown)[0]}”, which this portal does not know. Nothing was imported; import it into a "
            "portal of the release that wrote it, or a newer one."
        )
    found = {fields[name].attname: _value(fields[name], value, ids) for name, value in row.items() if name in fields}
    for name, instead in kind.instead.items():
        value = instead(row)
        if value is not None or kind.model._meta.get_field(name).null:
            found[name] = value
    return found


def _value(field: "models.Field[Any, Any]", value: Any, ids: Ids) -> Any:
    if value is None:
        return None
    if isinstance(field, models.ForeignKey):
        return ids.find(field.related_model._meta.label, value)
    if isinstance(field, models.BinaryField):
        return base64.b64decode(value, validate=True)
    return value if isinstance(field, models.JSONField) else field.to_python(value)
