-- question:   on which documents did this visitor act in these ways, the latest first?
-- parameters: namespace; user_id ('': the session_id counts instead); interaction_types (any of); since_ms, before_ms
--             (inclusive); limit (documents)
-- columns:    document_id, documents (how many there are in all)
-- grain:      one row a document
SELECT document_id, count() OVER () AS documents
FROM (
    SELECT document_id, max(occurred_at) AS last_at
    FROM interactions FINAL
    WHERE namespace = {namespace:String} AND document_id != ''
      AND ({user_id:String} = '' OR user_id = {user_id:String})
      AND ({user_id:String} != '' OR session_id = {session_id:String})
      AND hasAny(interaction_type, {interaction_types:Array(String)})
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    GROUP BY document_id
)
ORDER BY last_at DESC, document_id
LIMIT {limit:UInt32}
