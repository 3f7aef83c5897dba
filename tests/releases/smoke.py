"""A day of an organization of `tests.releases.recording`, as the web's role: sign in, look, report, redeem, allocate, settle.

`python -m tests.releases` runs the smoke of the last release, with that release's code, on tables that today's code migrated.
"""

import html
import re
import uuid
from datetime import timedelta

from tests.conftest import TODAY  # isort: skip - it sets Django up
from django.core.cache import cache
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import reverse

from hardware.registration_codes import make_code
from licensemgr.core import clock
from licensemgr.core.tenancy import Part, acting, acting_for
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.portal.tasks import forget_expired, run_daily, send_outbox
from organizations.models import Organization, User
from products.models import Product
from tests.api.calls import post_report
from tests.factories import PASSWORD, issue
from tests.releases.recording import ADMINISTRATOR, stand_at

SLUG, PRODUCT = "harbour", "camera-station"
# The day after the one that stands in the books.
DAY = TODAY + timedelta(days=1)


def sign_in() -> Client:
    """By the form, with the password that was kept."""
    client = Client()
    answer = client.post(reverse("account_login"), {"login": ADMINISTRATOR, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def look(client: Client) -> None:
    """Each main page."""
    for name, *arguments in (("product_list",), ("history",), ("members",), ("product_overview", PRODUCT)):
        answer = client.get(reverse(name, args=[SLUG, *arguments]))
        assert answer.status_code == 200 and "Harbour Cameras" in answer.content.decode(), name


def redeem(client: Client) -> None:
    """A key that the vendor made."""
    with acting(Part.REGISTRY):
        key = issue(Product.objects.get(code=PRODUCT), core=20)
    wallet = reverse("product_wallet", args=[SLUG, PRODUCT])
    form = {"license_key": key, "form_token": str(uuid.uuid4())}
    answer = client.post(reverse("redeem_license_key", args=[SLUG, PRODUCT]), form)
    assert answer.status_code == 303, answer.content
    assert "The license key was redeemed." in client.get(wallet).content.decode()


def report(client: Client) -> None:
    """A system joins by a code and gets a license file."""
    with acting(Part.REGISTRY):
        number = Organization.objects.get(slug=SLUG).pk
    with acting_for(number):
        organization, ada = Organization.objects.get(pk=number), User.objects.get(email=ADMINISTRATOR)
        code = make_code(
            organization=organization, label="S", uses=1, days=1, actor=ada, on=DAY, form_token=uuid.uuid4()
        ).code
    document = SimulatedSystem("Tower", PRODUCT).system_file(at=clock.now(), counts={"core-device": 3})
    answer = post_report(document, code)
    assert answer.status_code == 200, answer.content
    assert "Tower" in client.get(reverse("system_setup", args=[SLUG, PRODUCT])).content.decode()


def allocate(client: Client) -> None:
    """What the page offers for what is missing, confirmed."""
    page = reverse("product_licensing", args=[SLUG, PRODUCT])
    offered = client.get(page, {"fill": "0"}).content.decode()
    filled = dict(re.findall(r'name="(y0-[a-z-]+)" value="([1-9][0-9]*)"', offered))
    assert filled, "the report left nothing missing"
    summary = client.post(page, filled).content.decode()
    found = re.search(r'name="confirmation" value="([^"]+)"', summary)
    assert found, summary
    confirmed = client.post(
        reverse("confirm_allocation", args=[SLUG, PRODUCT]), {"confirmation": html.unescape(found[1])}
    )
    assert confirmed.status_code == 303, confirmed.content
    assert "allocated" in client.get(page).content.decode()


def main() -> None:
    """All of it."""
    setup_test_environment()
    stand_at(DAY)
    cache.clear()
    client = sign_in()
    look(client)
    report(client)
    redeem(client)
    allocate(client)
    stand_at(DAY + timedelta(days=60))
    assert run_daily() is True
    send_outbox()
    forget_expired()
    look(client)
    print("Signed in, looked, reported, redeemed, allocated, settled.")


if __name__ == "__main__":
    main()
