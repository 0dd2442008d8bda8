"""Taking interactions out of the log: which statements, in which order, and why that order is safe.

Knows the tables and views that a deleted interaction lives in. Deletion does not cascade into the
targets of materialised views, so each is named here. Knows nothing of clients.

Order: first one row per (interaction, context, type) in `interaction_counts` under the
interaction's own `removed_id` (its value is a maximum, so a repeat changes nothing), then the
copies, last the interaction itself: an interruption anywhere leaves the interaction to be found
and removed again.
"""

from __future__ import annotations

COUNT = """
SELECT toYYYYMM(occurred_at) AS month, count() AS held FROM interactions FINAL
WHERE namespace = {namespace:String} AND interaction_id IN {interaction_ids:Array(UUID)}
GROUP BY month ORDER BY month
"""

REMOVE_FROM_COUNTS = """
INSERT INTO interaction_counts$local
SELECT
    namespace, retriever_id,
    arrayJoin(if(empty(context_keys), [''], arrayDistinct(context_keys))) AS context_key,
    feature_uri,
    arrayJoin(arrayDistinct(i.interaction_type)) AS interaction_type,
    toDate(occurred_at) AS day,
    purpose,
    interaction_id AS removed_id,
    toUInt64(0) AS interactions,
    toUInt8(1) AS removed
FROM (SELECT * FROM interactions$local FINAL) AS i
WHERE namespace = {namespace:String} AND interaction_id IN {interaction_ids:Array(UUID)}
  AND toYYYYMM(occurred_at) = $month
"""

REMOVE_COPIES = """
DELETE FROM interactions_by_document$local $on_cluster IN PARTITION $month
WHERE namespace = {namespace:String} AND interaction_id IN {interaction_ids:Array(UUID)}
"""

REMOVE_ROWS = """
DELETE FROM interactions$local $on_cluster IN PARTITION $month
WHERE namespace = {namespace:String} AND interaction_id IN {interaction_ids:Array(UUID)}
"""

REMOVE_LESSONS = """
DELETE FROM lessons$local $on_cluster
WHERE retriever_id = {retriever_id:String} AND generation < {before_generation:UInt32}
"""

# Run once a month (partition) that holds any of them: a deletion rewrites a mask for every part it
# looks at, and most parts are of other months.
INTERACTION_STATEMENTS = (REMOVE_FROM_COUNTS, REMOVE_COPIES, REMOVE_ROWS)
