"""Where to buy licenses: example resellers and system integrators. All of them are made up."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CAMERA_STATION = "Camera Station"
AUDIO_MANAGER = "Audio Manager"
ALL_PRODUCTS = ("Access Manager", AUDIO_MANAGER, CAMERA_STATION, "Site Monitor")

COUNTRIES: Mapping[str, Promise] = {
    "AU": _("Australia"),
    "BR": _("Brazil"),
    "CA": _("Canada"),
    "DE": _("Germany"),
    "ES": _("Spain"),
    "FR": _("France"),
    "GB": _("United Kingdom"),
    "IN": _("India"),
    "IT": _("Italy"),
    "JP": _("Japan"),
    "NL": _("Netherlands"),
    "NZ": _("New Zealand"),
    "PL": _("Poland"),
    "SE": _("Sweden"),
    "US": _("United States"),
    "ZA": _("South Africa"),
}


@dataclass(frozen=True)
class Reseller:
    """One place at which licenses can be bought."""

    country: str
    name: str
    kind: Promise
    address: str
    city: str
    phone: str
    web: str
    mail: str
    products: tuple[str, ...] = ALL_PRODUCTS


@dataclass(frozen=True)
class CountryGroup:
    """The resellers of one country."""

    code: str
    name: str
    resellers: Sequence[Reseller]


_RESELLER = _("Reseller")
_INTEGRATOR = _("System integrator")


def _place(
    country: str,
    name: str,
    kind: Promise,
    address: str,
    city: str,
    phone: str,
    products: tuple[str, ...] = ALL_PRODUCTS,
) -> Reseller:
    plain = unicodedata.normalize("NFKD", name.lower().replace("ł", "l").replace(" ", "-"))
    host = "".join(letter for letter in plain if letter.isascii() and (letter.isalnum() or letter == "-"))
    return Reseller(
        country, name, kind, address, city, phone, f"https://{host}.example", f"licenses@{host}.example", products
    )


RESELLERS: tuple[Reseller, ...] = (
    _place("AU", "Southern Cross Security", _INTEGRATOR, "12 Wattle Lane", "Melbourne VIC 3000", "+61 3 5550 0112"),
    _place(
        "AU",
        "Harbour Vision Supply",
        _RESELLER,
        "4 Ferry Street",
        "Sydney NSW 2000",
        "+61 2 5550 0157",
        (CAMERA_STATION,),
    ),
    _place("BR", "Ipê Sistemas", _INTEGRATOR, "Rua das Acácias 210", "São Paulo 01310-000", "+55 11 5550 0133"),
    _place("CA", "Maple Ridge Integrators", _INTEGRATOR, "88 Spruce Avenue", "Toronto ON M5V 2T6", "+1 416 555 0144"),
    _place("DE", "Nordlicht Sicherheitstechnik", _INTEGRATOR, "Speicherweg 7", "20457 Hamburg", "+49 40 5550 0121"),
    _place("DE", "Isar Systemhaus", _RESELLER, "Auenstraße 31", "80469 München", "+49 89 5550 0162"),
    _place("ES", "Levante Integración", _INTEGRATOR, "Calle del Mar 18", "46003 Valencia", "+34 96 555 01 28"),
    _place("FR", "Atelier Vigie", _INTEGRATOR, "5 quai des Tilleuls", "69002 Lyon", "+33 4 55 50 01 36"),
    _place("FR", "Son et Signal", _RESELLER, "27 rue du Lavoir", "44000 Nantes", "+33 2 55 50 01 71", (AUDIO_MANAGER,)),
    _place("GB", "Thornbury Systems", _INTEGRATOR, "3 Mill Yard", "Bristol BS1 4QA", "+44 117 555 0119"),
    _place("GB", "Northgate Supplies", _RESELLER, "41 Canal Street", "Manchester M1 3HE", "+44 161 555 0184"),
    _place("IN", "Deccan Secure Networks", _INTEGRATOR, "16 Residency Road", "Bengaluru 560025", "+91 80 5550 0147"),
    _place("IT", "Adriatica Impianti", _INTEGRATOR, "Via dei Cordai 9", "34121 Trieste", "+39 040 555 0126"),
    _place("JP", "Minato Systems", _INTEGRATOR, "2-4-8 Kaigan", "Minato-ku, Tokyo 105-0022", "+81 3 5550 0138"),
    _place("NL", "Waterkant Beveiliging", _RESELLER, "Singelpad 14", "3511 AB Utrecht", "+31 30 555 0153"),
    _place("NZ", "Kauri Technology Partners", _INTEGRATOR, "6 Quay Lane", "Auckland 1010", "+64 9 555 0165"),
    _place("PL", "Wisła Systemy", _INTEGRATOR, "ul. Lipowa 22", "00-316 Warszawa", "+48 22 555 01 74"),
    _place("SE", "Öresund Säkerhet", _INTEGRATOR, "Skeppsgatan 11", "211 11 Malmö", "+46 40 555 01 18"),
    _place("SE", "Mälaren Ljud och Bild", _RESELLER, "Brogatan 2", "111 30 Stockholm", "+46 8 555 01 69"),
    _place("US", "Prairie Integrators", _INTEGRATOR, "770 Lakeview Drive", "Chicago, IL 60601", "+1 312 555 0115"),
    _place("US", "Bay Line Supply", _RESELLER, "19 Harbor Street", "Oakland, CA 94607", "+1 510 555 0172"),
    _place(
        "US", "Lone Pine Audio", _RESELLER, "205 Cedar Road", "Austin, TX 78701", "+1 512 555 0190", (AUDIO_MANAGER,)
    ),
    _place("ZA", "Table Bay Security", _INTEGRATOR, "8 Signal Road", "Cape Town 8001", "+27 21 555 0137"),
)


def by_country(*, country: str = "", search: str = "") -> list[CountryGroup]:
    """The resellers by country in order of its name; every word of ``search`` has to occur in one's text."""
    words = search.casefold().split()
    groups: dict[str, list[Reseller]] = {}
    for reseller in RESELLERS:
        if country and reseller.country != country:
            continue
        text = " ".join(
            [
                str(COUNTRIES[reseller.country]),
                reseller.name,
                str(reseller.kind),
                reseller.address,
                reseller.city,
                *reseller.products,
            ]
        ).casefold()
        if all(word in text for word in words):
            groups.setdefault(reseller.country, []).append(reseller)
    found = [CountryGroup(code, str(COUNTRIES[code]), resellers) for code, resellers in groups.items()]
    return sorted(found, key=lambda group: group.name)
