"""/styleguide shows every component with each of its parameters and states; one look is made of one set of tokens."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.conf import settings as project
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from licensemgr.portal.styleguide import examples, tokens
from licensemgr.portal.styleguide.pictures import PICTURES
from licensemgr.portal.styleguide.samples import SAMPLES

ROOT = Path(project.BASE_DIR)
README = ROOT / "templates" / "components" / "README.md"
STYLESHEET = ROOT / "static" / "css" / "app.css"
COMPONENTS = examples.component_names()
SHOWN = (*COMPONENTS, *examples.pattern_names())
# They take no text that could be longer, or the name of an organization.
WITHOUT_LONG_TEXT = {
    "coverage_legend",
    "icon",
    "key_input",
    "loading",
    "no_transfer_warning",
    "pagination",
    "picture_marks",
    "timeline",
    "toolbar",
    "upload_progress",
}


def rows_of_the_readme() -> Iterator[tuple[str, str]]:
    """Name and parameters of each component in the table of the README."""
    for name, parameters in re.findall(r"^\| `(\w+)` \| (.*) \|$", README.read_text(), re.M):
        yield name, parameters.split(" — ")[0]


def parameters_of(text: str) -> set[str]:
    """The parameters that a row names; words inside of brackets and lists say what they hold."""
    return set(re.findall(r"`(\w+)`", re.sub(r"`\w+=[^`]*`|`\"[^`]*`|`data-[^`]*`", "", text)))


def values_of(text: str) -> set[str]:
    """The values that a row lists for ``tone`` and ``code``."""
    lists = re.findall(r"`tone`: ([a-z ]+)|`code` \(([a-z_ ]+)\)", text)
    return {value for found in lists for value in " ".join(found).split()}


def source_of(name: str) -> str:
    return (examples.EXAMPLES / f"{name}.html").read_text()


@pytest.mark.parametrize("name", COMPONENTS)
def test_each_component_has_an_example(name: str) -> None:
    assert examples.template_of(name), f"write templates/styleguide/{name}.html, which shows {name} in every state"


@pytest.mark.parametrize("name", COMPONENTS)
def test_each_component_stands_in_the_readme(name: str) -> None:
    assert name in dict(rows_of_the_readme()), f"give {name} a row in templates/components/README.md"


@pytest.mark.parametrize(("name", "text"), [row for row in rows_of_the_readme() if row[0] in COMPONENTS])
def test_each_documented_parameter_is_shown(name: str, text: str) -> None:
    includes = " ".join(re.findall(rf'include "components/{name}\.html" with ([^%]*)', source_of(name)))
    hidden = {parameter for parameter in parameters_of(text) if not re.search(rf"\b{parameter}=", includes)}
    assert not hidden, f"templates/styleguide/{name}.html doesn't show {sorted(hidden)}"


@pytest.mark.parametrize(("name", "text"), [row for row in rows_of_the_readme() if values_of(row[1])])
def test_each_documented_tone_and_status_is_shown(name: str, text: str, client: Client, settings: LazySettings) -> None:
    settings.DEMONSTRATION = True
    page = client.get(reverse("styleguide_example", args=[name])).content.decode()
    missing = {value for value in values_of(text) if f"--{value}" not in page}
    assert not missing, f"/styleguide/{name}/ doesn't show {sorted(missing)}"


def test_each_sample_is_of_something() -> None:
    assert set(SAMPLES) | set(PICTURES) <= set(SHOWN)
    assert not set(SAMPLES) & set(PICTURES)


@pytest.mark.parametrize("name", SHOWN)
def test_each_example_is_a_page_in_both_colours_and_directions(
    name: str, client: Client, settings: LazySettings
) -> None:
    settings.DEMONSTRATION = True
    for query, wanted in {
        "": 'dir="ltr" data-theme="light"',
        "?theme=dark&dir=rtl": 'dir="rtl" data-theme="dark"',
        "?theme=%00&dir=up": "",
    }.items():
        response = client.get(reverse("styleguide_example", args=[name]) + query)
        if wanted:
            assert response.status_code == 200 and wanted in response.content.decode()
            assert "frame-ancestors 'self'" in response["Content-Security-Policy"]
            assert response["X-Frame-Options"] == "SAMEORIGIN"
        else:
            assert response.status_code == 400


@pytest.mark.parametrize("name", SHOWN)
def test_each_example_shows_what_is_long(name: str, client: Client, settings: LazySettings) -> None:
    settings.DEMONSTRATION = True
    if name in WITHOUT_LONG_TEXT:
        return
    assert "unusuallylongword" in client.get(reverse("styleguide_example", args=[name])).content.decode()


def test_the_styleguide_frames_each_of_them_and_names_each_icon(client: Client, settings: LazySettings) -> None:
    settings.DEMONSTRATION = True
    page = client.get(reverse("styleguide")).content.decode()
    for name in SHOWN:
        address = reverse("styleguide_example", args=[name])
        for query in ("?theme=light", "?theme=dark", "?theme=dark&amp;dir=rtl"):
            assert f'src="{address}{query}"' in page
    for icon in tokens.icons():
        assert f"<code>{icon}</code>" in page
    for colour in tokens.colours():
        assert f'fill="{colour.light}"' in page and f'fill="{colour.dark}"' in page


def test_there_is_no_styleguide_outside_of_the_demonstration(client: Client) -> None:
    assert client.get(reverse("styleguide")).status_code == 404
    assert client.get(reverse("styleguide_example", args=["tag"])).status_code == 404


def test_an_unknown_component_is_not_found(client: Client, settings: LazySettings) -> None:
    settings.DEMONSTRATION = True
    assert client.get(reverse("styleguide_example", args=["nothing"])).status_code == 404


def skeleton_of(name: str) -> tuple[str, ...]:
    """What a component is made of: its root's classes without variants; without a root the one component that it includes."""
    source = re.sub(
        r"{% comment %}.*?{% endcomment %}", "", (examples.COMPONENTS / f"{name}.html").read_text(), flags=re.S
    )
    root = re.search(r'<\w+[^>]*?\bclass="([^"]*)"|{% include "components/(\w+)', source)
    assert root, f"{name} has neither a root with a class nor a component within"
    if root[2]:
        return ("a case of", root[2])
    words = re.sub(r"{%.*?%}|{{.*?}}", " ", root[1]).split()
    return tuple(word for word in words if "--" not in word)


