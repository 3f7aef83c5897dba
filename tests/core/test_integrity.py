"""A broken constraint is told by its sentence; any other fault of the database stays a fault."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet
from django.test import Client, RequestFactory

from hardware.ending import replace_unit
from hardware.models import HardwareUnit, ManufacturedUnit, Report, StagedFile
from licensemgr.core.integrity import is_taken
from licensemgr.core.tenancy import Part, acting, acting_for
from licensemgr.shop import endpoints, orders
from licensemgr.shop.models import OrderLineBatch, ShopToken, WebhookEndpoint
from organizations.accounts import create_account
from organizations.adapter import AccountAdapter
from organizations.models import Organization, User
from products.models import Product, System
from tests.conftest import TODAY
from tests.factories import Books
from tests.hardware.offline import staged, system_file, vessel
from tests.shop.shopping import issue_line, token_for
from wallet.models import KeyBatch, KeyBatchLine, Redemption
from wallet.services import issue_license_keys

pytestmark = pytest.mark.django_db


def raised(change: Callable[[], Any]) -> IntegrityError:
    with pytest.raises(IntegrityError) as found, transaction.atomic():
        change()
    return found.value


class TestIsTaken:
    @pytest.fixture
    def books(self, books: Books) -> Books:
        books.report(TODAY, system="Gate", core=1)
        books.unit(TODAY, "SN-1", core=1)
        return books

    def again(self, row: models.Model, **changed: Any) -> IntegrityError:
        values = {
            each.attname: getattr(row, each.attname) for each in row._meta.concrete_fields if not each.primary_key
        }
        return raised(lambda: type(row)._default_manager.create(**values | changed))

    def test_a_constraint_that_holds_for_some_rows(self, books: Books) -> None:
        error = self.again(System.objects.get())
        assert is_taken(error, System, "system_id")
        assert not is_taken(error, System, "name")
        assert not is_taken(error, HardwareUnit, "made")

    def test_a_relation_one_to_one_and_a_column_of_its_own(self, books: Books) -> None:
        assert is_taken(self.again(HardwareUnit.objects.get()), HardwareUnit, "made")
        error = self.again(ManufacturedUnit.objects.get())
        assert is_taken(error, ManufacturedUnit, "serial")
        assert not is_taken(error, ManufacturedUnit, "oak_digest")

    def test_several_columns_in_whatever_order(self, books: Books) -> None:
        error = self.again(books.registered())
        assert is_taken(error, type(books.registered()), "product", "organization")
        assert not is_taken(error, type(books.registered()), "product")

    def test_what_is_missing_or_out_of_range_is_not_taken(self, books: Books) -> None:
        system = System.objects.get()
        missing = self.again(system, system_id=uuid.uuid4(), name=None)
        assert not is_taken(missing, System, "system_id")
        assert not is_taken(missing, System, "name")
        books.redeem(TODAY, core=1)
        assert not is_taken(self.again(KeyBatchLine.objects.get(), quantity=0), KeyBatchLine, "batch", "license_type")

    def test_in_the_role_of_the_organization_whose_rows_it_is_not(
        self, books: Books, other_organization: Organization
    ) -> None:
        """On PostgreSQL the error then tells no columns."""
        Books(other_organization).report(TODAY, system="Elsewhere", core=1)
        mine, theirs = System.objects.get(name="Gate"), System.objects.get(name="Elsewhere")
        values = {
            each.attname: getattr(theirs, each.attname) for each in System._meta.concrete_fields if each.name != "id"
        }
        with acting_for(other_organization.pk), transaction.atomic():
            error = raised(lambda: System.objects.create(**values | {"system_id": mine.system_id}))
            assert is_taken(error, System, "system_id")


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[models.Model]], None]:
    """Lets the database refuse new rows of a model for a reason of which nobody thought."""
    original = QuerySet.create

    def breaking(model: type[models.Model]) -> None:
        def create(self: QuerySet[Any], **values: Any) -> Any:
            if self.model is model:
                raise IntegrityError("CHECK constraint failed: nobody_thought_of_it")
            return original(self, **values)

        monkeypatch.setattr(QuerySet, "create", create)

    return breaking


class TestAFaultOfWhichNobodyThought:
    def stays(self, change: Callable[[], Any]) -> None:
        with pytest.raises(IntegrityError, match="nobody_thought_of_it"):
            change()

    def test_of_a_system(self, books: Books, breaks: Callable[..., None]) -> None:
        breaks(System)
        self.stays(lambda: books.report(TODAY, core=1))

    def test_of_a_unit(self, books: Books, breaks: Callable[..., None], staff: User) -> None:
        old = books.unit(TODAY, "OLD", core=1)
        books.make_unit("NEW", core=1)
        breaks(HardwareUnit)
        self.stays(lambda: books.unit(TODAY, "SN-1", core=1))
        self.stays(lambda: replace_unit(old_unit=old, new_serial="NEW", reason="Burnt.", actor=staff, on=TODAY))
        breaks(ManufacturedUnit)
        self.stays(lambda: books.make_unit("SN-2", core=1))

    def test_of_a_redemption(self, books: Books, breaks: Callable[..., None]) -> None:
        books.report(TODAY, core=1)
        breaks(Redemption)
        self.stays(lambda: books.redeem(TODAY, core=1))

    def test_of_a_batch_of_keys(self, camera_station: Product, breaks: Callable[..., None]) -> None:
        breaks(KeyBatch)
        self.stays(
            lambda: issue_license_keys(
                product=camera_station,
                kind="subscription",
                licenses={"core-device": 1},
                count=1,
                actor=None,
                form_token=uuid.uuid4(),
            )
        )

    def test_of_what_the_shop_has(self, books: Books, staff: User, breaks: Callable[..., None]) -> None:
        token = token_for(staff).row
        issue_line(token, books.products["camera-station"])
        breaks(OrderLineBatch)
        with acting(Part.STAFF):
            self.stays(lambda: orders.replace(order="PO-1", line="1", reason="Lost.", token=token))
        breaks(ShopToken)
        self.stays(lambda: token_for(staff))
        breaks(WebhookEndpoint)
        self.stays(
            lambda: endpoints.make_endpoint(
                name="Shop",
                url="https://shop.test/hooks",
                kinds=tuple(endpoints.KINDS_TO_CHOOSE),
                actor=staff,
                form_token=uuid.uuid4(),
            )
        )

    def test_of_a_report(self, manager_client: Client, books: Books, breaks: Callable[..., None]) -> None:
        address = staged(manager_client, books.organization.slug, system_file(vessel()))
        breaks(Report)
        manager_client.post(address)
        # The portal failed; there was no other file with the same request id.
        assert "The portal failed at this file" in str(StagedFile.objects.get().outcome)

    def test_of_an_account(
        self, rf: RequestFactory, breaks: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        breaks(EmailAddress)
        asked = {"name": "Port", "country": "SE", "time_zone": "Europe/Stockholm"}
        self.stays(lambda: create_account(email="new@example.com", password_hash="!", on=TODAY, **asked))

        def fails(*args: Any) -> bool:
            raise IntegrityError("CHECK constraint failed: nobody_thought_of_it")

        monkeypatch.setattr(DefaultAccountAdapter, "confirm_email", fails)
        self.stays(lambda: AccountAdapter().confirm_email(rf.get("/"), EmailAddress()))
