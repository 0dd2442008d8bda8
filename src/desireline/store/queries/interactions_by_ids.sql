-- question:   which interactions have these ids (the answer to a repeated batch)?
-- parameters: namespace, interaction_ids (32 hex each)
-- columns:    those of interactions
-- grain:      one row an interaction
SELECT * REPLACE (lower(hex(interaction_id)) AS interaction_id, lower(hex(execution_id)) AS execution_id)
FROM (
    SELECT * FROM interactions FINAL
    WHERE namespace = {namespace:String} AND interaction_id IN {interaction_ids:Array(UUID)}
)
