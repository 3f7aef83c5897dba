#!/bin/sh
# Makes each secret of docker-compose.yml that is missing in deploy/secrets/. Never changes one that is there.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets/tls
for name in secret_key license_key_pepper encryption_secret postgres_password postgres_web_password metrics_token; do
    [ -s "secrets/$name" ] || head -c 48 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' > "secrets/$name"
done
# Former ones (docs/operations.md, Rotate) and a password that only its owner knows: empty at first.
for name in secret_key_fallbacks license_key_pepper_fallbacks encryption_secret_fallbacks email_host_password; do
    [ -e "secrets/$name" ] || : > "secrets/$name"
done
# The folder is closed to others on this machine; within a container each file is read by a user without rights, as are the proxy's
# certificate and key, which were put into tls/.
chmod 700 secrets
chmod 755 secrets/tls
find secrets -type f -exec chmod 444 {} +
