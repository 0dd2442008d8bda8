-- question:   what was accepted lately (the memory of recent executions and deduplication keys)?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, interaction_id, client_event_id, execution_id, retriever_id, document_id, user_id,
--             session_id, interaction_type, position, query_key, reward, teaches, attribution, source,
--             occurred_at, received_at, seq, node
-- grain:      one row an interaction, the newest `limit`, oldest first
SELECT
    namespace, lower(hex(interaction_id)) AS interaction_id, client_event_id,
    lower(hex(execution_id)) AS execution_id, retriever_id, document_id, user_id, session_id,
    interaction_type, position, query_key, reward, teaches, attribution, source, occurred_at, received_at,
    seq, node
FROM (
    SELECT * FROM interactions FINAL
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY received_at, seq, interaction_id
SETTINGS max_execution_time = 60, max_threads = 2
