-- psql runs this script to make a backup. Its standard output is the dump, in the custom format of pg_dump. The file
-- /tmp/backup.counts gets the number of rows of each table at the same moment, because the counts and the dump read the
-- same snapshot of the database. `make drill` compares the counts with the restored tables.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\o /tmp/backup.counts
SELECT 'bytes', pg_database_size(current_database());
SELECT format('SELECT %L, count(*) FROM %I', tablename, tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1 \gexec
\o
-- The script end-killed-backup reads the process id of pg_dump.
\! echo $$ >/tmp/backup.pid; exec pg_dump --format custom --compress zstd --no-owner --snapshot "$SNAPSHOT" </dev/null
\if :SHELL_ERROR
DO $$ BEGIN RAISE 'pg_dump has failed'; END $$;
\endif
COMMIT;
