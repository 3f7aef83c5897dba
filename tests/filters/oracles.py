"""What each list has to show for a query, said again in plain Python over all rows; it asks nothing of the lists' own code."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

from hardware.models import HardwareUnit, Placement, RegistrationCode
from history.models import Action, Record
from licensemgr.core import clock
from licensemgr.portal.queries import product_rows
from organizations.models import Membership
from products.models import DeviceCount, Product, Reseller, System
from tests.filters.world import TODAY, World, hours_since
from wallet.models import AccountCategory, Entry, Lot, Transfer

# R14a's rows.
STATUSES = (
    *("licensed", "growth_exceeded", "started", "no_need", "renewal_grace", "unlicensed"),
    *("hardware", "expansion_needed", "trial", "trial_ended", "not_started"),
)
Query: TypeAlias = Mapping[str, str]
_Row = TypeVar("_Row")


def in_order(rows: Iterable[_Row], query: Query, keys: Mapping[str, Callable[[_Row], Any]], usual: str) -> list[_Row]:
    """The rows by the key that the query's sort names, the other way round behind a hyphen; by the usual one for any other."""
    name = query.get("sort", usual)
    if name.removeprefix("-") not in keys:
        name = usual
    if not name:
        return list(rows)
    found = sorted(rows, key=keys[name.removeprefix("-")])
    return found[::-1] if name.startswith("-") else found


