"""Names that people chose keep their own direction within a sentence."""

import pytest
from django.utils import translation

from licensemgr.core.templatetags.names import isolated


@pytest.mark.parametrize(
    ("language", "name", "shown"),
    [
        ("en", "Harbour Cameras (2)", "Harbour Cameras (2)"),
        ("en", "ميناء (2)", "<bdi>ميناء (2)</bdi>"),
        ("de", "נמל 5", "<bdi>נמל 5</bdi>"),
        ("ar", "Harbour Cameras (2)", "<bdi>Harbour Cameras (2)</bdi>"),
        ("ar", "<b>Harbour</b>", "<bdi>&lt;b&gt;Harbour&lt;/b&gt;</bdi>"),
    ],
)
def test_a_name_is_isolated_where_a_direction_could_be_disturbed(language: str, name: str, shown: str) -> None:
    with translation.override(language):
        assert isolated(name) == shown
