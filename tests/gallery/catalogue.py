"""The gallery: pages for anybody, and those of an organization's products, wallet and licensing."""

from collections.abc import Iterator
from typing import Any

from hardware.license_files import document_of
from hardware.models import LicenseFile
from products.models import Reseller
from tests.factories import issue
from tests.gallery.states import Answer, PageState, Visit, journey, page
from tests.gallery.world import CAMERA, HARBOUR, HOTELS, LONG, LONG_NAME, MUSEUM, NORDHAMN, SCHOOLS, TODAY

# Product by product of the demonstration: between them they show every row of R14a.
STANDINGS = {
    "licensed": (NORDHAMN, "camera-station"),
    "started": (NORDHAMN, "access-manager"),
    "growth exceeded": (NORDHAMN, "audio-manager"),
    "trial": (NORDHAMN, "site-monitor"),
    "hardware": (NORDHAMN, "recording-server"),
    "no need": (SCHOOLS, "audio-manager"),
    "renewal grace": (SCHOOLS, "camera-station"),
    "expansion needed": (SCHOOLS, "recording-server"),
    "trial ended": (SCHOOLS, "site-monitor"),
    "unlicensed": (HOTELS, "camera-station"),
    "not started": (HOTELS, "audio-manager"),
    "licensed ahead": (HOTELS, "access-manager"),
    "long names": (LONG, "long-product"),
}
# Each route that is no page: what is downloaded, read by programs, or only sent (its answer is a state of the page it leads to).
NO_PAGES = {
    *("healthz", "readyz", "metrics", "jwks", "schema", "openapi"),
    *("export_organization", "export_everything"),
    *("upload_license_files", "all_license_files", "mfa_download_recovery_codes", "demo_mail_html"),
    *("invite_member", "choose_notices", "change_role", "invite_again", "revoke_invitation"),
    *(
        "hide_product",
        "show_product",
        "start_subscription",
        "releasable_year",
        "redeem_license_key",
        "check_license_key",
    ),
    # Forms of lists, of Downloads, of the guide and of every page's foot.
    *("choose_own_columns", "delete_own_view", "own_list_csv", "own_list_xlsx"),
    *("choose_columns", "delete_view", "work_again", "work_download", "work_remove", "first_steps", "choose_language"),
    # Fragments, and ways on to another page.
    *("where_to_buy_towns", "work_indicator", "account_logout"),
    # Signing in by a mailed code is not offered.
    "account_confirm_login_code",
}


def states() -> Iterator[PageState]:
    """All of this file."""
    yield from _of_anybody()
    yield from _standing()
    yield from _of_products()
    yield from _of_licensing()
    yield from _of_the_wallet()


def _of_anybody() -> Iterator[PageState]:
    yield page("where_to_buy", who="", query="?country=SE")
    yield page("where_to_buy", "asked for", who="", says="country")
    yield page("where_to_buy", "signed in", who="viewer", query="?country=&town=SE-malmo&sort=name")
    yield page(
        "where_to_buy",
        "view saved",
        who="viewer",
        at="save_own_view",
        own_list="where-to-buy",
        data={"name": "Near Malmö", "query": "country=SE&town=SE-malmo"},
    )
    yield page("where_to_buy", "by town", who="viewer", query="?country=SE&town=Malm%C3%B6&kind=reseller")
    yield page("where_to_buy", "nobody", who="", query="?country=SE&search=nobody-is-called-so")
    yield page("where_to_buy", "suggestions", who="", query="?country=SE", clicks=["#place=mal"])
    yield journey("where_to_buy_details", "", _reseller, who="")
    yield page("verify", who="")
    yield page("verify", "refused", who="", data={}, status=422)
    yield page("verify", "no license file", who="", data={"text": "{}"}, status=422)
    yield journey("verify", "valid", _verified, who="")
    yield page("privacy", who="")
    yield page("contact", who="")
    yield page("contact", "with an address", who="viewer", options={"CONTACT_EMAIL": "help@example.com"})
    yield page("api_document", who="")
    demonstration = {"DEMONSTRATION": True}
    yield page("demo_mail", who="", options=demonstration)
    yield page("demo_mail", "signed in", who="alex", query="?all", options=demonstration)
    yield page("demo_clock", "refused", who="alex", data={"date": "x", "next": "/"}, status=422, options=demonstration)


def _reseller(visit: Visit) -> Answer:
    return visit.get("where_to_buy_details", reseller=Reseller.objects.order_by("pk")[0].pk)


def _verified(visit: Visit) -> Answer:
    document = document_of(LicenseFile.objects.order_by("pk")[0])
    return visit.post("verify", {"text": document.decode()})


