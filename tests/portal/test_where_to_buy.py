"""Where to buy: anybody sees who is near, everything stands in the URL, and nothing typed there breaks it."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from products.models import Product, Reseller
from products.reseller_files import import_resellers
from tests.factories import Books

pytestmark = pytest.mark.django_db
URL = "/where-to-buy/"
# Malmö and Copenhagen lie 28 km apart, on two sides of a border; Stockholm is 513 km from Malmö.
ROWS = """name,kind,address,postal_code,city,country,phone,web,mail,products
Sound Guard,integrator,Pier 1,211 11,Malmö,SE,+46 40 555 01 18,https://sound.example,a@sound.example,
Bridge Shop,reseller,Strand 2,2100,Copenhagen,DK,+45 55 50 01 24,https://bridge.example,a@bridge.example,camera-station
Mälar Audio,reseller,Bro 3,111 30,Stockholm,SE,+46 8 555 01 69,https://malar.example,a@malar.example,audio-manager
Prairie Works,integrator,Lake 4,IL 60601,Chicago,US,+1 312 555 0115,https://prairie.example,a@prairie.example,
Nowhere Ltd,reseller,Lane 5,,Nowhereville,SE,,,,
"""
STOCKHOLM_FROM_MALMO = "513 km"


@pytest.fixture
def resellers(camera_station: Product, audio_manager: Product) -> dict[str, Reseller]:
    """The resellers of ``ROWS`` by name."""
    import_resellers(content=ROWS.encode(), actor=None)
    return {reseller.name: reseller for reseller in Reseller.objects.all()}


def text_of(client: Client, query: str = "", **options: object) -> str:
    """The page's text, without tags and with single spaces."""
    response = client.get(f"{URL}{query}", **options)  # type: ignore[arg-type]
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def names(client: Client, query: str = "", **options: object) -> list[str]:
    """Who is listed, in order."""
    response = client.get(f"{URL}{query}", **options)  # type: ignore[arg-type]
    return [listed.reseller.name for listed in response.context["listed"]]


@pytest.mark.usefixtures("resellers")
class TestNearestFirst:
    def test_without_a_place_by_country_and_name(self, anonymous_client: Client) -> None:
        assert names(anonymous_client) == ["Bridge Shop", "Mälar Audio", "Nowhere Ltd", "Sound Guard", "Prairie Works"]

    def test_across_a_border_with_the_distance(self, anonymous_client: Client) -> None:
        query = "?country=&place=malmo"
        assert names(anonymous_client, query) == [
            "Sound Guard",
            "Bridge Shop",
            "Mälar Audio",
            "Prairie Works",
            # Its town is not on the list.
            "Nowhere Ltd",
        ]
        text = text_of(anonymous_client, query)
        assert "Nearest to Malmö, Sweden" in text
        for distance in ("under 1 km", "28 km", STOCKHOLM_FROM_MALMO, "unknown"):
            assert distance in text, distance
        assert " mi " not in text

    def test_a_country_keeps_to_itself_and_tells_of_somebody_nearer_abroad(self, anonymous_client: Client) -> None:
        query = "?country=SE&place=Malmö&product=audio-manager"
        assert names(anonymous_client, query) == ["Sound Guard", "Mälar Audio", "Nowhere Ltd"]
        assert "nearer abroad" not in text_of(anonymous_client, query)
        text = text_of(anonymous_client, "?country=SE&place=Malmö&kind=reseller")
        assert "nearer abroad: Bridge Shop in Copenhagen, Denmark ( 28 km )" in text
        page = anonymous_client.get(f"{URL}?country=SE&place=Malmö&kind=reseller").content.decode()
        link = re.search(r'href="([^"]*)">Show all countries', page)
        assert link is not None
        assert names(anonymous_client, unescape(link[1]))[0] == "Bridge Shop"

    def test_from_a_position_rounded_to_a_kilometre(self, anonymous_client: Client) -> None:
        response = anonymous_client.get(f"{URL}?country=&latitude=55.676098&longitude=12.568337")
        assert response.context["listed"][0].reseller.name == "Bridge Shop"
        page = response.content.decode()
        assert "Nearest to you" in page
        assert 'name="latitude" value="55.68"' in page
        assert "55.676098" not in re.sub(r'(?:href|hx-get)="[^"]*"', "", page)

    def test_miles_where_people_count_in_them(self, anonymous_client: Client) -> None:
        assert re.search(r"under 1 km · under 1 mi", text_of(anonymous_client, "?country=US&place=Chicago"))

    def test_a_town_outside_of_the_country_shows_all_countries(self, anonymous_client: Client) -> None:
        text = text_of(anonymous_client, "?place=Malmö", headers={"accept-language": "en-US"})
        assert "Malmö is in Sweden, not in United States, so all countries are shown" in text
        assert names(anonymous_client, "?place=Malmö", headers={"accept-language": "en-US"})[0] == "Sound Guard"
        # Chosen from the list together with a country, both count.
        assert names(anonymous_client, "?country=DK&town=SE-malmo") == ["Bridge Shop"]

    def test_a_name_of_several_towns_asks_which(self, anonymous_client: Client) -> None:
        response = anonymous_client.get(f"{URL}?country=US&place=Springfield&kind=integrator&after=1")
        page = response.content.decode()
        assert "Which town do you mean?" in page
        links = re.findall(r'href="([^"]*)"[^>]*>.{0,200}?Springfield, (IL|MO), United States', page, re.DOTALL)
        query = parse_qs(urlsplit(unescape(next(link for link, state in links if state == "IL"))).query)
        assert query == {"country": ["US"], "kind": ["integrator"], "town": ["US-springfield-il"]}
        text = text_of(anonymous_client, "?country=US&kind=integrator&town=US-springfield-il")
        assert "Nearest to Springfield, IL, United States" in text
        # 39.80 N 89.64 W to 41.85 N 87.65 W, by hand: 283 km, 176 miles.
        assert re.search(r"28[2-4] km · 17[5-7] mi", text)

    def test_what_is_typed_counts_more_than_the_town_chosen_before(self, anonymous_client: Client) -> None:
        assert "Nearest to Chicago" in text_of(anonymous_client, "?country=&town=SE-malmo&place=Chicago")
        text = text_of(anonymous_client, "?country=&town=SE-malmo&place=malmö, sweden")
        assert "Nearest to Malmö, Sweden" in text

    def test_an_unknown_town_is_told(self, anonymous_client: Client) -> None:
        assert "No town on the list has this name" in text_of(anonymous_client, "?place=Zzyzxville")
        assert "not on the list any more" in text_of(anonymous_client, "?town=SE-atlantis")


