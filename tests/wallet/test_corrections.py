"""Staff correct a wallet by new entries alone: R23 holds, each form counts once, whole or not at all."""

import uuid
from datetime import date

import pytest
from django.db import IntegrityError
from django.test import Client

from history.models import Action, Record
from history.sentences import Names, sentence
from organizations.models import Organization, User
from products.models import LicenseType
from tests.admin_pages import address, said, staff_person, token_in
from tests.conftest import FrozenClock
from tests.factories import Books, check_conservation, dump_books
from wallet.corrections import MAXIMUM_CHANGE, correct_wallet
from wallet.errors import CorrectionRefused
from wallet.models import AccountCategory, Correction, LedgerAccount, Lot, LotOrigin, Policy, Redemption, TransferReason
from wallet.queries import policy, undo_of

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


@pytest.fixture
def ready(books: Books) -> Books:
    """Two lots of core licenses, the second a year younger, and one of hardware licenses."""
    books.report(DAY, core=1)
    books.redeem(DAY, core=4)
    books.redeem(date(2028, 3, 1), core=6)
    books.redeem(date(2028, 3, 1), kind="hardware", core=5)
    return books


def core(books: Books) -> LicenseType:
    return books.products["camera-station"].license_types.get(code="core-device")


def correct(
    books: Books,
    staff: User,
    change: int,
    *,
    on: date = date(2028, 3, 1),
    kind: str = "subscription",
    reason: str = "lost order",
    token: uuid.UUID | None = None,
    license_type: LicenseType | None = None,
) -> Correction:
    return correct_wallet(
        registered_product=books.registered(),
        license_type=license_type or core(books),
        kind=kind,
        change=change,
        reason=reason,
        form_token=token or uuid.uuid4(),
        actor=staff,
        on=on,
    )


def test_licenses_that_are_put_in_are_a_lot_with_five_years_of_its_own(ready: Books, staff: User) -> None:
    made = correct(ready, staff, 7, kind="hardware", reason="  lost\n order ")
    lot = Lot.objects.get(transfer=made.transfer)
    assert (lot.origin, lot.account.balance, lot.account.kind) == (LotOrigin.CORRECTED, 7, "hardware")
    assert (lot.entered_on, lot.expires_on) == (date(2028, 3, 1), date(2033, 3, 1))
    assert (made.transfer.reason, made.transfer.actor, made.reason) == (TransferReason.CORRECTED, staff, "lost order")
    assert ready.stand(date(2033, 2, 28)).wallet["hardware"]["core-device"] == 12
    assert ready.stand(date(2033, 3, 1)).wallet["hardware"]["core-device"] == 0
    check_conservation(ready.organization)
    record = Record.objects.get(action=Action.WALLET_CORRECTED)
    assert (record.actor, record.payload["licenses"], record.payload["kind"]) == (staff, {"core-device": 7}, "hardware")
    assert sentence(record, Names()) == "The vendor put 7 core-device into the Product wallet. Reason: lost order."


def test_licenses_that_are_taken_out_come_from_the_earliest_expiry_and_are_kept_as_taken_back(
    ready: Books, staff: User
) -> None:
    correct(ready, staff, -7)
    assert sorted(Lot.objects.filter(account__kind="subscription").values_list("entered_on", "account__balance")) == [
        (DAY, 0),
        (date(2028, 3, 1), 3),
    ]
    assert LedgerAccount.objects.get(category=AccountCategory.TAKEN_BACK).balance == 7
    assert ready.stand(date(2028, 3, 1)).wallet["hardware"]["core-device"] == 5
    check_conservation(ready.organization)
    record = Record.objects.get(action=Action.WALLET_CORRECTED)
    assert record.payload["licenses"] == {"core-device": -7}
    assert sentence(record, Names()).startswith("The vendor took 7 core-device out of the Product wallet.")


