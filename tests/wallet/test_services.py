"""R21 and R22: issuing, redeeming, revoking keys; lots and their five years."""

import uuid
from datetime import date

import pytest

from history.models import Record
from organizations.models import Organization, User
from products.models import LicenseKind, Product
from tests.factories import Books, dump_books, issue, redeem, register
from wallet.errors import (
    EmptyKey,
    KeyAlreadyRedeemed,
    KeyMistyped,
    KeyNotRevoked,
    KeyOfAnotherProduct,
    KeyRefused,
    KeyRevoked,
    KeysNotIssued,
    KeyUnknown,
)
from wallet.keycode import generate
from wallet.models import KeyBatch, LicenseKey, Lot, Redemption
from wallet.rules import LotStock, expires_on, take, use_by
from wallet.services import issue_license_keys, redeem_license_key, revoke_license_key

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


@pytest.fixture
def ready(books: Books) -> Books:
    """The product is registered."""
    books.report(DAY, core=1)
    return books


def refusal(books: Books, key: str, error: type[KeyRefused]) -> KeyRefused:
    """Redeem what has to be refused with ``error`` and change nothing."""
    before = dump_books(books.organization), Redemption.objects.count()
    with pytest.raises(error) as refused:
        redeem_license_key(registered_product=books.registered(), license_key=key, actor=None, on=DAY)
    assert type(refused.value) is error
    assert (dump_books(books.organization), Redemption.objects.count()) == before
    return refused.value


class TestIssuing:
    def test_keys_are_kept_as_a_hash_and_five_symbols(self, camera_station: Product) -> None:
        keys = issue_license_keys(
            product=camera_station, kind="subscription", licenses={"core-device": 3}, count=5, actor=None
        )
        assert len(set(keys)) == 5
        plain = {key.replace("-", "") for key in keys}
        for row in LicenseKey.objects.all():
            assert len(row.digest) == 64
            assert not any(symbols[:20] in f"{row.digest} {row.tail}" for symbols in plain)
            assert any(symbols.endswith(row.tail) for symbols in plain)

    @pytest.mark.parametrize(
        ("kind", "licenses", "count"),
        [
            ("subscription", {}, 1),
            ("subscription", {"core-device": 0}, 1),
            ("subscription", {"core-device": -1}, 1),
            ("subscription", {"core-device": 10**30}, 1),
            ("subscription", {"audio-device": 1}, 1),
            ("forever", {"core-device": 1}, 1),
            ("subscription", {"core-device": 1}, 0),
            ("subscription", {"core-device": 1}, 10**9),
        ],
    )
    def test_what_makes_no_sense_is_not_issued(
        self, camera_station: Product, kind: str, licenses: dict[str, int], count: int
    ) -> None:
        with pytest.raises(KeysNotIssued):
            issue_license_keys(product=camera_station, kind=kind, licenses=licenses, count=count, actor=None)
        assert not KeyBatch.objects.exists()


class TestR21Redeeming:
    def test_a_key_is_redeemed_whole(self, ready: Books, administrator: User) -> None:
        redeem(ready.registered(), on=DAY, actor=administrator, core=3, universal=4)
        assert dict(ready.stand(DAY).wallet["subscription"]) == {"core-device": 3, "universal-device": 4}
        assert Lot.objects.count() == 2
        record = Record.objects.get(organization=ready.organization, action="wallet.license_key.redeemed")
        assert (record.actor, record.payload["licenses"]) == (administrator, {"core-device": 3, "universal-device": 4})

    def test_each_kind_has_its_own_place(self, ready: Books) -> None:
        ready.redeem(DAY, core=3)
        ready.redeem(DAY, kind="hardware", core=4)
        wallet = ready.stand(DAY).wallet
        assert (wallet["subscription"]["core-device"], wallet["hardware"]["core-device"]) == (3, 4)

    def test_case_spaces_hyphens_and_look_alikes_do_not_matter(self, ready: Books) -> None:
        key = issue(ready.products["camera-station"], core=1)
        typed = "  " + key.lower().replace("-", " ").replace("0", "o").replace("1", "l") + "\n"
        redeem_license_key(registered_product=ready.registered(), license_key=typed, actor=None, on=DAY)
        assert ready.stand(DAY).wallet["subscription"]["core-device"] == 1

    def test_a_mistyped_key_is_told_from_an_unknown_one(self, ready: Books) -> None:
        unknown = generate("subscription")
        refusal(ready, unknown, KeyUnknown)
        wrong = "A" if unknown[8] != "A" else "B"
        refusal(ready, unknown[:8] + wrong + unknown[9:], KeyMistyped)

    @pytest.mark.parametrize("text", ["", "   ", "-----", "\t\n"])
    def test_nothing_entered(self, ready: Books, text: str) -> None:
        refusal(ready, text, EmptyKey)

    @pytest.mark.parametrize("text", ["x" * 10_000, "ÄÖÜ" * 9, "\x00" * 25, "12345", "\ud800" * 25, "💡" * 25])
    def test_any_text_gets_a_sentence(self, ready: Books, text: str) -> None:
        refused = refusal(ready, text, KeyMistyped)
        assert "Nothing was changed" in refused.sentence

    def test_a_key_of_another_product(self, ready: Books) -> None:
        refused = refusal(ready, issue(ready.products["audio-manager"], audio=1), KeyOfAnotherProduct)
        assert "Audio Manager" in refused.sentence

    def test_a_revoked_key(self, ready: Books) -> None:
        key = issue(ready.products["camera-station"], core=1)
        revoke_license_key(license_key=key, reason="order cancelled")
        refusal(ready, key, KeyRevoked)

    def test_one_that_this_organization_redeemed_says_when_and_by_whom(self, ready: Books, administrator: User) -> None:
        key = issue(ready.products["camera-station"], core=1)
        redeem_license_key(registered_product=ready.registered(), license_key=key, actor=administrator, on=DAY)
        refused = refusal(ready, key, KeyAlreadyRedeemed)
        assert "March 1, 2027" in refused.sentence
        assert "Ada Minister" in refused.sentence

    def test_the_same_form_twice_counts_once(self, ready: Books) -> None:
        key, token = issue(ready.products["camera-station"], core=1), uuid.uuid4()
        first, second = (
            redeem_license_key(
                registered_product=ready.registered(), license_key=key, actor=None, on=DAY, form_token=token
            )
            for _time in range(2)
        )
        assert first == second
        assert ready.stand(DAY).wallet["subscription"]["core-device"] == 1

    @pytest.mark.parametrize("what", ["same product", "other product", "revoked"])
    def test_another_organizations_key_answers_exactly_like_an_unknown_one(
        self, ready: Books, other_organization: Organization, what: str
    ) -> None:
        code = "audio-manager" if what == "other product" else "camera-station"
        licenses = {"audio": 1} if what == "other product" else {"core": 1}
        other = register(other_organization, ready.products[code], on=DAY, system="Other", **licenses)
        key = issue(ready.products[code], LicenseKind.SUBSCRIPTION, **licenses)
        redeem_license_key(registered_product=other, license_key=key, actor=None, on=DAY)
        if what == "revoked":
            # Can't be done by the service any more; were it so in the books, it would tell nothing either.
            LicenseKey.objects.update(revoked_at="2027-03-01T12:00:00Z")
        unknown = refusal(ready, generate("subscription"), KeyUnknown)
        found = refusal(ready, key, KeyUnknown)
        assert (found.sentence, found.status, found.code, found.field) == (
            unknown.sentence,
            unknown.status,
            unknown.code,
            unknown.field,
        )