@pytest.mark.usefixtures("resellers")
class TestFilters:
    def test_by_country_kind_product_and_words(self, anonymous_client: Client) -> None:
        for query, found in (
            ("?country=dk", ["Bridge Shop"]),
            ("?kind=integrator", ["Sound Guard", "Prairie Works"]),
            ("?product=camera-station", ["Bridge Shop", "Nowhere Ltd", "Sound Guard", "Prairie Works"]),
            ("?product=audio-manager&kind=reseller", ["Mälar Audio", "Nowhere Ltd"]),
            ("?search=MALAR", ["Mälar Audio"]),
            ("?search=211 pier", ["Sound Guard"]),
            ("?search=denmark", ["Bridge Shop"]),
            ("?search=system+integrator+lake", ["Prairie Works"]),
            # By the product's name: who names none sells all of them.
            ("?search=audio+manager+sweden", ["Mälar Audio", "Nowhere Ltd", "Sound Guard"]),
            ("?search=%25", ["Bridge Shop", "Mälar Audio", "Nowhere Ltd", "Sound Guard", "Prairie Works"]),
        ):
            assert names(anonymous_client, query) == found, query

    def test_one_that_is_not_listed_does_not_exist(
        self, anonymous_client: Client, resellers: dict[str, Reseller]
    ) -> None:
        one = resellers["Bridge Shop"]
        details = reverse("where_to_buy_details", args=[one.pk])
        assert anonymous_client.get(details).status_code == 200
        Reseller.objects.filter(pk=one.pk).update(is_listed=False)
        assert "Bridge Shop" not in names(anonymous_client, "?country=&town=SE-malmo")
        assert "nearer abroad" not in text_of(anonymous_client, "?country=SE&town=SE-malmo&kind=reseller")
        assert anonymous_client.get(details).status_code == 404

    def test_nobody_found_says_what_to_do(self, anonymous_client: Client) -> None:
        assert "Use fewer words" in text_of(anonymous_client, "?search=zzz")
        text = text_of(anonymous_client, "?country=NO")
        assert "Nobody in Norway fits" in text and "nearest to Oslo" in text
        page = anonymous_client.get(f"{URL}?country=NO").content.decode()
        link = re.search(r'href="(\?[^"]*town=NO-oslo[^"]*)"', page)
        assert link is not None
        assert names(anonymous_client, unescape(link[1]))[:2] == ["Mälar Audio", "Bridge Shop"]

    def test_pages_of_a_long_list(self, anonymous_client: Client) -> None:
        Reseller.objects.bulk_create(
            Reseller(name=f"Number {n:03}", kind="reseller", city="Oslo", country="NO", latitude=59.9, longitude=10.7)
            for n in range(60)
        )
        query, seen = "?country=NO", []
        while query:
            page = anonymous_client.get(f"{URL}{query}")
            seen.append([listed.reseller.name for listed in page.context["listed"]])
            onward = re.search(r'rel="next" href="([^"]*)"', page.content.decode())
            query = unescape(onward[1]) if onward else ""
        assert seen == [[f"Number {n:03}" for n in range(*part)] for part in ((25,), (25, 50), (50, 60))]
        back = re.search(r'rel="prev" href="([^"]*)"', page.content.decode())
        assert back is not None and names(anonymous_client, unescape(back[1])) == seen[1]
        for after in ("1" + "0" * 30, "9" * 5000, "x", "-1", "0", "２"):
            assert names(anonymous_client, f"?country=NO&after={after}") == seen[0], after