def words_of(text: str) -> list[str]:
    """Words as a person compares them: no capitals, accents or signs."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l").replace("ø", "o"))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return "".join(sign if sign.isalnum() else " " for sign in letters).split()


def flat(text: str) -> str:
    return " ".join(words_of(text))


def asked(query: Query, name: str, allowed: Iterable[str]) -> str:
    """A choice, if it is one."""
    return query.get(name, "") if query.get(name, "") in allowed else ""


# --- one organization's -----------------------------------------------------------------------------------------


def products(world: World, query: Query) -> list[str]:
    rows = product_rows(world.organization, TODAY)
    words = query.get("search", "").strip()[:100].casefold().split()
    status = asked(query, "status", STATUSES)
    found = [
        row
        for row in rows
        if (not status or row.status == status) and all(word in row.name.casefold() + " " + row.code for word in words)
    ]
    keys: dict[str, Callable[[Any], Any]] = {
        "name": lambda row: (row.name, row.code),
        "need": lambda row: (row.need, row.name, row.code),
        "systems": lambda row: (row.systems, row.name, row.code),
        "subscription": lambda row: (row.wallet_subscription, row.name, row.code),
        "hardware": lambda row: (row.wallet_hardware, row.name, row.code),
    }
    return [row.code for row in in_order(found, query, keys, "name")]


def _system_facts(world: World) -> list[dict[str, Any]]:
    serials = dict(Placement.objects.filter(until_on=None).values_list("system_id", "serial"))
    counts: dict[int, dict[str, int]] = {}
    for count in DeviceCount.objects.filter(until_on=None).select_related("license_type"):
        counts.setdefault(count.system_id, {})[count.license_type.code.removesuffix("-device")] = count.quantity
    ended = set(HardwareUnit.objects.exclude(ended_on=None).values_list("serial", flat=True))
    rows = System.objects.filter(removed_on=None, registered_product=world.books.registered()).select_related(
        "identity"
    )
    facts: list[dict[str, Any]] = []
    for system in rows:
        serial = serials.get(system.pk, "")
        heard = getattr(getattr(system, "identity", None), "heard_at", None)
        facts.append(
            {
                "system": system,
                "serial": serial,
                "devices": counts.get(system.pk, {}),
                "heard": heard,
                "silent": heard is not None and system.source == "online" and hours_since(heard) >= 48,
                "calls": heard is not None and system.source == "online" and hours_since(heard) < 48,
                # R25: by its unit alone, if that holds licenses; else by the subscription, whose year is fully licensed.
                "tied": serial in world.licenses and serial not in ended,
            }
        )
    for fact in facts:
        on_it = [each["devices"] for each in facts if each["serial"] and each["serial"] == fact["serial"]]
        held = world.licenses.get(fact["serial"], {})
        fact["licensed"] = not fact["tied"] or all(
            sum(each.get(kind, 0) for each in on_it) <= held.get(kind, 0) for kind in ("core", "universal")
        )
    return facts


def systems(world: World, query: Query) -> list[str]:
    facts = _system_facts(world)
    taken = {fact["serial"] for fact in facts}
    search = query.get("search", "").strip()[:120]
    serial = "".join(search.split()).upper()
    source = asked(query, "source", ("manual", "offline", "online", "waiting", "ended"))
    state, place = asked(query, "state", ("licensed", "lacking")), asked(query, "place", ("on", "off"))
    contact = asked(query, "contact", ("heard", "silent"))

    def has_id(system: System) -> bool:
        text = search.lower()
        is_part = 8 <= len(text) <= 36 and set(text) <= set("0123456789abcdef-")
        return is_part and (text in str(system.system_id) or text.replace("-", "") == system.system_id.hex)

    chosen = [
        fact
        for fact in facts
        if (
            not search
            or search.lower() in fact["system"].name.lower()
            or serial in fact["serial"]
            or has_id(fact["system"])
        )
        and (not source or fact["system"].source == source)
        and (not state or fact["licensed"] == (state == "licensed"))
        and (not place or bool(fact["serial"]) == (place == "on"))
        and (not contact or fact["silent" if contact == "silent" else "calls"])
    ]
    pk: Callable[[Any], int] = lambda fact: fact["system"].pk  # noqa: E731 - what is alike stands as it was made
    keys: dict[str, Callable[[Any], Any]] = {
        "name": lambda fact: (fact["system"].name, pk(fact)),
        "unit": lambda fact: (fact["serial"], pk(fact)),
        "source": lambda fact: (fact["system"].source, pk(fact)),
        "reported": lambda fact: (fact["system"].last_reported_on, pk(fact)),
        "heard": lambda fact: (fact["heard"].timestamp() if fact["heard"] else 0, pk(fact)),
        "devices-core-device": lambda fact: (fact["devices"].get("core", 0), pk(fact)),
        "devices-universal-device": lambda fact: (fact["devices"].get("universal", 0), pk(fact)),
    }
    found = [str(fact["system"].system_id) for fact in in_order(chosen, query, keys, "name")]
    if state or contact or place == "off" or source in ("manual", "offline", "online"):
        return found
    units = HardwareUnit.objects.filter(registered_product=world.books.registered())
    there = [
        unit
        for unit in units
        if (unit.ended_on is not None if source == "ended" else unit.ended_on is None and unit.serial not in taken)
        and (not search or serial in unit.serial)
    ]
    return found + sorted(unit.serial for unit in there)


def devices(world: World, query: Query) -> list[str]:
    words = query.get("search", "").strip()[:120].casefold().split()
    found = [
        device
        for device in world.devices
        if all(word in f"{device.device_id} {device.model} Core device".casefold() for word in words)
    ]
    keys: dict[str, Callable[[Any], Any]] = {
        "id": lambda device: device.device_id,
        "model": lambda device: (device.model, device.device_id),
        "type": lambda device: device.device_id,
    }
    return [device.device_id for device in in_order(found, query, keys, "")]


def members(world: World, query: Query) -> list[str]:
    words = query.get("search", "").strip()[:100].casefold().split()
    role = asked(query, "role", ("administrator", "manager", "viewer"))
    found = [
        member
        for member in Membership.objects.filter(organization=world.organization).select_related("user")
        if (not role or member.role == role)
        and all(
            any(word in part.casefold() for part in (member.user.first_name, member.user.last_name, member.user.email))
            for word in words
        )
    ]

    def name(member: Membership) -> tuple[Any, ...]:
        return member.user.first_name, member.user.last_name, member.user.email, member.pk

    keys: dict[str, Callable[[Membership], Any]] = {
        "name": name,
        "role": lambda member: (member.role, name(member)),
        "since": lambda member: (member.since, name(member)),
    }
    return [member.user.email for member in in_order(found, query, keys, "name")]


def history(world: World, query: Query) -> list[str]:
    found = []
    for record in Record.objects.filter(organization=world.organization).select_related("actor", "product"):
        actor, product = record.actor, record.product
        texts = [record.search_text, str(Action(record.action).label), product.name if product else ""]
        texts += [actor.email, actor.first_name, actor.last_name] if actor else []
        person, day = query.get("person", ""), record.happened_on.isoformat()
        fits = (
            all(any(word in text.lower() for text in texts) for word in query.get("q", "").lower().split())
            and query.get("action", "") in ("", record.action)
            and (not person or person == ("system" if actor is None else str(actor.pk)))
            and query.get("product", "") in ("", product.code if product else "")
            and query.get("since", "") <= day
            and (not query.get("until") or day <= query["until"])
        )
        if fits:
            found.append(record.sequence)
    return [str(number) for number in sorted(found, reverse=True)]


def codes(world: World, query: Query) -> list[str]:
    words = query.get("search", "").strip()[:120].casefold().split()
    state = asked(query, "state", ("open", "used_up", "expired", "revoked"))
    found = []
    for code in RegistrationCode.objects.filter(organization=world.organization):
        is_over = code.expires_at <= clock.real_now()
        is_now = (
            "revoked" if code.revoked_at else "used_up" if code.used == code.uses else "expired" if is_over else "open"
        )
        text = (code.label.casefold(), code.tail.casefold())
        if (not state or state == is_now) and all(any(word in part for part in text) for word in words):
            found.append(code)
    keys: dict[str, Callable[[Any], Any]] = {
        "name": lambda code: (code.label, code.pk),
        "joined": lambda code: (code.used, code.pk),
        "expires": lambda code: (code.expires_at, code.pk),
        "made": lambda code: (code.made_at, code.pk),
    }
    return [code.tail for code in in_order(found, query, keys, "-made")]


def lots(world: World, query: Query) -> list[str]:
    """What is left of what was entered, as type, kind, quantity and last day of use."""
    words = query.get("search", "").strip()[:100].casefold().split()
    code = asked(query, "type", ("core-device", "universal-device"))
    kind = asked(query, "kind", ("subscription", "hardware"))
    facts: list[dict[str, Any]] = []
    for lot in Lot.objects.filter(registered_product=world.books.registered(), expires_on__gt=TODAY):
        of_key = getattr(lot.transfer, "redemption", None)
        text = str(lot.get_origin_display())
        if of_key is not None:
            text += f" {of_key.license_key.tail} {of_key.license_key.batch.order_reference}"
        account = lot.account
        if (
            account.balance
            and (not code or account.license_type.code == code)
            and (not kind or account.kind == kind)
            and all(word in text.casefold() for word in words)
        ):
            until = lot.expires_on - timedelta(days=1)
            name = account.license_type.name
            facts.append(
                {
                    "told": f"{name} {account.kind} {account.balance} {until}",
                    "by": (lot.expires_on, lot.pk),
                    "type": name,
                    "kind": account.kind,
                    "quantity": account.balance,
                    "entered": lot.entered_on,
                }
            )
    keys: dict[str, Callable[[Any], Any]] = {"use-by": lambda fact: fact["by"]}
    for name in ("type", "kind", "quantity", "entered"):
        keys[name] = _first_by(name)
    return [fact["told"] for fact in in_order(facts, query, keys, "use-by")]


def movements(world: World, query: Query) -> list[str]:
    """Each line as it is told in a file, the newest movement first."""
    shown = (AccountCategory.WALLET, AccountCategory.DAYS_CREDIT)
    beside = ("preloaded", "ended", "replaced")
    transfers = [
        each
        for each in Transfer.objects.filter(registered_product=world.books.registered()).order_by("-sequence")
        if each.reason not in beside
    ]
    reason = asked(query, "reason", ("redeemed", "allocated", "compensated"))
    code = asked(query, "moved", ("core-device", "universal-device"))
    found = []
    for transfer in transfers:
        if reason and transfer.reason != reason:
            continue
        sums: dict[tuple[str, str], int] = {}
        is_of_type = not code
        for entry in Entry.objects.filter(transfer=transfer).order_by("pk"):
            for account, sign in ((entry.from_account, -1), (entry.to_account, 1)):
                if account.category in shown and code in ("", account.license_type.code):
                    is_of_type = True
                    key = (account.license_type.name, account.kind)
                    sums[key] = sums.get(key, 0) + sign * entry.quantity
        lines = sorted(f"{name} {quantity:+}" for (name, _kind), quantity in sums.items() if quantity)
        if not is_of_type:
            continue
        found += [f"{transfer.happened_on} {transfer.get_reason_display()} {line}" for line in lines or [""]]
    return found


# --- nobody's and everybody's -------------------------------------------------------------------------------------


def my_systems(world: World, query: Query) -> list[str]:
    words = words_of(query.get("search", "").strip()[:100])
    role = asked(query, "role", ("administrator", "manager", "viewer"))
    facts: list[dict[str, Any]] = []
    for member in Membership.objects.filter(user=world.person).select_related("organization"):
        organization = member.organization
        if (not role or member.role == role) and all(word in flat(organization.name) for word in words):
            facts.append(
                {
                    "slug": organization.slug,
                    "by": (flat(organization.name), organization.slug),
                    "role": ("administrator", "manager", "viewer").index(member.role),
                    "products": organization.registered_products.filter(hidden_on=None).count(),
                    "systems": organization.systems.filter(removed_on=None).count(),
                    "silent": sum(fact["silent"] for fact in _system_facts(world))
                    if organization == world.organization
                    else 0,
                }
            )
    keys: dict[str, Callable[[Any], Any]] = {"name": lambda fact: fact["by"]}
    for name in ("role", "products", "systems", "silent"):
        keys[name] = _first_by(name)
    return [fact["slug"] for fact in in_order(facts, query, keys, "name")]


def _first_by(name: str) -> Callable[[Any], Any]:
    return lambda fact: (fact[name], fact["by"])


_COUNTRIES = {"SE": "sweden", "NO": "norway", "PL": "poland"}
TOWNS = {"SE-malmo": (55.60587, 13.00073), "NO-oslo": (59.91273, 10.74609)}


def resellers(world: World, query: Query) -> list[str]:
    near = TOWNS.get(query.get("town", ""))
    words = words_of(query.get("search", "").strip()[:100])
    kind = asked(query, "kind", ("reseller", "integrator"))
    country = asked(query, "country", _COUNTRIES)
    names = {product.code: flat(product.name) for product in Product.objects.all()}
    facts: list[dict[str, Any]] = []
    for row in Reseller.objects.filter(is_listed=True).prefetch_related("products"):
        sold = {product.code for product in row.products.all()} or set(names)
        text = flat(f"{row.name} {row.address} {row.postal_code} {row.city}")
        text += f" {_COUNTRIES[row.country]} {flat(str(row.get_kind_display()))}"
        if (
            (not country or row.country == country)
            and (not kind or row.kind == kind)
            and (query.get("product", "") not in names or query["product"] in sold)
            and all(word in text or any(word in names[code] for code in sold) for word in words)
        ):
            km = math.inf
            if near and row.latitude is not None and row.longitude is not None:
                km = _km(near, (row.latitude, row.longitude))
            facts.append({"row": row, "name": (flat(row.name), row.pk), "km": km})
    keys: dict[str, Callable[[Any], Any]] = {
        "name": lambda fact: fact["name"],
        "address": lambda fact: (_COUNTRIES[fact["row"].country], flat(fact["row"].city), fact["name"]),
        "country": lambda fact: (_COUNTRIES[fact["row"].country], fact["name"]),
        "distance": lambda fact: (fact["km"], fact["name"]),
    }
    if near is None:
        del keys["distance"]
    if query.get("sort", "").removeprefix("-") == "country":
        query = {**query, "sort": ""}
    return [str(fact["row"].pk) for fact in in_order(facts, query, keys, "distance" if near else "country")]


def _km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the cosine rule on a sphere; rounded, since places of one town are one place."""
    first, second = math.radians(one[0]), math.radians(other[0])
    turn = math.radians(one[1] - other[1])
    cosine = math.sin(first) * math.sin(second) + math.cos(first) * math.cos(second) * math.cos(turn)
    return round(6371 * math.acos(min(1.0, cosine)), 3)
