"""How often owner authentication keys can be tried wrongly: typed, or by the proofs in system files (R24).

A wrong proof counts as a wrong pair does: also one for a serial number that nobody made or that another organization registered,
so that the limit tells as little as the answer. A proof for the organization's own unit is not looked at, and does not count.
"""

from dataclasses import replace

from hardware.checking import CheckedFile
from hardware.errors import TooManyProofTries, TooManyUnitTries, UnitUnknown
from hardware.proofs import Claim, is_on_own_unit, proved_unit
from licensemgr.core.errors import TooManyCalls
from licensemgr.core.places import Places, give_back
from organizations.models import Organization
from wallet.limits import Secret, Trier, counting_wrong_tries, tries_per_person

# A pair of serial number and owner authentication key, typed; and one that a file proves, which is counted with it.
UNIT_PAIR = Secret("hardware-unit", UnitUnknown, TooManyUnitTries)
_UNIT_PROOF = replace(UNIT_PAIR, too_many=TooManyProofTries)


def with_proof_tried(organization: Organization, file: CheckedFile, trier: Trier) -> CheckedFile:
    """An uploaded file, refused where its proof would be one try too many for the person or the address."""
    if file.claim is None or is_on_own_unit(organization, file.claim):
        return file
    try:
        with counting_wrong_tries(trier, _UNIT_PROOF):
            if proved_unit(file.claim) is None:
                raise UnitUnknown
    except UnitUnknown:
        # No reason to refuse it: the unit is remembered.
        return file
    except TooManyProofTries as refused:
        return file.refused(refused.sentence)
    return file


def try_proof_of_call(organization: Organization, claim: Claim | None) -> None:
    """Count the proof in a report over a call by its system, where it is wrong. Raises TooManyCalls for one too many."""
    if claim is None or is_on_own_unit(organization, claim):
        return
    places = Places(f"{UNIT_PAIR.name}-tries:system:{claim.system_id}", tries_per_person())
    place = places.take()
    if place is None:
        raise TooManyCalls(places.seconds_until_free())
    if proved_unit(claim) is not None:
        give_back(place)
