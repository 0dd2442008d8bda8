-- question:   what did this execution teach, with its closing and afterwards?
-- parameters: namespace, retriever_id, generation, execution_id (32 hex), limit
-- columns:    those of lessons
-- grain:      one row a lesson, in the order of the fold
SELECT * REPLACE (lower(hex(execution_id)) AS execution_id)
FROM (
    SELECT * FROM lessons FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND generation = {generation:UInt32} AND execution_id = {execution_id:UUID}
    ORDER BY seq, node
    LIMIT {limit:UInt32}
)
ORDER BY seq, node
SETTINGS max_execution_time = 60, max_threads = 2
