"""Names within Arabic sentences stand in parts of their own: on History, in what a page says after a change, and in mails."""

import pytest
from django.test import Client

from licensemgr.core.models import OutboxMessage
from organizations.accounts import choose_language
from organizations.invitations import invite_member
from organizations.models import Organization, Role, User
from products.models import SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
GATE = "\u2068Gate (north) 2\u2069"


def test_history_and_what_is_said_after_a_change(
    books: Books, manager: User, manager_client: Client, frozen_clock: FrozenClock
) -> None:
    books.report(frozen_clock.today, system="Gate (north) 2", source=SystemSource.MANUAL, core=2)
    choose_language(user=manager, language="ar")
    page = manager_client.get("/o/harbour/history/").content.decode()
    assert page.count(GATE) == 1 and "\u2068Camera Station\u2069" in page
    system = books.system_id("Gate (north) 2")
    url = f"/o/harbour/products/camera-station/systems/{system}/"
    removed = manager_client.post(f"{url}remove/", {"confirm": "yes"}, follow=True)
    said = [str(message) for message in removed.context["messages"]]
    assert len(said) == 1 and GATE in said[0], said
    # Where both are read from the left nothing is there that nobody sees.
    choose_language(user=manager, language="sv")
    assert "\u2068" not in manager_client.get("/o/harbour/history/").content.decode()


def test_a_mail_in_text_and_html(organization: Organization, administrator: User, frozen_clock: FrozenClock) -> None:
    choose_language(user=User.objects.create_user("known@example.com"), language="ar")
    invite_member(
        organization=organization,
        email="known@example.com",
        role=Role.VIEWER,
        actor=administrator,
        on=frozen_clock.today,
    )
    mail = OutboxMessage.objects.get(recipient="known@example.com")
    for body in (mail.subject, mail.body_text, mail.body_html):
        assert "\u2068Harbour Cameras\u2069" in body
