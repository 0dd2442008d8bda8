-- question:   which executions were closed lately, what has taught already, and who was reset?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, retriever_id, kind, execution_id, user_id, received_at, interaction_ids (32 hex)
-- grain:      one row a close, late or reset lesson of any generation, the newest `limit`
SELECT namespace, retriever_id, kind, lower(hex(execution_id)) AS execution_id, user_id, received_at,
    arrayDistinct(arrayFlatten(arrayMap(
        document -> arrayMap(
            reward -> reward.1, JSONExtract(document, 'rewards', 'Array(Tuple(String, Float64))')),
        JSONExtractArrayRaw(payload, 'documents')))) AS interaction_ids
FROM (
    SELECT namespace, retriever_id, kind, execution_id, user_id, received_at, payload FROM lessons
    WHERE kind IN ('close', 'late', 'reset')
      AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
SETTINGS max_execution_time = 60, max_threads = 2