def test_an_empty_list_says_so_kindly(anonymous_client: Client) -> None:
    page = anonymous_client.get(URL)
    assert "Nobody is listed here yet" in page.content.decode()
    assert f'href="{reverse("contact")}"' in page.content.decode()
    assert "Nobody is listed here yet" in anonymous_client.get(f"{URL}?country=SE&place=Lund").content.decode()


class TestTheGuessedCountry:
    def test_from_the_browser_and_easily_changed(
        self, anonymous_client: Client, resellers: dict[str, Reseller]
    ) -> None:
        swedish = {"accept-language": "en-SE,en;q=0.8"}
        page = anonymous_client.get(URL, headers=swedish).content.decode()
        assert '<option value="SE" selected>' in page and "Guessed from your browser" in page
        assert names(anonymous_client, "?country=DK", headers=swedish) == ["Bridge Shop"]
        assert len(names(anonymous_client, "?country=", headers=swedish)) == len(resellers)
        assert "Guessed" not in text_of(anonymous_client, "?country=", headers=swedish)

    def test_from_the_organization_for_its_members_only(
        self, organization: Organization, viewer_client: Client, outsider_client: Client, anonymous_client: Client
    ) -> None:
        Organization.objects.filter(pk=organization.pk).update(country="SE")
        query, danish = f"?organization={organization.slug}", {"accept-language": "da-DK"}
        response = viewer_client.get(f"{URL}{query}", headers=danish)
        page = response.content.decode()
        assert response.context["asked"].country == "SE"
        assert "The country of your organization." in page and f'href="/o/{organization.slug}/"' in page
        for client in (outsider_client, anonymous_client):
            answers = []
            for slug in (organization.slug, "no-such-one"):
                response = client.get(f"{URL}?organization={slug}", headers=danish)
                assert response.context["asked"].country == "DK"
                page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
                answers.append(page.replace(slug, ""))
            # Nothing tells whether the organization exists.
            assert answers[0] == answers[1]

    def test_the_pages_of_an_organization_link_with_the_product_chosen(
        self, books: Books, frozen_clock: object, manager_client: Client
    ) -> None:
        books.report(frozen_clock.today, core=1)  # type: ignore[attr-defined]
        slug, product = books.organization.slug, "camera-station"
        link = f"{URL}?organization={slug}&amp;product={product}"
        assert f'href="{link}"' in manager_client.get(f"/o/{slug}/").content.decode()
        assert f'href="{link}"' in manager_client.get(f"/o/{slug}/products/{product}/wallet/").content.decode()
        books.start(frozen_clock.today)  # type: ignore[attr-defined]
        assert f'href="{link}"' in manager_client.get(f"/o/{slug}/products/{product}/licensing/").content.decode()
        assert '<option value="camera-station" selected>' in manager_client.get(unescape(link)).content.decode()


GARBAGE = (
    "NaN",
    "1e400",
    "91",
    "-181",
    "５５",
    "' OR 1=1 --",
    "%",
    "9" * 5000,
    "ä" * 3000,
    "\N{PILE OF POO}",
    "<b>",
    "../..",
)


@pytest.mark.usefixtures("resellers")
@pytest.mark.parametrize("value", GARBAGE, ids=range(len(GARBAGE)))
def test_anything_in_the_url_gives_a_sentence_or_a_sane_page(anonymous_client: Client, value: str) -> None:
    fields = "country place town search kind product organization latitude longitude sort after before"
    for name in fields.split():
        for client_headers in ({}, {"HX-Request": "true"}):
            assert anonymous_client.get(URL, {name: value}, headers=client_headers).status_code == 200, name
        assert anonymous_client.get(f"{URL}towns/", {name: value}, headers={"HX-Request": "true"}).status_code == 200
    assert anonymous_client.get(URL, dict.fromkeys(fields, value)).status_code == 200
    assert anonymous_client.get(URL, headers={"accept-language": value.encode().decode("latin-1")}).status_code == 200


