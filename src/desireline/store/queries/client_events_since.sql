-- question:   which idempotency keys of clients were accepted lately, and for which interaction?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, client_event_id, interaction_id, received_at
-- grain:      one row a key, the newest `limit`, oldest first
SELECT namespace, client_event_id, lower(hex(interaction_id)) AS interaction_id, received_at
FROM (
    SELECT namespace, client_event_id, interaction_id, received_at, seq FROM interactions FINAL
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND client_event_id != ''
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY received_at, seq, client_event_id
SETTINGS max_execution_time = 60, max_threads = 2
