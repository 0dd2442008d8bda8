-- question:   which executions were closed lately?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, execution_id
-- grain:      one row an execution with a close lesson
SELECT DISTINCT namespace, lower(hex(execution_id)) AS execution_id
FROM lessons
WHERE kind = 'close' AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
ORDER BY execution_id
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 60, max_threads = 2