def test_no_two_components_do_one_thing() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for name in COMPONENTS:
        skeleton = skeleton_of(name)
        assert skeleton not in seen, f"{name} is made as {seen.get(skeleton)} is: make one of the two"
        seen[skeleton] = name


def test_every_colour_is_seen_well_enough_in_light_and_dark() -> None:
    found = tokens.contrasts()
    assert len(found) == len(tokens.PAIRS)
    dim = [f"{pair.colour} on {pair.on}: {pair.light}, {pair.dark}" for pair in found if not pair.is_enough]
    assert not dim, "\n".join(dim)


@pytest.mark.parametrize(
    ("one", "other", "wanted"), [("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#777777", "#ffffff", 4.47)]
)
def test_contrast_is_that_of_wcag(one: str, other: str, wanted: float) -> None:
    assert tokens.ratio(one, other) == tokens.ratio(other, one) == wanted


def rules() -> str:
    """The stylesheet below its tokens."""
    return STYLESHEET.read_text().split("/* ---------- base ---------- */")[1]


def test_sizes_of_type_are_tokens_only() -> None:
    # What is drawn in pictures has measures of its own, and so has what is printed.
    before, pictures, after = re.split(r"/\* -+ pictures -+ \*/|/\* -+ lists: columns, views, exports -+ \*/", rules())
    assert ".pic {" in pictures
    sizes = re.findall(r"font-size:\s*([^;}]+)", before + after)
    assert not {size for size in sizes if not re.fullmatch(r"var\(--type-\d\)|[\d.]+em|[\d.]+pt", size.strip())}
    weights = set(re.findall(r"font-weight:\s*([^;}]+)", before + after))
    assert not {
        weight for weight in weights if not re.fullmatch(r"(var\(--weight-\w+\)|400)( !important)?", weight.strip())
    }


def test_space_between_things_is_tokens_only() -> None:
    """What pulls a thing over its edge is negative, and no space; a sign within a field or before a step has a size of its own."""
    between = re.findall(r"(?<![\w-])(?:padding|margin|gap)[\w-]*:\s*([^;}]+)", rules())
    lengths = {length for value in between for length in re.findall(r"(?<![\w.-])[\d.]+rem", value)}
    beside_a_sign = {"2.25rem", "2.5rem"}
    assert not lengths - beside_a_sign, lengths - beside_a_sign


def test_what_moves_is_over_within_a_fifth_of_a_second_and_stands_still_where_people_ask_for_that() -> None:
    text = STYLESHEET.read_text()
    moving = re.findall(r"(?:transition|animation):\s*([^;}]+)", text)
    assert moving
    slow = [
        value
        for value in moving
        if "infinite" not in value
        and any(float(seconds) > 0.2 for seconds in re.findall(r"(?<![\w-])([\d.]+)s\b", value))
    ]
    assert not slow, slow
    assert all(
        float(token.value.removesuffix("s")) <= 0.2 for name in ("quick", "calmly") for token in tokens.measures(name)
    )
    assert "@media (prefers-reduced-motion: reduce)" in text and "animation-duration: .01ms !important" in text


def test_every_token_that_is_used_is_there_and_every_one_that_is_there_is_used() -> None:
    text = STYLESHEET.read_text()
    defined = set(re.findall(r"(?<![\w-])(--[a-z0-9-]+):", text))
    used = set(re.findall(r"var\((--[a-z0-9-]+)", text))
    assert used <= defined, used - defined
    assert defined <= used, f"nothing uses {defined - used}"


def test_every_class_of_the_stylesheet_is_used() -> None:
    """Dead rules go. What stands in templates, in Python or in a script counts as used, in parts too (``status--{{ code }}``)."""
    sources = "\n".join(
        path.read_text()
        for folder in (
            "templates",
            "static/js",
            "licensemgr",
            "organizations",
            "products",
            "wallet",
            "subscriptions",
            "hardware",
        )
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".html", ".py", ".js"}
    )
    words = set(re.findall(r"[a-z][\w-]*", sources))
    css = re.sub(r"/\*.*?\*/", "", rules(), flags=re.S)
    classes = {name for selector in re.findall(r"([^{}]+){", css) for name in re.findall(r"\.([a-z][\w-]*)", selector)}
    of_others = {"htmx-request", "htmx-indicator", "errorlist"}  # htmx, Django
    dead = {name for name in classes - of_others - words if f"{name.rsplit('--', 1)[0]}--" not in words}
    assert not dead, f"nothing bears {sorted(dead)}"


def test_a_component_renders_without_what_is_optional() -> None:
    assert "tag--neutral" in Template('{% include "components/tag.html" with text="x" only %}').render(Context())
