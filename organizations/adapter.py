"""How allauth behaves here."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up is not open: people are made by the operator or the demonstration."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
