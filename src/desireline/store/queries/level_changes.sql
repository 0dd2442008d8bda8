-- question:   when did the weights of a user of this retriever begin to come from another level?
-- parameters: namespace, retriever_id, user_ids (empty = all), since_ms, before_ms (occurred_at), limit
-- columns:    occurred_at, user_id, before, after, context_key
-- grain:      one row a change between two successive executions of a user, newest first; the one before may
--             lie up to 7 days before since_ms
SELECT occurred_at, user_id, before, after, context_key
FROM (
    SELECT
        occurred_at, user_id, context_key, seq, context_level AS after,
        lagInFrame(context_level, 1, '') OVER (
            PARTITION BY user_id ORDER BY occurred_at, seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before
    FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND algorithm != '' AND user_id != '' AND purpose IN ('traffic', 'simulation')
      AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') - INTERVAL 7 DAY
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
)
WHERE before != '' AND before != after
  AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
ORDER BY occurred_at DESC, seq DESC
LIMIT {limit:UInt32}