@pytest.mark.usefixtures("resellers")
def test_what_can_not_be_read_is_told(anonymous_client: Client) -> None:
    for query, sentence in (
        ("?country=XX", "There is no such country on the list"),
        ("?kind=shop", "There is no such kind"),
        ("?product=nothing", "There is no such product"),
        ("?latitude=91&longitude=0", "can't be read and was left out"),
        ("?latitude=55", "can't be read and was left out"),
    ):
        assert sentence in text_of(anonymous_client, query), query
        assert len(names(anonymous_client, query)) == len(ROWS.splitlines()) - 1


class TestDetails:
    def test_address_phone_web_mail_products_and_kind(
        self, anonymous_client: Client, resellers: dict[str, Reseller]
    ) -> None:
        one = resellers["Bridge Shop"]
        query = "?country=&town=SE-malmo&after=1"
        page = anonymous_client.get(f"{URL}{one.pk}/{query}").content.decode()
        for part in (
            "Strand 2",
            "2100 Copenhagen",
            "Denmark",
            'href="tel:+4555500124"',
            'href="mailto:a@bridge.example"',
            'href="https://bridge.example"',
            "Camera Station",
            "Reseller",
            "From Malmö",
            "28 km",
            f'href="{URL}{query.replace("&", "&amp;")}"',
        ):
            assert part in page, part
        assert "All products" in anonymous_client.get(f"{URL}{resellers['Sound Guard'].pk}/").content.decode()
        assert "Distance" not in anonymous_client.get(f"{URL}{one.pk}/").content.decode()

    def test_what_does_not_exist_is_404(self, anonymous_client: Client) -> None:
        for pk in ("0", "999", "1" + "0" * 30, "9" * 5000):
            assert anonymous_client.get(f"{URL}{pk}/").status_code == 404

    def test_with_bare_facts_only(self, anonymous_client: Client, resellers: dict[str, Reseller]) -> None:
        page = anonymous_client.get(f"{URL}{resellers['Nowhere Ltd'].pk}/?town=SE-malmo").content.decode()
        assert "tel:" not in page and "mailto:" not in page and "From Malmö" not in page


class TestTypingATown:
    def test_suggestions_keep_what_else_is_asked(self, anonymous_client: Client) -> None:
        asked = {"place": "malm", "country": "SE", "kind": "reseller", "town": "SE-lund", "latitude": "1", "after": "3"}
        response = anonymous_client.get(f"{URL}towns/", asked, headers={"HX-Request": "true"})
        page = response.content.decode()
        assert "<html" not in page and "Malmö, Sweden" in page
        first = re.search(r'href="([^"]*)"', page)
        assert first is not None
        assert parse_qs(urlsplit(unescape(first[1])).query) == {
            "country": ["SE"],
            "kind": ["reseller"],
            "town": ["SE-malmo"],
        }

    def test_one_letter_suggests_nothing_and_the_bare_address_is_the_page(self, anonymous_client: Client) -> None:
        page = anonymous_client.get(f"{URL}towns/", {"place": "m"}, headers={"HX-Request": "true"}).content.decode()
        assert "href" not in page
        response = anonymous_client.get(f"{URL}towns/?place=malm&country=SE")
        assert (response.status_code, response["Location"]) == (302, f"{URL}?place=malm&country=SE")


@pytest.mark.usefixtures("resellers")
def test_the_number_of_queries_does_not_grow(anonymous_client: Client, django_assert_num_queries: object) -> None:
    Reseller.objects.bulk_create(
        Reseller(name=f"N{n}", kind="reseller", city="Oslo", country="NO", latitude=59.9, longitude=10.7)
        for n in range(40)
    )
    # Positions of all, the page's rows, their products, the products to choose from.
    with django_assert_num_queries(4):  # type: ignore[operator]
        anonymous_client.get(f"{URL}?country=&town=NO-oslo")
    # And for words: the texts, the products, who sells them.
    with django_assert_num_queries(7):  # type: ignore[operator]
        anonymous_client.get(f"{URL}?country=&town=NO-oslo&search=oslo")


def test_the_towns_are_credited(anonymous_client: Client) -> None:
    page = anonymous_client.get(URL).content.decode()
    assert "GeoNames" in page and "https://creativecommons.org/licenses/by/4.0/" in page
