"""An organization's people and settings, and a person's own account."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
