-- question:   what was done on the results of these executions?
-- parameters: namespace, execution_ids (32 hex each)
-- columns:    execution_id, interaction_id, document_id, interaction_type, position, reward, teaches,
--             received_at, seq
-- grain:      one row an interaction, in the order of acceptance
SELECT
    lower(hex(execution_id)) AS execution_id, lower(hex(interaction_id)) AS interaction_id, document_id,
    interaction_type, position, reward, teaches, received_at, seq
FROM (
    SELECT * FROM interactions FINAL
    WHERE namespace = {namespace:String} AND execution_id IN {execution_ids:Array(UUID)}
)
ORDER BY received_at, seq, interaction_id
