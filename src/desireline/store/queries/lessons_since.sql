-- question:   which executions were closed lately, and which interactions have taught already?
-- parameters: since_ms (received_at), limit
-- columns:    namespace, kind, execution_id, interaction_ids (32 hex each)
-- grain:      one row a close or late lesson of any generation, the newest `limit`
SELECT namespace, kind, lower(hex(execution_id)) AS execution_id,
    arrayDistinct(arrayFlatten(arrayMap(
        document -> arrayMap(
            reward -> reward.1, JSONExtract(document, 'rewards', 'Array(Tuple(String, Float64))')),
        JSONExtractArrayRaw(payload, 'documents')))) AS interaction_ids
FROM (
    SELECT namespace, kind, execution_id, payload FROM lessons
    WHERE kind IN ('close', 'late')
      AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    ORDER BY received_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
SETTINGS max_execution_time = 60, max_threads = 2
