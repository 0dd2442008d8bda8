-- question:   how many rows does each table of the log hold?
-- parameters: none
-- columns:    name, total_rows, total_bytes (on disk)
-- grain:      one row a table
SELECT name, toUInt64(coalesce(total_rows, 0)) AS total_rows, toUInt64(coalesce(total_bytes, 0)) AS total_bytes
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY name
