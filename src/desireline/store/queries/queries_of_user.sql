-- question:   which queries that begin like this did this user search, the last one first?
-- parameters: namespace, user_id, prefix (a query_key), since_ms (occurred_at), limit
-- columns:    query_key, last_at
-- grain:      one row a query
SELECT query_key, max(occurred_at) AS last_at
FROM (
    SELECT query_key, occurred_at FROM executions FINAL
    WHERE namespace = {namespace:String} AND user_id = {user_id:String} AND query_key != ''
      AND startsWith(query_key, {prefix:String})
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
)
GROUP BY query_key
ORDER BY last_at DESC, query_key
LIMIT {limit:UInt32}
