-- question:   which interactions waited for their execution to be found in the log?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, interaction_id, execution_id (zeros: not sent), document_id, user_id, session_id,
--             query_key, reward, occurred_at, received_at, attribution, client_feature_uri
-- grain:      one row a pending interaction with a reward, in the order of acceptance
SELECT
    namespace, lower(hex(interaction_id)) AS interaction_id, lower(hex(execution_id)) AS execution_id,
    document_id, user_id, session_id, query_key, reward, occurred_at, received_at,
    attribution, client_feature_uri
FROM (
    SELECT
        namespace, interaction_id, execution_id, document_id, user_id, session_id, query_key, reward,
        occurred_at, received_at, seq, attribution, client_feature_uri
    FROM interactions FINAL
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND attribution = 'pending' AND reward != 0
    ORDER BY received_at, seq
    LIMIT {limit:UInt32}
)
ORDER BY received_at, interaction_id
SETTINGS max_execution_time = 60, max_threads = 2
