-- question:   which demographic levels did executions of this retriever have, and what was sent with one of each?
-- parameters: namespace, retriever_id, searches (the present ones), since_ms, before_ms (occurred_at)
-- columns:    context_key, executions, inputs, user_id, session_id, segment (of the newest execution)
-- grain:      one row a demographic level, the most frequent first; traffic and simulation only
SELECT
    context_key, count() AS executions, argMax(inputs, (occurred_at, seq)) AS inputs,
    argMax(user_id, (occurred_at, seq)) AS user_id, argMax(session_id, (occurred_at, seq)) AS session_id,
    argMax(segment, (occurred_at, seq)) AS segment
FROM (
    SELECT
        arrayFirst(key -> startsWith(key, 'demographic:'), context_keys) AS context_key,
        inputs, user_id, session_id, segment, occurred_at, seq
    FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND algorithm != '' AND searches = {searches:Array(String)}
      AND purpose IN ('traffic', 'simulation')
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
)
WHERE context_key != ''
GROUP BY context_key
ORDER BY executions DESC, context_key
