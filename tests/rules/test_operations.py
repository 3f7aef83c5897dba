"""A little of the long run of random operations (tests/rules/operations.py), so that it is known to work."""

import pytest

from tests.rules import at_once, long_histories


@pytest.mark.django_db
def test_a_long_history_agrees_with_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_histories, "STEPS", 40)
    assert sum(long_histories.histories("sample", 40)) == 40


@pytest.mark.django_db(transaction=True)
def test_sixteen_clients_at_once_do_what_the_model_does_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_once, "CHANGES_OF_A_DAY", 30)
    monkeypatch.setattr(at_once, "DAYS", 2)
    assert sum(at_once.histories("sample", 60)) >= 60
