#!/bin/sh
# Writes the list of users from the secret, and becomes PgBouncer.
set -eu
umask 077
printf '"%s" "%s"\n' license_manager_web "$(cat /run/secrets/postgres_web_password)" > /tmp/userlist.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