def test_a_lot_that_has_expired_gives_nothing(ready: Books, staff: User) -> None:
    """On the day on which the first lot expires only the second one counts, whether or not a job ran (R2, R22)."""
    with pytest.raises(CorrectionRefused) as refused:
        correct(ready, staff, -7, on=date(2032, 3, 1))
    assert "The wallet holds 6 licenses of Core device (Subscription), 1 fewer than are to be taken out" in str(
        refused.value
    )
    correct(ready, staff, -6, on=date(2032, 3, 1))
    check_conservation(ready.organization)


def test_what_makes_no_sense_is_refused_and_nothing_changes(
    ready: Books, staff: User, other_organization: Organization
) -> None:
    before = dump_books(ready.organization)
    audio = ready.products["audio-manager"].license_types.get()
    for change, options, words in (
        (0, {}, "from 1 to 1,000,000 licenses"),
        (MAXIMUM_CHANGE + 1, {}, "from 1 to 1,000,000 licenses"),
        (-11, {}, "The wallet holds 10 licenses of Core device (Subscription), 1 fewer"),
        (-6, {"kind": "hardware"}, "The wallet holds 5 licenses of Core device (Tied to hardware), 1 fewer"),
        (1, {"reason": " \n"}, "needs a reason"),
        (1, {"kind": "forever"}, "no such licenses"),
        (1, {"license_type": audio}, "no such licenses"),
    ):
        with pytest.raises(CorrectionRefused, match="Nothing was changed") as refused:
            correct(ready, staff, change, **options)
        assert words in str(refused.value)
    assert dump_books(ready.organization) == before
    assert not Correction.objects.exists()


def test_the_same_form_counts_once_and_with_something_else_in_it_not_at_all(ready: Books, staff: User) -> None:
    token = uuid.uuid4()
    first = correct(ready, staff, -3, token=token)
    before = dump_books(ready.organization)
    assert correct(ready, staff, -3, token=token) == first
    for change, reason in ((3, "lost order"), (-4, "lost order"), (-3, "other")):
        with pytest.raises(CorrectionRefused, match="something else stands in it now"):
            correct(ready, staff, change, reason=reason, token=token)
    assert dump_books(ready.organization) == before


def test_the_database_wants_a_reason_and_one_correction_a_form(ready: Books, staff: User) -> None:
    made = correct(ready, staff, 1)
    with pytest.raises(IntegrityError):
        Correction.objects.filter(pk=made.pk).update(reason="")