def _standing() -> Iterator[PageState]:
    """What is said when something is not there or not to be had, by the answer's status."""

    def at(path: str, **options: Any) -> Any:
        def steps(visit: Visit) -> Answer:
            visit.answer = visit.client.get(path, **options)
            return visit.answer

        return steps

    yield journey("400", "", at("/where-to-buy/?search=%00"), who="", status=400)
    yield page("403", "", who="viewer", at="register_product", status=403)
    yield journey("403_csrf", "", _without_token, who="", status=403)
    yield journey("404", "", at("/no/such/page/"), who="", status=404)
    yield page("404", "of a stranger", who="newcomer", at="product_list", status=404)
    yield page("405", "", who="viewer", at="product_list", data={}, status=405)
    yield page("413", "", who="manager", at="register_product", data={"x": "1" * (1024 * 1024 + 1)}, status=413)
    yield journey("429", "", _template("429"), who="", status=429)
    yield journey("500", "", _template("500"), who="", status=500)
    yield page("503", "", who="", at="where_to_buy", status=503, options={"MAINTENANCE": True})


def _without_token(visit: Visit) -> Answer:
    visit.client.handler.enforce_csrf_checks = True
    return visit.post("account_login", {"login": "a@example.com"})


def _template(name: str) -> Any:
    """A standing page without what leads to it: nothing is to be broken for it."""
    from django.shortcuts import render

    def steps(visit: Visit) -> Answer:
        visit.get("privacy")
        visit.answer.content = render(visit.answer.wsgi_request, f"{name}.html", status=int(name)).content
        visit.answer.status_code = int(name)
        return visit.answer

    return steps


def _of_products() -> Iterator[PageState]:
    yield page("my_systems", who="alex")
    yield page("my_systems", "of nobody", who="newcomer")
    yield page("my_systems", "nothing found", who="alex", query="?search=nothing-is-called-so")
    fewer = {"column": ["products"], "show": "yes", "query": "sort=-products"}
    yield page("my_systems", "columns chosen", who="alex", at="choose_own_columns", own_list="my-systems", data=fewer)
    yield page("save_own_view", "refused", who="alex", own_list="my-systems", data={"name": ""}, status=422)
    yield page("my_systems", "one organization", who="denise")
    yield page("product_list", who="alex", organization=NORDHAMN)
    yield page("product_list", "empty", who="ingrid", organization=MUSEUM)
    yield page("product_list", "viewer", who="viewer")
    yield page("product_list", "long names", who="manager", organization=LONG)
    yield page(
        "product_list", "sorted and filtered", who="denise", organization=SCHOOLS, query="?sort=-need&status=trial"
    )
    yield page("product_list", "nothing found", who="alex", organization=NORDHAMN, query="?search=nothing-is-called-so")
    yield page("product_list", "support view", who="staff", organization=NORDHAMN, says="support")
    yield page("product_list", "demonstration", who="alex", organization=NORDHAMN, options={"DEMONSTRATION": True})
    yield page(
        "product_list",
        "menu of organizations",
        who="alex",
        organization=NORDHAMN,
        clicks=["details.menu--org > summary"],
    )
    yield page(
        "product_list",
        "menu of the account",
        who="alex",
        organization=NORDHAMN,
        clicks=["details.menu--account > summary"],
    )
    yield page("hidden_products", who="alex", organization=NORDHAMN)
    yield page("hidden_products", "empty", who="ingrid", organization=MUSEUM)
    yield page("hidden_products", "refused", who="manager", at="hide_product", data={}, status=422)
    yield page("register_product", who="manager")
    yield page("register_product", "product chosen", who="manager", query="?product=audio-manager")
    yield page("register_product", "no such product", who="manager", query="?product=nothing", status=422)
    typed = {"product": CAMERA, "devices_core-device": "9999999", "devices_universal-device": "-", "system_name": ""}
    yield page("register_product", "refused", who="manager", data=typed, status=422)
    for state, (organization, product) in STANDINGS.items():
        who = {NORDHAMN: "alex", SCHOOLS: "denise", HOTELS: "hana", LONG: "manager"}[organization]
        at: dict[str, Any] = {"organization": organization, "product": product}
        yield page("product_overview", state, who=who, **at)
        yield page("product_licensing", state, who=who, **at)
    yield page("product_overview", "viewer", who="viewer")
    yield page(
        "product_overview",
        "started just now",
        who="hana",
        at="start_subscription",
        data={},
        organization=HOTELS,
        product="audio-manager",
    )
    yield page("product_overview", "support view", who="staff", organization=NORDHAMN, product=CAMERA)


