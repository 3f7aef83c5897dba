"""Downloads: what a person asked for, how far it is, fetching it; the top bar's mark; nobody else's (R30, R31)."""

import re
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardware.models import StagedFile
from hardware.staging import STAGED_FOR
from licensemgr.core import clock
from organizations.models import Membership, Organization, Role, User
from organizations.services import change_role, remove_member
from organizations.support import open_support_view
from organizations.work import order_work
from organizations.work_models import WorkOrder, WorkState
from organizations.working import do_work
from tests.factories import Books

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(books: Books, organization: Organization, administrator: User, today: date) -> WorkOrder:
    """An export that the administrator asked for."""
    books.report(today, core=2)
    return order_work(
        organization=organization, person=administrator, kind="organization_export", arguments={}, on=today
    )


def page(client: Client, **headers: str) -> str:
    answer = client.get(reverse("work", args=["harbour"]), headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def act(client: Client, what: str, order: WorkOrder, slug: str = "harbour") -> Any:
    return client.post(reverse(f"work_{what}", args=[slug, order.pk]))


def update(order: WorkOrder, **values: Any) -> None:
    WorkOrder.objects.filter(pk=order.pk).update(**values)


def test_nothing_asked_for_says_what_the_page_is_for(viewer_client: Client) -> None:
    shown = page(viewer_client)
    assert "No downloads" in shown
    assert "hx-get" not in shown[shown.index('id="work"') : shown.index("</main>")]
    assert 'id="work-indicator"' not in shown


def test_it_waits_is_being_made_and_is_ready(asked: WorkOrder, administrator_client: Client) -> None:
    shown = page(administrator_client)
    assert "Waiting for its turn" in shown
    assert "1 file is being made" in shown
    assert 'hx-trigger="every 3s"' in shown
    update(asked, state=WorkState.RUNNING, done=3000, total=20412)
    shown = page(administrator_client)
    assert "14 % · 3,000 of 20,412 rows" in re.sub(r"</?span[^>]*>", "", shown).replace("</span>", "")
    assert re.search(r'<progress class="meter" id="progress-\d+" max="100" value="14"', shown)
    update(asked, state=WorkState.QUEUED)
    assert do_work() == 1
    shown = page(administrator_client)
    assert "Ready" in shown
    assert "kept until" in shown
    assert "1 file ready" in shown
    assert "every 3s" not in shown
    assert "every 5s" not in shown


def test_a_fragment_for_htmx_and_the_top_bars_mark_alone(asked: WorkOrder, administrator_client: Client) -> None:
    part = page(administrator_client, **{"HX-Request": "true"})
    assert part.startswith('<div id="work"')
    assert "<html" not in part
    mark = administrator_client.get(reverse("work_indicator", args=["harbour"]), headers={"HX-Request": "true"})
    assert mark.content.decode().startswith('<div id="work-indicator"')
    assert 'hx-trigger="every 5s"' in mark.content.decode()
    do_work()
    mark = administrator_client.get(reverse("work_indicator", args=["harbour"]), headers={"HX-Request": "true"})
    assert f'data-work-latest="{asked.pk}"' in mark.content.decode()
    assert "every 5s" not in mark.content.decode()
    # It is said on every page of the organization.
    assert "1 file ready" in administrator_client.get(reverse("product_list", args=["harbour"])).content.decode()


def test_it_is_downloaded_whole_and_then_not_announced_any_more(asked: WorkOrder, administrator_client: Client) -> None:
    do_work()
    answer = act(administrator_client, "download", asked)
    content = b"".join(answer)
    assert answer["Content-Length"] == str(len(content))
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="harbour-2027-03-01.zip"'
    assert "no-store" in answer["Cache-Control"]
    shown = page(administrator_client)
    assert "downloaded" in shown
    assert "file ready" not in shown
    # As often as one likes, for a day.
    assert b"".join(act(administrator_client, "download", asked)) == content


def test_what_is_not_there_is_told_of(asked: WorkOrder, administrator_client: Client) -> None:
    answer = act(administrator_client, "download", asked)
    assert (answer.status_code, answer["Location"]) == (303, "/o/harbour/work/")
    assert "This file is not ready" in page(administrator_client)
    do_work()
    update(asked, kept_until=clock.real_now() - timedelta(seconds=1))
    assert act(administrator_client, "download", asked).status_code == 303
    shown = page(administrator_client)
    assert "kept for a day and is gone" in shown
    assert "Make it again" in shown
    assert f'action="{reverse("work_download", args=["harbour", asked.pk])}"' not in shown
    assert act(administrator_client, "again", asked).status_code == 303
    assert WorkOrder.objects.get().state == WorkState.QUEUED


def test_what_failed_says_why_and_can_be_tried_again(asked: WorkOrder, administrator_client: Client) -> None:
    update(asked, state=WorkState.FAILED, sentence="There was no room.", finished_at=clock.real_now())
    shown = page(administrator_client)
    assert "There was no room." in shown
    assert "Try again" in shown
    assert "1 file failed" in shown
    act(administrator_client, "again", asked)
    assert do_work() == 1
    assert WorkOrder.objects.get().state == WorkState.DONE


def test_it_can_be_stopped_and_removed(asked: WorkOrder, administrator_client: Client) -> None:
    assert act(administrator_client, "remove", asked).status_code == 303
    assert "Removed from Downloads." in page(administrator_client)
    assert do_work() == 0
    assert not WorkOrder.objects.exists()


@pytest.mark.parametrize("what", ["download", "again", "remove"])
def test_nobody_else_finds_it(
    what: str, asked: WorkOrder, manager_client: Client, outsider_client: Client, staff_client: Client, staff: User
) -> None:
    do_work()
    # Another member of the same organization, and an outsider by either's address.
    assert act(manager_client, what, asked).status_code == 404
    assert act(outsider_client, what, asked).status_code == 404
    assert act(outsider_client, what, asked, "other").status_code == 404
    assert "History and entries" not in page(manager_client)
    assert outsider_client.get(reverse("work", args=["harbour"])).status_code == 404
    open_support_view(organization=asked.organization, user=staff, reason="ticket", on=asked.on)
    assert "No downloads" in page(staff_client)
    assert act(staff_client, what, asked).status_code in (403, 404)
    assert WorkOrder.objects.get().fetched_at is None


def test_a_member_who_may_no_more_gets_nothing(
    asked: WorkOrder,
    administrator_client: Client,
    administrator: User,
    manager: User,
    organization: Organization,
    today: date,
) -> None:
    do_work()
    membership = Membership.objects.get(user=administrator, organization=organization)
    change_role(
        membership=Membership.objects.get(user=manager, organization=organization),
        role=Role.ADMINISTRATOR,
        actor=administrator,
        on=today,
    )
    change_role(membership=membership, role=Role.VIEWER, actor=manager, on=today)
    assert "You may not have this file any more" in page(administrator_client)
    assert act(administrator_client, "download", asked).status_code == 403
    assert act(administrator_client, "again", asked).status_code == 403
    remove_member(membership=membership, actor=manager, on=today)
    assert act(administrator_client, "download", asked).status_code == 404


def test_the_number_of_queries_does_not_grow(
    asked: WorkOrder, administrator_client: Client, administrator: User, organization: Organization, today: date
) -> None:
    address = reverse("work", args=["harbour"])
    administrator_client.get(address)
    with CaptureQueriesContext(connection) as few:
        administrator_client.get(address)
    for number in range(9):
        order_work(
            organization=organization,
            person=administrator,
            kind="license_files",
            arguments={"batch": str(uuid.UUID(int=number))},
            on=today,
        )
    with CaptureQueriesContext(connection) as many:
        assert administrator_client.get(address).content.count(b'class="work"') == 10
    assert len(many) == len(few)


def test_the_mark_costs_a_page_no_query(asked: WorkOrder, administrator_client: Client) -> None:
    address = reverse("members", args=["harbour"])
    administrator_client.get(address)
    with CaptureQueriesContext(connection) as queries:
        administrator_client.get(address)
    about = [query["sql"] for query in queries if "organizations_workorder" in query["sql"]]
    assert len(about) == 1
    assert 'FROM "organizations_membership"' in about[0]


class TestWaitingUploads:
    """An upload that was checked and not confirmed can be found again for its hour."""

    @pytest.fixture
    def uploaded(self, books: Books, organization: Organization, manager: User, today: date) -> uuid.UUID:
        books.report(today, core=1)
        batch = uuid.uuid4()
        now = clock.real_now()
        for number in range(3):
            StagedFile.objects.create(
                organization=organization,
                batch=batch,
                number=number,
                file_name="system.json",
                packed=b"x",
                uploaded_by=manager,
                uploaded_at=now,
                expires_at=now + STAGED_FOR,
            )
        return batch

    PAGES = (("product_list", ()), ("system_setup", ("camera-station",)), ("work", ()))

    def shown(self, client: Client) -> list[str]:
        """What the pages say of uploads."""
        found = []
        for name, more in self.PAGES:
            content = " ".join(client.get(reverse(name, args=["harbour", *more])).content.decode().split())
            found += re.findall(r"An upload of (\d+ files?) from \d\d:\d\d waits for your confirmation", content)
        return found

    def test_it_is_on_the_pages_and_leads_to_its_confirmation(
        self, uploaded: uuid.UUID, manager_client: Client, administrator_client: Client
    ) -> None:
        assert self.shown(manager_client) == ["3 files"] * 3
        list_page = manager_client.get(reverse("product_list", args=["harbour"])).content.decode()
        assert reverse("confirm_system_files", args=["harbour", uploaded]) in list_page
        assert self.shown(administrator_client) == []

    def test_what_is_confirmed_refused_or_over_does_not_wait(self, uploaded: uuid.UUID, manager_client: Client) -> None:
        StagedFile.objects.filter(number=0).update(confirmed_at=clock.real_now())
        StagedFile.objects.filter(number=1).update(refusal="No.")
        assert self.shown(manager_client) == ["1 file"] * 3
        StagedFile.objects.filter(number=2).update(expires_at=clock.real_now())
        assert self.shown(manager_client) == []

    def test_one_who_may_not_confirm_any_more_is_not_asked_to(
        self, uploaded: uuid.UUID, manager_client: Client, manager: User
    ) -> None:
        Membership.objects.filter(user=manager).update(role=Role.VIEWER)
        assert self.shown(manager_client) == []
