"""All that an organization has as one file: memory does not grow with the books."""

import base64
import hashlib
import json
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import IO, Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Field, ForeignKey
from django.http import QueryDict

from hardware.models import HardwareModel, LicenseFile, ManufacturedUnit
from history.models import Record
from licensemgr.core import clock
from licensemgr.core.lists import csv_file
from licensemgr.core.models import SigningKey
from licensemgr.core.reading import one_reading
from licensemgr.portal.carrying import CATALOGUE, FORMAT, KEYS, MANIFEST, PEOPLE, VERSION
from licensemgr.portal.carrying.kinds import KINDS, ORGANIZATION, Kind, Row
from licensemgr.portal.exporting import files_for_people, last_record, zip_member
from licensemgr.portal.lists import LISTS, Asked
from organizations.lists import SUBJECT
from organizations.models import Organization, User
from products.models import LicenseType, Product, RegisteredProduct

_ROWS_AT_ONCE = 1000
# The lists of which a file for spreadsheets is made beside History, entries and registration codes.
_LISTS, _LISTS_OF_A_PRODUCT = ("products", "members"), ("systems", "lots")


@dataclass(frozen=True)
class Part:
    """What the manifest says of a part. ``rows`` is None where lines are no rows."""

    name: str
    bytes: int
    sha256: str
    rows: int | None


@dataclass(frozen=True)
class Written:
    """What was written: the number of the newest record of History in it, and its rows."""

    through: int
    rows: int


