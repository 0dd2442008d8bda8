-- question:   what did the latest executions show?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, execution_id, document_id, position, score, norm_scores, contributions, winner,
--             received_at, seq
-- grain:      one row a shown document, the newest `limit`, by execution and position
SELECT
    namespace, lower(hex(execution_id)) AS execution_id, document_id, position, score, norm_scores,
    contributions, winner, received_at, seq
FROM (
    SELECT
        namespace, execution_id, document_id, position, score, norm_scores, contributions, winner,
        received_at, seq
    FROM impressions FINAL
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY execution_id, position, document_id
SETTINGS max_execution_time = 60, max_threads = 2
