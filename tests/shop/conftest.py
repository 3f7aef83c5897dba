"""The shop's side: certificates, names, and a webhook."""

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from licensemgr.shop.endpoints import KINDS_TO_CHOOSE, GivenSecret, make_endpoint
from organizations.models import User
from tests.shop.receiving import Authority, Names

Making = Callable[..., GivenSecret]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whose certificates are believed."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Where names lead; an address that nobody set is looked up as always."""
    return Names(monkeypatch)


@pytest.fixture
def make(staff: User) -> Making:
    """Makes webhooks: ``make(name=…, url=…, kinds=…)``."""

    def making(
        name: str = "Shop", url: str = "https://shop.test/hooks", kinds: Sequence[str] = tuple(KINDS_TO_CHOOSE)
    ) -> GivenSecret:
        return make_endpoint(name=name, url=url, kinds=kinds, actor=staff, form_token=uuid.uuid4())

    return making
