-- question:   which generation of lessons is the newest of each retriever?
-- parameters: namespaces, retriever_ids: empty = all
-- columns:    namespace, retriever_id, generation, lessons (in that generation), last_seq
-- grain:      one row a retriever that has lessons
SELECT namespace, retriever_id, generation, count() AS lessons, max(seq) AS last_seq
FROM (
    SELECT namespace, retriever_id, generation, seq, node FROM lessons FINAL
    WHERE (empty({namespaces:Array(String)}) OR namespace IN {namespaces:Array(String)})
      AND (empty({retriever_ids:Array(String)}) OR retriever_id IN {retriever_ids:Array(String)})
)
GROUP BY namespace, retriever_id, generation
ORDER BY namespace, retriever_id, generation DESC
LIMIT 1 BY namespace, retriever_id
SETTINGS max_execution_time = 60, max_threads = 2