def write_organization(organization: Organization, file: IO[bytes], on: date) -> Written:
    """Write the zip, as everything stands at one moment; ``on`` is the organization's today."""
    with one_reading(), zipfile.ZipFile(file, "w") as archive:
        organization = Organization.objects.get(pk=organization.pk)
        parts = [_write(archive, name, lines, is_rows=True) for name, lines in _rows(organization)]
        parts += [_write(archive, name, lines, is_rows=False) for name, lines in _for_people(organization, on)]
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "organization": {"slug": organization.slug, "name": organization.name},
            "portal": settings.PORTAL_URL,
            "written_at": clock.real_now().isoformat(timespec="seconds"),
            "parts": [asdict(part) for part in parts],
        }
        archive.writestr(zip_member(MANIFEST), json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        return Written(last_record(organization), sum(part.rows or 0 for part in parts))


def _write(archive: zipfile.ZipFile, name: str, lines: Iterable[str], *, is_rows: bool) -> Part:
    length, digest, count = 0, hashlib.sha256(), 0
    with archive.open(zip_member(name), "w", force_zip64=True) as part:
        for line in lines:
            count += 1
            written = line.encode()
            part.write(written)
            digest.update(written)
            length += len(written)
    return Part(name, length, digest.hexdigest(), count if is_rows else None)


def _for_people(organization: Organization, on: date) -> Iterator[tuple[str, Iterable[str]]]:
    """CSV files: what spreadsheets open. Nothing of them is read when the file is taken in."""
    for name, lines in files_for_people(organization):
        yield f"csv/{name}", lines
    for name in _LISTS:
        yield f"csv/{name}.csv", _list(organization, name, "", on)
    for code in _registered(organization).values_list("product__code", flat=True):
        for name in _LISTS_OF_A_PRODUCT:
            yield f"csv/{name}-{code}.csv", _list(organization, name, code, on)


def _list(organization: Organization, name: str, subject: str, on: date) -> Iterable[str]:
    query = QueryDict(mutable=True)
    if subject:
        query[SUBJECT] = subject
    listing = LISTS[name].open(Asked(organization, query, on))
    return csv_file(listing, listing.columns)


def _registered(organization: Organization) -> Any:
    return RegisteredProduct.objects.filter(organization=organization).order_by("product__code")


def _rows(organization: Organization) -> Iterator[tuple[str, Iterable[str]]]:
    """The parts that are read again, each as lines of JSON."""
    yield CATALOGUE, map(_line, _catalogue(organization))
    yield KEYS, map(_line, _keys(organization))
    yield PEOPLE, map(_line, _people(organization))
    yield ORGANIZATION.part, [_line(next(_rows_of(ORGANIZATION, organization)))]
    for kind in KINDS:
        yield kind.part, map(_line, _rows_of(kind, organization))


def _catalogue(organization: Organization) -> Iterator[Row]:
    """The products that the organization registered, with their license types and the models of its units."""
    units = ManufacturedUnit.objects.filter(registration__organization=organization)
    models = HardwareModel.objects.filter(pk__in=units.values("hardware_model")).order_by("code")
    of_records = Record.objects.filter(organization=organization).exclude(product=None).order_by().values("product")
    used = Product.objects.filter(pk__in=_registered(organization).order_by().values("product"))
    for product in (used | Product.objects.filter(pk__in=of_records)).order_by("code"):
        yield {
            "code": product.code,
            "name": product.name,
            "trial_days": product.trial_days,
            "license_types": list(product.license_types.values("code", "name", "position")),
            "hardware_models": [
                {
                    "code": model.code,
                    "name": model.name,
                    "preloaded": {
                        line.license_type.code: line.quantity for line in model.preloaded.select_related("license_type")
                    },
                }
                for model in models.filter(product=product)
            ],
        }


def _keys(organization: Organization) -> Iterator[Row]:
    """The public keys by which the organization's license files verify, as JSON Web Keys."""
    signed_by = LicenseFile.objects.filter(organization=organization).order_by().values("kid")
    for kid, public in SigningKey.objects.filter(kid__in=signed_by).order_by("kid").values_list("kid", "public"):
        yield {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": public}


def _people(organization: Organization) -> Iterator[Row]:
    """Whoever is a member, or did something here. No password, no second factor: people keep these to themselves."""
    ids: set[int] = set()
    for kind in KINDS:
        for name in kind.people():
            ids.update(kind.rows(organization, kind.model).order_by().values_list(name, flat=True).distinct())
    ids.discard(None)  # in columns that may be empty
    ids |= set(_members_told(organization))
    confirmed = set(EmailAddress.objects.filter(user__in=ids, verified=True).values_list("user", flat=True))
    for person in User.objects.filter(pk__in=ids).order_by("pk"):
        yield {
            "id": person.pk,
            "email": "" if person.closed_at else person.email,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "language": person.language,
            "closed_at": person.closed_at,
            "address_confirmed": person.pk in confirmed,
        }


def _members_told(organization: Organization) -> Iterator[int]:
    """Whom History names besides those who did it."""
    told = Record.objects.filter(organization=organization, payload__has_key="member").order_by()
    return (found for found in told.values_list("payload__member", flat=True) if isinstance(found, int))


def _rows_of(kind: Kind, organization: Organization) -> Iterator[Row]:
    """The rows of a kind by their ids, in pieces that memory holds."""
    fields = list(kind.fields())
    types = {pk: f"{product}/{code}" for pk, product, code in _TYPES.values_list("pk", "product__code", "code")}
    rows, last = kind.rows(organization, kind.model).order_by("pk"), 0
    while chunk := list(rows.filter(pk__gt=last)[:_ROWS_AT_ONCE].values_list("pk", *map(_path, fields))):
        last = chunk[-1][0]
        for pk, *values in chunk:
            row: Row = {"id": pk}
            for each, value in zip(fields, values, strict=True):
                row[each.name] = types[value] if each.related_model is LicenseType else value
            kind.give(row)
            yield row


_TYPES = LicenseType.objects.order_by()
# What has a name outside of this database is called by it, anything else by its id.
_NAMES: dict[Any, str] = {Product: "code", HardwareModel: "code", ManufacturedUnit: "serial"}


def _path(each: "Field[Any, Any]") -> str:
    """Where a field's value is found."""
    if not isinstance(each, ForeignKey):
        return each.name
    return f"{each.name}__{_NAMES[each.related_model]}" if each.related_model in _NAMES else each.attname


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_plain) + "\n"


def _plain(value: object) -> str:
    """A value as JSON can say it; dates and instants whole."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"no way to write {type(value)}")
