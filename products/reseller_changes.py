"""What every change of a reseller goes through: checking, completing, saving."""

import re
from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from licensemgr.core.countries import countries
from products.models import Reseller
from products.towns import position_of_town

_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{2,}")


def complete_reseller(reseller: Reseller) -> bool:
    """Give a reseller without position that of its town; whether the list of towns has it."""
    if reseller.latitude is not None or reseller.longitude is not None:
        return False
    position = position_of_town(reseller.city, reseller.country)
    if position is None:
        return False
    reseller.latitude, reseller.longitude = position.latitude, position.longitude
    return True


def faults_of(reseller: Reseller) -> Mapping[str, Sequence[str]]:
    """What is wrong with a reseller's fields, in sentences; empty where nothing is. Looks at no other row."""
    faults: dict[str, list[str]] = {}
    try:
        reseller.clean_fields(exclude=["id"])
    except ValidationError as error:
        faults = error.message_dict
    if reseller.country not in dict(countries()):
        faults["country"] = [_("Choose a country of the list, by its two letters, for example SE.")]
    if reseller.phone and not _PHONE.fullmatch(reseller.phone):
        faults["phone"] = [_("Write a phone number with digits, spaces and + ( ) . / - only.")]
    if reseller.web and not reseller.web.lower().startswith(("http://", "https://")):
        faults["web"] = [_("Write a web address that begins with https:// or http://.")]
    latitude, longitude = reseller.latitude, reseller.longitude
    if (latitude is None) != (longitude is None):
        faults["latitude"] = [_("Give both latitude and longitude, or neither.")]
    # Written so that NaN fails, too.
    elif latitude is not None and longitude is not None and not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        faults["latitude"] = [_("Latitude goes from -90 to 90 degrees, longitude from -180 to 180.")]
    return faults


@transaction.atomic
def save_reseller(*, reseller: Reseller) -> None:
    """Save one that was checked; where its position is missing, that of its town is filled in."""
    complete_reseller(reseller)
    reseller.save()
