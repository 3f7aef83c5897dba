FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 VAR_DIR=/var/lib/license-manager STATIC_ROOT=/srv/static
WORKDIR /srv/license-manager
COPY requirements/base.txt requirements/base.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements/base.txt
COPY . .
# Translations and static files need no secret: they are made with the demonstration's settings.
RUN MODE=demonstration DATABASE_URL=sqlite:////tmp/none.sqlite3 python manage.py messages --compile \
    && MODE=demonstration DATABASE_URL=sqlite:////tmp/none.sqlite3 python manage.py collectstatic --no-input --verbosity 0 \
    && python -m whitenoise.compress --quiet "$STATIC_ROOT" \
    && useradd --system --uid 10001 --home-dir /var/lib/license-manager --create-home license-manager \
    && mkdir /var/lib/license-manager/issue-log \
    && chown license-manager /var/lib/license-manager /var/lib/license-manager/issue-log
USER license-manager
VOLUME /var/lib/license-manager /var/lib/license-manager/issue-log
EXPOSE 8000
# How many processes: WEB_CONCURRENCY. What else: gunicorn.conf.py.
CMD ["gunicorn", "licensemgr.wsgi", "--bind", "0.0.0.0:8000", "--threads", "8", "--worker-tmp-dir", "/dev/shm", \
     "--graceful-timeout", "30", "--no-control-socket"]
