"""What is logged: one JSON object a line, with the ids of request, organization and person, and no secrets.

Ids, never names or addresses of people: who a number is, the database says to those who may ask it.
"""

import contextvars
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from licensemgr.core.scrubbing import scrub

if TYPE_CHECKING:
    from django.http import HttpRequest

# The request that this thread answers, and what else is known of the work under way.
_request: "contextvars.ContextVar[HttpRequest | None]" = contextvars.ContextVar("request", default=None)
_bound: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("bound", default={})  # noqa: B039 - never changed


def settings_of_logging(level: str, form: str) -> dict[str, Any]:
    """Python's settings of logging; ``form`` is json or plain."""
    formatters = {"json": {"()": JsonFormatter}, "plain": {"()": PlainFormatter}}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {"django": {"handlers": [], "level": "INFO"}},
    }


@contextmanager
def about(**facts: Any) -> Iterator[None]:
    """Within this, what is logged says so: ``about(organization=7)``, ``about(task="portal.run_daily")``."""
    token = _bound.set({**_bound.get(), **facts})
    try:
        yield
    finally:
        _bound.reset(token)


def begin(**facts: Any) -> None:
    """From now on what this thread logs says so, and nothing of before: a worker's thread does one task after another."""
    _bound.set(facts)


@contextmanager
def answering(request: "HttpRequest", request_id: str) -> Iterator[None]:
    """Within this, what is logged belongs to the request."""
    token = _request.set(request)
    try:
        with about(request=request_id):
            yield
    finally:
        _request.reset(token)


def facts_of_now() -> dict[str, Any]:
    """The ids of what is under way: request, organization, person; whatever is not known is left out. Asks no database."""
    facts = dict(_bound.get())
    request = _request.get()
    if request is not None:
        organization = vars(request).get("organization")
        # Loaded by whoever asked who it is; asking here would be a query more.
        person = vars(request).get("_cached_user")
        facts |= {"organization": organization.pk} if organization is not None else {}
        facts |= {"person": person.pk} if person is not None and person.pk else {}
    return facts


def route_of(request: "HttpRequest") -> str:
    """The address's pattern, in which nothing stands that somebody typed: ``o/<slug:organization>/wallet/``."""
    match = request.resolver_match
    return str(match.route) if match is not None and match.route else "(no page)"


def clean(text: str, request: "HttpRequest | None" = None) -> str:
    """A text without secrets; the path of the request under way is told by its pattern."""
    request = request or _request.get()
    if request is not None and len(request.path) > 1:
        text = text.replace(request.get_full_path(), f"/{route_of(request)}").replace(
            request.path, f"/{route_of(request)}"
        )
    return scrub(text, request)


def message_of(record: logging.LogRecord) -> str:
    """The record's message, clean."""
    from django.http import HttpRequest

    request = vars(record).get("request")
    return clean(record.getMessage(), request if isinstance(request, HttpRequest) else None)


def _stack_of(record: logging.LogRecord) -> str:
    return clean("".join(traceback.format_exception(*record.exc_info))) if record.exc_info else ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, ids, and what the record says beside (``extra={"facts": …}``)."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record),
            **facts_of_now(),
            **vars(record).get("facts", {}),
        }
        if stack := _stack_of(record):
            line["exception"] = stack
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """Lines for people, with the same ids and as clean."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the stack below it."""
        facts = {**facts_of_now(), **vars(record).get("facts", {})}
        ids = "".join(f" {name}={value}" for name, value in facts.items())
        stack = _stack_of(record)
        head = f"{self.formatTime(record)} {record.levelname} {record.name} {message_of(record)}{ids}"
        return f"{head}\n{stack}".rstrip()
