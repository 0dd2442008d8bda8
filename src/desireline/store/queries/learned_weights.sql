-- question:   with which weights were this retriever's newest searches served, and why?
-- parameters: namespace, retriever_id, before_ms (occurred_at), limit
-- columns:    execution_id, occurred_at, user_id, session_id, purpose, segment, searches, weights,
--             static_weights, algorithm, context_level, context_key, variant, reason, explore,
--             bucket, snapshot_id, shadow, payload
-- grain:      one row an execution with a learned stage, newest first
SELECT
    lower(hex(execution_id)) AS execution_id, occurred_at, user_id, session_id, purpose, segment, searches,
    weights, static_weights, algorithm, context_level, context_key, variant, reason, explore, bucket,
    snapshot_id, shadow, payload
FROM (
    SELECT * EXCEPT (candidate_ids, candidate_scores, candidate_ranks, candidate_fused) FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND algorithm != ''
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    ORDER BY occurred_at DESC, seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY occurred_at DESC, execution_id
