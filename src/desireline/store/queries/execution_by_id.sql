-- question:   which execution has this id, with everything it decided?
-- parameters: namespace, execution_id (32 hex)
-- columns:    those of executions
-- grain:      0 or 1 row
SELECT * REPLACE (lower(hex(execution_id)) AS execution_id, lower(hex(page_of)) AS page_of)
FROM (
    SELECT * FROM executions FINAL
    WHERE namespace = {namespace:String} AND execution_id = {execution_id:UUID}
)
