-- question:   which executions of this period may still have to teach: those without a close lesson?
-- parameters: since_ms, before_ms (received_at, the second exclusive), limit
-- columns:    those of executions_since
-- grain:      one row an execution of a learned stage, the newest `limit`, oldest first
SELECT
    namespace, lower(hex(execution_id)) AS execution_id, retriever_id, occurred_at, received_at, seq,
    query_key, user_id, session_id, context_keys, searches, variant, explore, purpose, source,
    weights, context_level, context_key, snapshot_id, draw_seed, fusion, reason
FROM (
    SELECT *
    FROM executions FINAL
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND received_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
      AND variant != ''
      AND execution_id NOT IN (
          SELECT execution_id FROM lessons
          WHERE kind = 'close' AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY received_at, seq, execution_id
SETTINGS max_execution_time = 60, max_threads = 2
