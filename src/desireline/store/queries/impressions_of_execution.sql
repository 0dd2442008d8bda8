-- question:   what did this execution show, and where?
-- parameters: namespace, execution_id (32 hex)
-- columns:    those of impressions
-- grain:      one row a shown document, by position
SELECT * REPLACE (lower(hex(execution_id)) AS execution_id)
FROM (
    SELECT * FROM impressions FINAL
    WHERE namespace = {namespace:String} AND execution_id = {execution_id:UUID}
)
ORDER BY position, document_id