def _of_licensing() -> Iterator[PageState]:
    nordhamn: dict[str, Any] = {"organization": NORDHAMN, "product": CAMERA}
    yield page("product_licensing", "viewer", who="viewer")
    too_many = {"y0-core-device": "999999", "y1-universal-device": "x", "y0-universal-device": ""}
    yield page("product_licensing", "refused", who="alex", data=too_many, status=422, **nordhamn)
    yield page("product_licensing", "too many", who="alex", data={"y1-core-device": "999999"}, status=422, **nordhamn)
    yield journey("confirm_allocation", "summary", _summary, who="manager")
    yield journey("product_licensing", "allocated", _allocated, who="manager")
    yield page("confirm_allocation", "altered", who="alex", data={"confirmation": "x"}, status=422, **nordhamn)
    yield journey("release_year", "", _releasable, who="manager")
    yield journey("release_year", "altered", _released_altered, who="manager", status=422)
    yield journey("product_licensing", "released", _released, who="manager")
    yield page(
        "product_licensing",
        "nothing to release",
        who="alex",
        at="releasable_year",
        organization=NORDHAMN,
        product="audio-manager",
    )


def _summary(visit: Visit) -> Answer:
    books = visit.world.books(HARBOUR)
    books.start(TODAY, product="audio-manager")
    books.redeem(TODAY, product="audio-manager", audio=5)
    return visit.post("product_licensing", {"y0-audio-device": "1"}, product="audio-manager")


def _allocated(visit: Visit) -> Answer:
    _summary(visit)
    sealed = visit.hidden("confirmation")
    return visit.post("confirm_allocation", {"confirmation": sealed}, product="audio-manager")


def _releasable(visit: Visit) -> Answer:
    return visit.get("releasable_year")


def _released(visit: Visit, **altered: str) -> Answer:
    _releasable(visit)
    data = {"confirmation": visit.hidden("confirmation"), "accept_expiry": "on"} | altered
    visit.answer = visit.client.post(visit.path, data, follow=True)
    return visit.answer


def _released_altered(visit: Visit) -> Answer:
    return _released(visit, confirmation="x")


def _of_the_wallet() -> Iterator[PageState]:
    nordhamn: dict[str, Any] = {"organization": NORDHAMN, "product": CAMERA}
    yield page("product_wallet", who="alex", **nordhamn)
    yield page("product_wallet", "many movements", who="hana", organization=HOTELS, product=CAMERA)
    yield page("product_wallet", "empty", who="denise", organization=SCHOOLS, product="site-monitor")
    yield page("product_wallet", "viewer", who="viewer")
    yield page("product_wallet", "long names", who="manager", organization=LONG, product="long-product")
    yield page(
        "product_wallet",
        "no key",
        who="alex",
        at="redeem_license_key",
        data={"license_key": "0123"},
        status=422,
        **nordhamn,
    )
    yield page(
        "product_wallet",
        "long key",
        who="alex",
        at="check_license_key",
        data={"license_key": "A" * 2000},
        status=422,
        **nordhamn,
    )
    for state, steps, status in (
        ("checked", _checked, 200),
        ("checked for another product", _checked_for_another, 200),
        ("redeemed", _redeemed, 200),
        ("asks for the name", _asks_for_name, 200),
        ("another name", _another_name, 422),
    ):
        yield journey("product_wallet", state, steps, who="manager", status=status)
    yield page("undo_redemption", "refused", who="administrator", status=422)
    yield journey("undo_redemption", "", _undoing, who="administrator")
    yield journey("product_wallet", "undone", _undone, who="administrator")


def _send_key(visit: Visit, name: str, key: str, **more: str) -> Answer:
    visit.get("product_wallet")
    return visit.post(name, {"license_key": key, "form_token": visit.hidden("form_token")} | more)


def _checked(visit: Visit) -> Answer:
    return _send_key(visit, "check_license_key", issue(visit.world.books(HARBOUR).products[CAMERA], core=3))


def _checked_for_another(visit: Visit) -> Answer:
    return _send_key(visit, "check_license_key", issue(visit.world.books(HARBOUR).products["audio-manager"], audio=3))


def _redeemed(visit: Visit) -> Answer:
    return _send_key(visit, "redeem_license_key", issue(visit.world.books(HARBOUR).products[CAMERA], core=3))


def _asks_for_name(visit: Visit) -> Answer:
    return _send_key(visit, "redeem_license_key", issue(visit.world.books(HARBOUR).products[CAMERA], core=50_000))


def _another_name(visit: Visit) -> Answer:
    key = issue(visit.world.books(HARBOUR).products[CAMERA], core=50_000)
    return _send_key(visit, "redeem_license_key", key, organization_name=LONG_NAME[:120])


def _undoing(visit: Visit) -> Answer:
    redemption = visit.world.books(HARBOUR).redeem(TODAY, core=9)
    return visit.get("undo_redemption", transfer=redemption.transfer.sequence)


def _undone(visit: Visit) -> Answer:
    _undoing(visit)
    visit.answer = visit.client.post(visit.path, follow=True)
    return visit.answer
