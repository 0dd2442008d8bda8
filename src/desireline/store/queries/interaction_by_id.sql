-- question:   which interaction has this id?
-- parameters: namespace, interaction_id (32 hex)
-- columns:    those of interactions
-- grain:      0 or 1 row
SELECT * REPLACE (lower(hex(interaction_id)) AS interaction_id, lower(hex(execution_id)) AS execution_id)
FROM (
    SELECT * FROM interactions FINAL
    WHERE namespace = {namespace:String} AND interaction_id = {interaction_id:UUID}
)
