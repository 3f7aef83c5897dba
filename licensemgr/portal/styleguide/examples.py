"""The examples of the styleguide, discovered by name: templates/styleguide/<component>.html, and the patterns beside them."""

from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from licensemgr.portal.styleguide.pictures import PICTURES
from licensemgr.portal.styleguide.samples import SAMPLES, common

_TEMPLATES = Path(settings.BASE_DIR) / "templates"
COMPONENTS = _TEMPLATES / "components"
EXAMPLES = _TEMPLATES / "styleguide"


@cache
def component_names() -> tuple[str, ...]:
    """Every component: the templates of templates/components/."""
    return tuple(sorted(path.stem for path in COMPONENTS.glob("*.html")))


@cache
def pattern_names() -> tuple[str, ...]:
    """What is no component of its own but classes (tables, buttons …): the files of templates/styleguide/patterns/."""
    return tuple(sorted(path.stem for path in (EXAMPLES / "patterns").glob("*.html")))


def template_of(name: str) -> str | None:
    """The example's template; None where there is none."""
    if name in component_names() and (EXAMPLES / f"{name}.html").exists():
        return f"styleguide/{name}.html"
    return f"styleguide/patterns/{name}.html" if name in pattern_names() else None


def context_of(name: str, *, mirrored: bool = False) -> dict[str, Any]:
    """What the example finds in its context; pictures are drawn ``mirrored`` for languages that are read from the right."""
    sample, picture = SAMPLES.get(name), PICTURES.get(name)
    return {**common(), **(sample() if sample else {}), **(picture(mirrored) if picture else {})}
