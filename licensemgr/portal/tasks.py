"""The jobs that the beat schedule names (licensemgr/celery.py). The database is the truth: each may run late or twice."""

import logging

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from hardware.forgetting import forget_old_reports
from licensemgr.core import mail
from licensemgr.core.errors import Refused
from licensemgr.core.tenancy import Part, acting
from licensemgr.portal import daily
from licensemgr.shop.sending import forget_old_events
from organizations import working
from organizations.work import TASK, forget_old_work
from wallet.tries import forget_old_tries

logger = logging.getLogger(__name__)


RUN_DAILY = "portal.run_daily"


@shared_task(name=RUN_DAILY)
def run_daily() -> bool:
    """Settle every organization whose local day has changed and for which something is due (R3). False where that did not work."""
    try:
        figures = daily.run_daily()
    except Refused as error:
        logger.error("The daily job refused to run. %s", error.sentence)
        return False
    if figures.looked_at:
        logger.info("The daily job: %s", figures)
    return not figures.failed


@shared_task(name="portal.send_outbox")
def send_outbox() -> None:
    """Hand what is due in the outbox to the mail server."""
    sent = mail.send_outbox()
    if sent:
        logger.info("Mail sent: %s", sent)


@shared_task(name=TASK)
def do_work() -> None:
    """Make the files that people asked for and that take long, until nothing is due."""
    made = working.do_work()
    if made:
        logger.info("Work that was asked for, done: %s", made)


@shared_task(name="portal.forget_expired")
@acting(Part.UPKEEP)
def forget_expired() -> None:
    """Delete what is over: sessions, confidential mail, tries, events of webhooks, old reports by call, results of work."""
    SessionStore.clear_expired()
    mail.forget_old_confidential()
    forget_old_tries()
    forget_old_events()
    forget_old_reports()
    forget_old_work()
