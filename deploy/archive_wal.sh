#!/bin/sh
# Keeps one segment of PostgreSQL's write-ahead log: archive_command = 'sh …/archive_wal.sh %p %f FOLDER'.
set -eu
kept="$3/$2"
# After a crash the server offers what it has given before: the same is well, another of that name is not.
if [ -e "$kept" ]; then exec cmp --silent "$1" "$kept"; fi
cp "$1" "$kept.part"
sync "$kept.part"
mv "$kept.part" "$kept"
sync "$3"