class TestPage:
    def test_staff_correct_from_the_page_of_a_registered_product(
        self, ready: Books, staff_client: Client, staff: User, frozen_clock: FrozenClock, viewer_client: Client
    ) -> None:
        frozen_clock.move_to(date(2028, 3, 1))
        registered = ready.registered()
        correct_here = f"{address(Correction, 'add')}?registered_product={registered.pk}"
        assert correct_here in staff_client.get(address(type(registered), "change", registered.pk)).content.decode()
        page = staff_client.get(correct_here)
        assert "Subscription licenses in the wallet 10 Core device, 0 Universal device" in said(page)
        form = {
            "license_type": core(ready).pk,
            "kind": "subscription",
            "direction": "out",
            "quantity": "3",
            "reason": "Sold twice",
            "form_token": token_in(page),
        }
        answer = staff_client.post(correct_here, form)
        assert answer.status_code == 302
        assert "was corrected: -3 Core device (Subscription)." in said(answer)
        assert staff_client.post(correct_here, form)["Location"] == answer["Location"]
        assert Correction.objects.count() == 1
        assert "-3 Core device (Subscription) Sold twice" in said(staff_client.get(address(Correction, "changelist")))
        text = said(viewer_client.get("/o/harbour/history/"))
        assert "Sold twice" in text and str(staff) in text
        for changed, words in (
            ({"quantity": "8"}, "The wallet holds 7 licenses of Core device (Subscription), 1 fewer"),
            ({"quantity": "0"}, "greater than or equal to 1"),
            ({"quantity": "9" * 5000}, "Enter a whole number"),
            ({"reason": ""}, "This field is required"),
            ({"license_type": ready.products["audio-manager"].license_types.get().pk}, "Select a valid choice"),
            ({"direction": "x"}, "Select a valid choice"),
        ):
            refused = staff_client.post(correct_here, form | {"form_token": uuid.uuid4()} | changed)
            assert refused.status_code == 422 and words in said(refused), changed
        assert Correction.objects.count() == 1

    def test_without_a_product_or_the_permission_there_is_no_such_page(
        self, ready: Books, staff_client: Client, manager: User
    ) -> None:
        assert staff_client.get(address(Correction, "add")).status_code == 302
        for wrong in ("999", "x", "9" * 40, ""):
            assert staff_client.get(address(Correction, "add"), {"registered_product": wrong}).status_code == 404
        _person, clerk = staff_person("products.view_registeredproduct", "wallet.view_correction")
        registered = ready.registered()
        here = f"{address(Correction, 'add')}?registered_product={registered.pk}"
        assert clerk.post(here, {"quantity": "1"}).status_code == 403
        assert here not in clerk.get(address(type(registered), "change", registered.pk)).content.decode()

    def test_a_closed_organization_is_not_corrected(
        self, ready: Books, staff_client: Client, organization: Organization
    ) -> None:
        Organization.objects.filter(pk=organization.pk).update(closed_on=date(2028, 3, 1))
        here = f"{address(Correction, 'add')}?registered_product={ready.registered().pk}"
        form = {"license_type": core(ready).pk, "kind": "subscription", "direction": "in", "quantity": "1"}
        answer = staff_client.post(here, form | {"reason": "x", "form_token": uuid.uuid4()})
        assert answer.status_code == 422
        assert "This organization was closed" in said(answer)
        assert not Correction.objects.exists()


class TestPolicy:
    def test_staff_decide_how_far_things_can_be_taken_back(self, staff_client: Client, db: None) -> None:
        page = address(Policy, "change", 1)
        assert staff_client.get(address(Policy, "changelist"))["Location"] == page
        # It can be looked at before anybody decided anything, and looking decides nothing.
        assert staff_client.get(page).status_code == 200
        assert not Policy.objects.exists()
        form = {"undo_days": "14", "release_is_on": "on", "release_ends_days_before": "3"}
        for _time in range(2):
            assert staff_client.post(page, form).status_code == 302
            assert list(Policy.objects.values()) == [
                {
                    "id": 1,
                    "undo_is_on": False,
                    "undo_days": 14,
                    "release_is_on": True,
                    "release_ends_days_before": 3,
                }
            ]
        for wrong in ({"undo_days": "-1"}, {"undo_days": "367"}, {"release_ends_days_before": "x"}, {"undo_days": ""}):
            assert "Please correct the error" in said(staff_client.post(page, form | wrong))
        assert policy().undo_days == 14
        assert staff_client.post(address(Policy, "add"), form).status_code == 403
        assert staff_client.post(address(Policy, "delete", 1), {"post": "yes"}).status_code == 403
        assert staff_client.get(address(Policy, "change", 2)).status_code == 302

    def test_what_they_decide_counts_at_once(self, ready: Books, staff_client: Client) -> None:
        redemption = Redemption.objects.order_by("pk")[2]
        assert undo_of(redemption, date(2028, 3, 8)).refused is None
        staff_client.post(
            address(Policy, "change", 1), {"undo_is_on": "on", "undo_days": "6", "release_ends_days_before": 0}
        )
        assert undo_of(redemption, date(2028, 3, 7)).refused is None
        assert undo_of(redemption, date(2028, 3, 8)).refused is not None


def test_a_member_who_is_no_staff_finds_no_admin(
    ready: Books, manager_client: Client, organization: Organization
) -> None:
    here = f"{address(Correction, 'add')}?registered_product={ready.registered().pk}"
    assert manager_client.post(here, {"quantity": "1"}).status_code in (302, 403)
    assert not Correction.objects.exists()
