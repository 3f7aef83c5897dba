"""The gallery: lists' tools and files, Downloads, numbers explained, the guide, the palette, the styleguide."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from hardware.models import HardwareUnit
from licensemgr.core import clock
from licensemgr.portal.styleguide import examples
from licensemgr.portal.views import lists as list_views
from organizations.lists import MOST_VIEWS
from organizations.models import Organization, SavedView
from organizations.work_models import WorkOrder, WorkState
from products.models import System
from tests.gallery.states import Answer, PageState, Steps, Visit, journey, page
from tests.gallery.world import CAMERA, HARBOUR, LONG, LONG_NAME, MUSEUM, NORDHAMN, SCHOOLS, TODAY
from wallet.models import Lot

_CORE = "?type=core-device"
# The numbers that an address alone names, of a product that has each of them; those of one row are in _of_rows.
WHY = {
    "need": "",
    "missing": "",
    "allocated": "",
    "growth": _CORE,
    "free": _CORE,
    "allowance": "",
    "devices": "",
    "all-devices": _CORE,
    "systems": "",
    "wallet": f"{_CORE}&kind=subscription",
    "credit": _CORE,
    "compensated": _CORE,
}
PALETTE = "@Control+k"
SHORTCUTS = "@?"


def states() -> Iterator[PageState]:
    """All of this file."""
    yield from _of_lists()
    yield from _of_work()
    yield from _of_pictures()
    yield from _of_numbers()
    yield from _of_first_steps()
    yield from _of_keys()
    yield from _of_the_styleguide()


def _of_lists() -> Iterator[PageState]:
    alex: dict[str, Any] = {"who": "alex", "organization": NORDHAMN}
    for tool in ("columns", "views", "files"):
        yield page("product_list", tool, clicks=[f"#{tool}-products"], **alex)
        yield page("system_setup", tool, clicks=[f"#{tool}-systems"], product=CAMERA, **alex)
    yield page("product_wallet", "columns", clicks=["#columns-movements"], product=CAMERA, **alex)
    nothing = "?search=nothing-is-called-so&reason=corrected&moved=core-device"
    yield page("product_wallet", "nothing found", query=nothing, product=CAMERA, **alex)
    yield page("members", "views", clicks=["#views-members"], **alex)
    yield journey("history", "saved views", _with_views, who="manager")
    fewer = {"show": "yes", "column": ["need"], "query": ""}
    yield page("product_list", "columns chosen", at="choose_columns", data=fewer, list_name="products", **alex)
    usual = {"usual": "yes"}
    yield page("product_list", "usual columns", at="choose_columns", data=usual, list_name="products", **alex)
    named = {"name": "Trials", "query": "status=trial"}
    yield page("product_list", "view saved", at="save_view", data=named, list_name="products", **alex)
    yield page("save_view", "refused", data={"name": ""}, list_name="products", status=422, **alex)
    yield journey("save_view", "too many", _too_many_views, who="manager", status=422)
    yield page("history", "view deleted", who="administrator", at="delete_view", data={})
    yield page("history", "nothing found", query="?q=nothing-is-called-so", **alex)
    yield page("history", "unreadable", query="?since=x", status=422, **alex)
    yield page("members", "nobody found", query="?search=nobody-is-called-so", **alex)
    yield page("list_csv", "unreadable", query="?since=x", list_name="history", status=422, **alex)
    yield journey("list_xlsx", "of many rows", _many_rows, who="alex")
    yield journey("history", "spreadsheet ordered", _spreadsheet_ordered, who="alex")


def _with_views(visit: Visit) -> Answer:
    for name in ("Mine", LONG_NAME[:60]):
        visit.post("save_view", {"name": name, "query": "q=license"}, list_name="history")
    return visit.answer


def _too_many_views(visit: Visit) -> Answer:
    organization, manager = Organization.objects.get(slug=HARBOUR), visit.world.person("manager")
    SavedView.objects.bulk_create(
        SavedView(organization=organization, user=manager, list_name="history", name=f"View {number}")
        for number in range(MOST_VIEWS)
    )
    return visit.post("save_view", {"name": "One more", "query": ""}, list_name="history")


def _many_rows(visit: Visit) -> Answer:
    with patch.object(list_views, "MOST_AT_ONCE", 2):
        return visit.get("list_xlsx", organization=NORDHAMN, list_name="history")


def _spreadsheet_ordered(visit: Visit) -> Answer:
    with patch.object(list_views, "MOST_AT_ONCE", 2):
        return visit.post("list_xlsx", {"order": "yes"}, organization=NORDHAMN, list_name="history")


def _of_work() -> Iterator[PageState]:
    yield page("work", "empty", who="alex", organization=NORDHAMN)
    yield page("work", "waiting", who="manager")
    for state, values in (
        ("begun", {"state": WorkState.RUNNING}),
        ("under way", {"state": WorkState.RUNNING, "done": 4_200, "total": 10_000}),
        ("failed", {"state": WorkState.FAILED, "sentence": "None of the systems has a license file to be downloaded."}),
        ("expired", {"state": WorkState.EXPIRED}),
    ):
        yield journey("work", state, _work(**values), who="manager")
    yield journey("work", "ready", _work(ready=True, state=WorkState.DONE, size=4_000_000), who="manager")
    yield journey("product_list", "work is ready", _with_mark, who="manager")
    yield page("work", "everything ordered", who="administrator", at="export_everything", data={})
    yield page("work", "removed", who="administrator", at="work_remove", data={})
    yield journey("work", "not kept any more", _fetched_late, who="administrator")


def _work(*, ready: bool = False, **values: Any) -> Steps:
    """Downloads, where all that was asked for stands so."""

    def steps(visit: Visit) -> Answer:
        now = clock.real_now()
        if values["state"] not in (WorkState.QUEUED, WorkState.RUNNING):
            values["finished_at"] = now
        if ready:
            values["kept_until"] = now + timedelta(hours=20)
        WorkOrder.objects.update(**values)
        return visit.get("work")

    return steps


def _with_mark(visit: Visit) -> Answer:
    _work(ready=True, state=WorkState.DONE, size=1)(visit)
    return visit.get("product_list")


def _fetched_late(visit: Visit) -> Answer:
    WorkOrder.objects.update(state=WorkState.EXPIRED)
    return visit.post("work_download")


def _of_pictures() -> Iterator[PageState]:
    yield page("coverage", who="alex", organization=NORDHAMN)
    yield page("coverage", "renewal grace", who="denise", organization=SCHOOLS)
    yield page("coverage", "empty", who="ingrid", organization=MUSEUM)
    yield page("coverage", "long names", who="manager", organization=LONG)
    table = [".picture__table > summary"]
    yield page("coverage", "as a table", who="alex", organization=NORDHAMN, clicks=table)
    yield page("product_overview", "as a table", who="alex", organization=NORDHAMN, product=CAMERA, clicks=table)


def _of_numbers() -> Iterator[PageState]:
    for what, query in WHY.items():
        yield page("why", what, who="alex", organization=NORDHAMN, product=CAMERA, what=what, query=query)
    for what, steps in _of_rows().items():
        yield journey("why", what, steps, who="manager")
    yield page("why", "long names", who="manager", organization=LONG, product="long-product", what="need")
    yield page("why_all_systems", who="alex", organization=NORDHAMN)
    yield page("why_all_systems", "of none", who="ingrid", organization=MUSEUM)
    asked = ["a[data-why]"]
    yield page("product_overview", "number explained", who="alex", organization=NORDHAMN, product=CAMERA, clicks=asked)
    yield page("terms", who="alex", organization=NORDHAMN)
    yield page("terms", "without numbers", who="ingrid", organization=MUSEUM)
    term = ["button[popovertarget]"]
    yield page("product_overview", "term explained", who="alex", organization=NORDHAMN, product=CAMERA, clicks=term)


def _of_rows() -> dict[str, Steps]:
    """Numbers of a row: a system, a unit, a lot."""

    def asking(what: str, query: Any) -> Steps:
        return lambda visit: visit.get("why", f"{_CORE}&{query(visit)}", what=what)

    def unit(visit: Visit) -> str:
        return f"unit={HardwareUnit.objects.get(pk=str(visit.world.values['unit'])).pk}"

    def system(_visit: Visit) -> str:
        found = System.objects.filter(organization__slug=HARBOUR, registered_product__product__code=CAMERA)
        return f"system={found.order_by('pk')[0].pk}"

    def lot(_visit: Visit) -> str:
        found = Lot.objects.filter(organization__slug=HARBOUR, registered_product__product__code=CAMERA)
        return f"lot={found.order_by('pk')[0].pk}"

    asked = {"system": system, "lot": lot, "unit": unit, "unit-devices": unit, "unit-lacks": unit}
    return {what: asking(what, query) for what, query in asked.items()}


def _of_first_steps() -> Iterator[PageState]:
    """The guide, step by step; the first step is the empty Product list."""
    for number, name in enumerate(("registered", "started", "redeemed", "licensed"), start=1):
        yield journey("product_list", f"guide {name}", _guided("product_list", number), who="ingrid")
        yield journey("product_overview", f"guide {name}", _guided("product_overview", number), who="ingrid")
    hidden: dict[str, Any] = {"who": "ingrid", "at": "first_steps", "organization": MUSEUM}
    yield page("product_list", "guide hidden", data={"guide": "hide"}, **hidden)
    yield page("product_list", "guide shown again", data={"guide": "show"}, **hidden)


def _guided(name: str, steps_done: int) -> Steps:
    def steps(visit: Visit) -> Answer:
        books = visit.world.books(MUSEUM)
        acts = (
            lambda: books.report(TODAY, core=2),
            lambda: books.start(TODAY),
            lambda: books.redeem(TODAY, core=2),
            lambda: books.allocate(TODAY, {"core": 2}),
        )
        for act in acts[:steps_done]:
            act()
        return visit.get(name, organization=MUSEUM, product=CAMERA)

    return steps


def _of_keys() -> Iterator[PageState]:
    yield page("go", who="alex")
    yield page("go", "found", who="alex", query=f"?q=nord&at={NORDHAMN}")
    yield page("go", "nothing found", who="alex", query="?q=nothing-is-called-so")
    yield page("go", "of nobody", who="newcomer", query="?q=account")
    yield page("shortcuts", who="")
    yield page("shortcuts", "signed in", who="viewer")
    alex: dict[str, Any] = {"who": "alex", "organization": NORDHAMN}
    yield page("product_list", "palette", clicks=[PALETTE], **alex)
    yield page("product_list", "palette found", clicks=[PALETTE, "#palette-q=camera"], **alex)
    yield page("product_list", "palette found nothing", clicks=[PALETTE, "#palette-q=zzzz"], **alex)
    yield page("product_list", "shortcuts", clicks=[SHORTCUTS], **alex)


def _of_the_styleguide() -> Iterator[PageState]:
    demonstration = {"DEMONSTRATION": True}
    yield page("styleguide", who="", options=demonstration)
    # Whether each component has its examples is tested in tests/portal/test_styleguide.py.
    for name in filter(examples.template_of, (*examples.component_names(), *examples.pattern_names())):
        for theme, direction in (("light", "ltr"), ("dark", "rtl")):
            yield page(
                "styleguide_example",
                f"{name} {theme}",
                who="",
                query=f"?theme={theme}&dir={direction}",
                options=demonstration,
                theme=theme,
                component=name,
            )
