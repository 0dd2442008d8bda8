-- question:   what did these executions decide (to teach from them after a restart)?
-- parameters: execution_ids (32 hex each)
-- columns:    those of executions_since
-- grain:      one row an execution, oldest first
SELECT
    namespace, lower(hex(execution_id)) AS execution_id, retriever_id, occurred_at, received_at, seq,
    query_key, user_id, session_id, context_keys, searches, variant, explore, purpose, source,
    weights, context_level, context_key, snapshot_id, draw_seed, fusion, reason
FROM (
    SELECT *
    FROM executions FINAL
    WHERE execution_id IN {execution_ids:Array(UUID)}
)
ORDER BY received_at, seq, execution_id
SETTINGS max_execution_time = 60, max_threads = 2
