"""The job that delivers webhooks (licensemgr/celery.py). The database says what is due: it may run late or twice."""

import logging

from celery import shared_task

from licensemgr.shop import sending

logger = logging.getLogger(__name__)


@shared_task(name="shop.send_webhooks")
def send_webhooks() -> None:
    """Try the deliveries of webhooks that are due."""
    taken = sending.send_webhooks()
    if taken:
        logger.info("Webhooks delivered: %s", taken)
