-- question:   how often was each type of interaction made, by context, search and day?
-- parameters: namespace; retriever_ids, context_keys: empty = all; since_ms, before_ms (whole days, UTC)
-- columns:    retriever_id, context_key, feature_uri, interaction_type, day, purpose, interactions
-- grain:      one row a combination of the first six with at least one interaction
SELECT
    retriever_id, context_key, feature_uri, interaction_type, day, purpose,
    toInt64(sum(made)) - toInt64(sum(gone)) AS interactions
FROM (
    SELECT
        retriever_id, context_key, feature_uri, interaction_type, day, purpose, removed_id,
        sum(interactions) AS made, max(removed) AS gone
    FROM interaction_counts
    WHERE namespace = {namespace:String}
      AND (empty({retriever_ids:Array(String)}) OR retriever_id IN {retriever_ids:Array(String)})
      AND (empty({context_keys:Array(String)}) OR context_key IN {context_keys:Array(String)})
      AND day >= toDate(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
      AND day <= toDate(fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'))
    GROUP BY retriever_id, context_key, feature_uri, interaction_type, day, purpose, removed_id
)
GROUP BY retriever_id, context_key, feature_uri, interaction_type, day, purpose
HAVING interactions != 0
ORDER BY retriever_id, context_key, feature_uri, interaction_type, day, purpose
