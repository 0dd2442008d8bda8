-- question:   which execution last showed this document to this visitor?
-- parameters: namespace, document_id, user_id, session_id ('' = unknown), query_key ('' = any),
--             since_ms, before_ms (occurred_at)
-- columns:    those of impressions
-- grain:      0 or 1 row; the session's own before the user's other sessions
SELECT * REPLACE (lower(hex(execution_id)) AS execution_id)
FROM (
    SELECT * FROM impressions FINAL
    WHERE namespace = {namespace:String} AND document_id = {document_id:String}
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
      AND (({session_id:String} != '' AND session_id = {session_id:String})
           OR ({user_id:String} != '' AND user_id = {user_id:String}))
      AND ({query_key:String} = '' OR query_key = {query_key:String})
    ORDER BY session_id = {session_id:String} DESC, occurred_at DESC, seq DESC
    LIMIT 1
)
