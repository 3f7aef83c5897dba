#!/bin/sh
# Writes the list of users from the secret, and becomes PgBouncer.
set -eu
umask 077
printf '"%s" "%s"\n' license_manager "$(cat /run/secrets/postgres_password)" > /tmp/userlist.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
