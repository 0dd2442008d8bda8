-- question:   how many interactions match these filters (those of interactions_list)?
-- parameters: namespace; execution_ids, retriever_ids, session_ids, user_ids, document_ids,
--             interaction_types (any of), attributions: empty = all; after_ms, before_ms (inclusive)
-- columns:    total
-- grain:      1 row
SELECT count() AS total
FROM (
    SELECT interaction_id FROM interactions FINAL
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
)
