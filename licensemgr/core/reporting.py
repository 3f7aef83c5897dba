"""Errors to Sentry, where SENTRY_DSN says so; what is sent is as clean as what is logged."""

import logging
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from licensemgr.core import logs

# What an event may hold at all. The rest (request, user, breadcrumbs, modules, server's name, local variables) is dropped.
_NAMES_OF_EVENT = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment")
_CLEANED = ("message", "logentry", "exception")


def start_reporting(dsn: str, *, environment: str, **options: Any) -> None:
    """Send what is logged as an error from now on. Does nothing without a DSN."""
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        # An error of a request or a task is logged once, with its stack; nothing else makes an event.
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        before_send=clean_event,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        **options,
    )


def clean_event(event: Any, hint: dict[str, Any]) -> Any:
    """The event without secrets, with the ids of request, organization and person as tags; None where it is none."""
    record = hint.get("log_record")
    if isinstance(record, logging.LogRecord) and record.name == "django.request" and not record.exc_info:
        # Nothing failed: a probe is told that the portal is not ready, a person that it is being maintained.
        return None
    kept = {name: event[name] for name in _NAMES_OF_EVENT if name in event}
    kept |= {name: _clean(event[name]) for name in _CLEANED if name in event}
    if isinstance(record, logging.LogRecord):
        kept["logentry"] = {"formatted": logs.message_of(record)}
    kept["tags"] = {name: str(value) for name, value in logs.facts_of_now().items()}
    return kept


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return logs.clean(value)
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items() if name != "vars"}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
