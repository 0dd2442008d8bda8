-- question:   when was the last row accepted (when did this log's server last live)?
-- parameters: none
-- columns:    received_at (the epoch when there is none)
-- grain:      1 row
SELECT max(received_at) AS received_at
FROM (
    SELECT max(received_at) AS received_at FROM executions
    UNION ALL SELECT max(received_at) FROM interactions
    UNION ALL SELECT max(received_at) FROM lessons
)
SETTINGS max_execution_time = 60, max_threads = 2
