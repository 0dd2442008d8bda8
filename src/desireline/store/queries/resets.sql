-- question:   which users of this retriever were reset?
-- parameters: namespace, retriever_id, generation, user_ids (empty = all), since_ms (occurred_at), limit
-- columns:    occurred_at, user_id
-- grain:      one row a reset, newest first
SELECT occurred_at, user_id
FROM (
    SELECT occurred_at, user_id, seq FROM lessons FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND generation = {generation:UInt32} AND kind = 'reset'
      AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    ORDER BY seq DESC
    LIMIT {limit:UInt32}
)
ORDER BY occurred_at DESC, user_id
