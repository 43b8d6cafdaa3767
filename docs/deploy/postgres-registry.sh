#!/bin/sh
# Creates the registry's user, who is no superuser, and its database. The PostgreSQL image runs this once, when it
# creates the database's folder; REGISTRY_PASSWORD_FILE holds the user's password.
psql -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres --quiet <<'SQL'
\set password `cat "$REGISTRY_PASSWORD_FILE"`
CREATE ROLE registry LOGIN PASSWORD :'password';
CREATE DATABASE registry OWNER registry;
SQL
