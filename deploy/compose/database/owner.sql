-- Creates the account that owns cashier_q's database, and sets its password to the one in secrets/.
\set password `cat /run/secrets/database_password`
SELECT 'CREATE ROLE cashier LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cashier') \gexec
ALTER ROLE cashier PASSWORD :'password';
SELECT 'CREATE DATABASE cashier_q OWNER cashier' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'cashier_q') \gexec
