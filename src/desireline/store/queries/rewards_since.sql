-- question:   which accepted interactions teach (to give open executions their rewards back)?
-- parameters: since_ms (received_at), limit
-- columns:    interaction_id, execution_id, document_id, reward, teaches, occurred_at, received_at,
--             attribution, client_feature_uri
-- grain:      one row an interaction that teaches, the newest `limit`, in the order of acceptance
SELECT
    lower(hex(interaction_id)) AS interaction_id, lower(hex(execution_id)) AS execution_id, document_id,
    reward, teaches, occurred_at, received_at, attribution, client_feature_uri
FROM (
    SELECT
        interaction_id, execution_id, document_id, reward, teaches, occurred_at, received_at, seq,
        attribution, client_feature_uri
    FROM interactions FINAL
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND teaches = 1
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY received_at, seq, interaction_id
SETTINGS max_execution_time = 60, max_threads = 2
