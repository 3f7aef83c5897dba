"""The job that takes in uploaded files of units (licensemgr/celery.py). The database says what is due: it may run late or twice."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from hardware.importing import go_on_with_imports

logger = logging.getLogger(__name__)


@shared_task(name="hardware.take_in_uploads")
def take_in_uploads() -> None:
    """Go on with every uploaded file of units that is not finished."""
    finished = go_on_with_imports()
    if finished:
        logger.info("Files of units taken in: %s", finished)


def start_taking_in() -> None:
    """Have a worker begin now. Where the queue can't be reached the next run of the beat schedule does it."""
    from licensemgr.celery import app

    try:
        app.send_task(take_in_uploads.name, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The queue can't be reached, so an uploaded file of units waits up to a minute: %s", error)
