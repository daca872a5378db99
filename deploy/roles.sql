-- The roles of Rounds, run once by a superuser of PostgreSQL 15 or newer, with psql:
--   DATABASE_OWNER_PASSWORD=... DATABASE_PASSWORD=... psql -v ON_ERROR_STOP=1 -f deploy/roles.sql postgres
-- rounds_owner owns the tables and migrates them; rounds, which the service runs as, reads and writes rows and can do no more;
-- rounds_pages, which nobody signs in as, is what the service becomes for a page: of each table it sees one organization's rows.
\set ON_ERROR_STOP on
\getenv owner_password DATABASE_OWNER_PASSWORD
\getenv password DATABASE_PASSWORD
CREATE ROLE rounds_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE rounds LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOINHERIT PASSWORD :'password';
CREATE ROLE rounds_pages NOLOGIN NOINHERIT;
GRANT rounds_pages TO rounds;
CREATE DATABASE rounds OWNER rounds_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE rounds FROM PUBLIC;
GRANT CONNECT ON DATABASE rounds TO rounds;
\connect rounds
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO rounds;
ALTER DEFAULT PRIVILEGES FOR ROLE rounds_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO rounds;
ALTER DEFAULT PRIVILEGES FOR ROLE rounds_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO rounds;
