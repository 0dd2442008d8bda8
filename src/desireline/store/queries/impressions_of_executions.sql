-- question:   what did these executions show?
-- parameters: execution_ids (32 hex each)
-- columns:    those of impressions_since
-- grain:      one row a shown document, by execution and position
SELECT
    namespace, lower(hex(execution_id)) AS execution_id, document_id, position, score, norm_scores,
    contributions, winner, received_at, seq
FROM (
    SELECT
        namespace, execution_id, document_id, position, score, norm_scores, contributions, winner,
        received_at, seq
    FROM impressions FINAL
    WHERE execution_id IN {execution_ids:Array(UUID)}
)
ORDER BY execution_id, position, document_id
SETTINGS max_execution_time = 60, max_threads = 2