class TestRevoking:
    def test_not_without_a_reason_not_twice_not_when_redeemed_not_unknown(self, ready: Books) -> None:
        key = issue(ready.products["camera-station"], core=1)
        for bad, reason in ((key, " "), (generate("subscription"), "lost")):
            with pytest.raises(KeyNotRevoked):
                revoke_license_key(license_key=bad, reason=reason)
        revoke_license_key(license_key=key, reason="lost")
        with pytest.raises(KeyNotRevoked):
            revoke_license_key(license_key=key, reason="lost")
        redeemed = issue(ready.products["camera-station"], core=1)
        redeem_license_key(registered_product=ready.registered(), license_key=redeemed, actor=None, on=DAY)
        with pytest.raises(KeyNotRevoked):
            revoke_license_key(license_key=redeemed, reason="lost")


class TestR22FiveYears:
    @pytest.mark.parametrize(
        ("entered", "expires", "last"),
        [
            # 29 February 2028: the 29th is missing in 2033, so it expires on the 28th; use by the 27th.
            (date(2028, 2, 29), date(2033, 2, 28), date(2033, 2, 27)),
            (date(2027, 3, 1), date(2032, 3, 1), date(2032, 2, 29)),
            (date(2028, 3, 1), date(2033, 3, 1), date(2033, 2, 28)),
            (date(2027, 2, 28), date(2032, 2, 28), date(2032, 2, 27)),
            (date(2027, 1, 1), date(2032, 1, 1), date(2031, 12, 31)),
        ],
    )
    def test_it_expires_five_years_after_the_day_on_which_it_entered(
        self, entered: date, expires: date, last: date
    ) -> None:
        assert expires_on(entered) == expires
        assert use_by(expires) == last

    def test_on_its_last_day_it_counts_and_then_it_is_gone(self, books: Books) -> None:
        books.report(date(2028, 2, 29), core=1)
        books.redeem(date(2028, 2, 29), core=5)
        assert books.stand(date(2033, 2, 27)).wallet["subscription"]["core-device"] == 5
        assert books.stand(date(2033, 2, 28)).wallet["subscription"]["core-device"] == 0
        assert books.settle(date(2033, 2, 27)) == 3  # the notices 180, 90 and 30 days before
        assert books.settle(date(2033, 2, 28)) == 1
        record = Record.objects.get(organization=books.organization, action="wallet.lot.expired")
        assert (record.happened_on, record.payload["licenses"]) == (date(2033, 2, 28), {"core-device": 5})

    def test_both_kinds_expire(self, ready: Books) -> None:
        ready.redeem(DAY, kind="hardware", core=4)
        assert ready.stand(date(2032, 3, 1)).wallet["hardware"]["core-device"] == 0
        assert ready.settle(date(2032, 2, 29)) == 3  # the notices 180, 90 and 30 days before
        assert ready.settle(date(2032, 3, 1)) == 1


class TestTake:
    def test_the_earliest_expiry_first_then_the_older_lot(self) -> None:
        lots = [LotStock(number, number, 2, date(2030, month, 1)) for number, month in ((1, 9), (2, 5), (3, 5))]
        taken, short = take(lots, 5, date(2027, 1, 1))
        assert [(each.lot.lot_id, each.quantity) for each in taken] == [(2, 2), (3, 2), (1, 1)]
        assert short == 0
        assert take(lots, 7, date(2030, 5, 1))[1] == 5
