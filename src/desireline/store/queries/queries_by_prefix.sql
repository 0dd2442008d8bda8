-- question:   which queries that begin like this were searched by several visitors lately?
-- parameters: namespace, prefix (a query_key), since_ms (occurred_at), visitors (at least), limit
-- columns:    query_key, executions, visitors
-- grain:      one row a query, the most searched first; traffic only
SELECT query_key, count() AS executions,
    uniqExact(if(user_id != '', user_id, session_id)) AS visitors
FROM (
    SELECT query_key, user_id, session_id FROM executions FINAL
    WHERE namespace = {namespace:String} AND startsWith(query_key, {prefix:String})
      AND query_key != '' AND purpose = 'traffic' AND (user_id != '' OR session_id != '')
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
)
GROUP BY query_key
HAVING visitors >= {visitors:UInt32}
ORDER BY executions DESC, query_key
LIMIT {limit:UInt32}
