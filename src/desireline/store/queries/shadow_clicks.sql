-- question:   which rewarded documents stood where, in what was shown and in its shadow?
-- parameters: namespace, retriever_id, searches (the present ones), since_ms, before_ms (occurred_at), limit
-- columns:    execution_id, visitor (user, else session, else execution), shown (documents), seen (of the first
--             10 of the shadow, how many were shown), depth (of the shadow, at most 10), positions, places (of
--             the rewarded documents: where shown, where in the shadow; -1 not in it)
-- grain:      one row an execution with a shadow, newest first; traffic and simulation only
SELECT
    lower(hex(shadows.execution_id)) AS execution_id, any(shadows.visitor) AS visitor,
    toUInt32(uniqExact(impressions.document_id)) AS shown,
    toUInt32(length(arrayIntersect(any(first), groupArray(impressions.document_id)))) AS seen,
    toUInt32(length(any(first))) AS depth,
    groupArrayIf(toInt32(impressions.position), rewarded > 0) AS positions,
    groupArrayIf(toInt32(indexOf(top, impressions.document_id)) - 1, rewarded > 0) AS places
FROM (
    SELECT
        execution_id, JSONExtract(shadow, 'top', 'Array(String)') AS top, arraySlice(top, 1, 10) AS first,
        if(user_id != '', user_id, if(session_id != '', session_id, lower(hex(execution_id)))) AS visitor,
        occurred_at, seq
    FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND shadow != '' AND searches = {searches:Array(String)}
      AND purpose IN ('traffic', 'simulation')
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    ORDER BY occurred_at DESC, seq DESC
    LIMIT {limit:UInt32}
) AS shadows
INNER JOIN (
    SELECT execution_id, document_id, position FROM impressions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
) AS impressions ON impressions.execution_id = shadows.execution_id
LEFT JOIN (
    SELECT execution_id, document_id, toUInt8(1) AS rewarded FROM counted_interactions
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND attribution IN ('logged', 'inferred') AND reward > 0
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    GROUP BY execution_id, document_id
) AS rewards
    ON rewards.execution_id = impressions.execution_id AND rewards.document_id = impressions.document_id
GROUP BY shadows.execution_id
ORDER BY max(shadows.occurred_at) DESC, execution_id
SETTINGS max_execution_time = 60
