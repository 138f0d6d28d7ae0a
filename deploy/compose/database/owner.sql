-- Creates cashier_q's database and the account that owns it. The account's password is the one in
-- secrets/database_password.
\set password `cat /run/secrets/database_password`
SELECT 'CREATE ROLE cashier LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cashier') \gexec
ALTER ROLE cashier PASSWORD :'password';
SELECT 'CREATE DATABASE cashier_q OWNER cashier' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'cashier_q') \gexec
