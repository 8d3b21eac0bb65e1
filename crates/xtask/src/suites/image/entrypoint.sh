#!/bin/bash
# Owns the stand-in for the entrypoint of the official image, which no registry serves as a file. It keeps those of its
# documented promises that the image of this project relies on: the data directory is made once by initdb, which copies
# postgresql.conf.sample; scripts of /docker-entrypoint-initdb.d run once in POSTGRES_DB; then the command runs as the
# user postgres. Must never do more for the extension than those promises say.
set -euo pipefail

: "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"

if [[ $EUID -eq 0 ]]; then
    install --directory --owner=postgres --group=postgres --mode=700 "$PGDATA"
    install --directory --owner=postgres --group=postgres --mode=3775 /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    initdb --username="$POSTGRES_USER" --pwfile=<(echo "${POSTGRES_PASSWORD:?is needed}")
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl start --wait --options="-c listen_addresses=''"
    query=(psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER")
    if [[ $POSTGRES_DB != postgres ]]; then
        "${query[@]}" --dbname=postgres --command="CREATE DATABASE \"$POSTGRES_DB\""
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) "${query[@]}" --dbname="$POSTGRES_DB" --file="$file" ;;
            *) echo "the stand-in knows no $file" >&2; exit 1 ;;
        esac
    done
    pg_ctl stop --wait --mode=fast
    echo 'the database is initialised'
fi
exec "$@"
