-- question:   which interactions match these filters, in order of occurred_at?
-- parameters: namespace; execution_ids, retriever_ids, session_ids, user_ids, document_ids,
--             interaction_types (any of), attributions: empty = all; after_ms, before_ms (inclusive);
--             direction 1 oldest first, -1 newest first; cursor_ms, cursor_id: the last row of the page
--             before ('' = first page); limit, offset
-- columns:    those of interactions
-- grain:      one row an interaction
SELECT * REPLACE (lower(hex(interaction_id)) AS interaction_id, lower(hex(execution_id)) AS execution_id)
FROM (
    SELECT * FROM interactions FINAL
    WHERE namespace = {namespace:String}
      AND (empty({execution_ids:Array(UUID)}) OR execution_id IN {execution_ids:Array(UUID)})
      AND (empty({retriever_ids:Array(String)}) OR retriever_id IN {retriever_ids:Array(String)})
      AND (empty({session_ids:Array(String)}) OR session_id IN {session_ids:Array(String)})
      AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
      AND (empty({document_ids:Array(String)}) OR (user_id, occurred_at, interaction_id) IN (
          SELECT user_id, occurred_at, interaction_id FROM interactions_by_document
          WHERE namespace = {namespace:String} AND document_id IN {document_ids:Array(String)}))
      AND (empty({interaction_types:Array(String)})
           OR hasAny(interaction_type, {interaction_types:Array(String)}))
      AND (empty({attributions:Array(String)}) OR attribution IN {attributions:Array(String)})
      AND occurred_at >= fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
      AND ({cursor_id:String} = ''
           OR (toUnixTimestamp64Milli(occurred_at) * {direction:Int8}, lower(hex(interaction_id)))
            > ({cursor_ms:Int64} * {direction:Int8}, {cursor_id:String}))
    ORDER BY toUnixTimestamp64Milli(occurred_at) * {direction:Int8}, lower(hex(interaction_id))
    LIMIT {limit:UInt32} OFFSET {offset:UInt32}
)
ORDER BY toUnixTimestamp64Milli(occurred_at) * {direction:Int8}, interaction_id
