-- question:   which executions match these filters, in order of occurred_at, and what did they show?
-- parameters: namespace; execution_ids, retriever_ids, session_ids, user_ids: empty = all;
--             after_ms, before_ms (inclusive); direction 1 oldest first, -1 newest first;
--             cursor_ms, cursor_id: the last row of the page before ('' = first page); limit, offset
-- columns:    those of executions without the candidates; documents: those shown, by position
-- grain:      one row an execution
WITH page AS (
    SELECT * EXCEPT (candidate_ids, candidate_scores, candidate_ranks, candidate_fused) FROM executions FINAL
    WHERE namespace = {namespace:String}
      AND (empty({execution_ids:Array(UUID)}) OR execution_id IN {execution_ids:Array(UUID)})
      AND (empty({retriever_ids:Array(String)}) OR retriever_id IN {retriever_ids:Array(String)})
      AND (empty({session_ids:Array(String)}) OR session_id IN {session_ids:Array(String)})
      AND (empty({user_ids:Array(String)}) OR user_id IN {user_ids:Array(String)})
      AND occurred_at >= fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
      AND ({cursor_id:String} = ''
           OR (toUnixTimestamp64Milli(occurred_at) * {direction:Int8}, lower(hex(execution_id)))
            > ({cursor_ms:Int64} * {direction:Int8}, {cursor_id:String}))
    ORDER BY toUnixTimestamp64Milli(occurred_at) * {direction:Int8}, lower(hex(execution_id))
    LIMIT {limit:UInt32} OFFSET {offset:UInt32}
)
SELECT * REPLACE (lower(hex(execution_id)) AS execution_id, lower(hex(page_of)) AS page_of)
FROM page
LEFT JOIN (
    SELECT execution_id, CAST(
        arraySort(groupArray((position, document_id, score, propensity, norm_scores, contributions))),
        'Array(Tuple(position UInt16, document_id String, score Float32, propensity Float32, norm_scores Array(Float32), contributions Array(Float32)))'
    ) AS documents
    FROM impressions FINAL
    WHERE namespace = {namespace:String} AND execution_id IN (SELECT execution_id FROM page)
    GROUP BY execution_id
) AS showed USING (execution_id)
ORDER BY toUnixTimestamp64Milli(occurred_at) * {direction:Int8}, execution_id
