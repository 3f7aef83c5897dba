"""What there is before the load: made by ``manage.py shell``, whose role owns the tables."""

import json
import uuid

from hardware.registration_codes import make_code
from licensemgr.core import clock, signing_keys
from licensemgr.core.tenancy import acting_for
from licensemgr.portal.playing import ensure_catalogue
from organizations.models import User
from organizations.services import create_organization


def seed(number: int) -> None:
    """A catalogue, a signing key and so many organizations; prints the registration code of each by its number."""
    ensure_catalogue()
    signing_keys.rotate()
    codes = {}
    for place in range(number):
        person = User.objects.create_user(f"person{place}@example.com", "a long password")
        on = clock.real_now().date()
        organization = create_organization(name=f"Organization {place}", actor=person, on=on)
        with acting_for(organization.pk):
            made = make_code(
                organization=organization,
                label="Load",
                uses=1000,
                days=1,
                actor=person,
                on=clock.today(organization),
                form_token=uuid.uuid4(),
            )
        codes[organization.pk] = made.code
    print(json.dumps(codes))
