-- question:   how much was each document used (core/popularity.py), the most used first, and what is
--             the median of those that were used?
-- parameters: namespace; interaction_types (any of); purposes; since_ms, before_ms (inclusive);
--             half_life_ms; position_weights (of 0-based positions, the last for all deeper ones);
--             per_visitor (acts counted of one visitor on one document); limit (documents)
-- columns:    document_ids, counts (same order), median (of all counts, 0 without any), documents (all)
-- grain:      1 row
-- A visitor is a user, else a session, else an execution; an act without any of these stands alone.
SELECT
    arraySlice(ids, 1, {limit:UInt32}) AS document_ids,
    arraySlice(all_counts, 1, {limit:UInt32}) AS counts,
    if(empty(all_counts), 0., (all_counts[intDiv(length(all_counts) + 1, 2)]
        + all_counts[intDiv(length(all_counts), 2) + 1]) / 2) AS median,
    length(ids) AS documents
FROM (
    SELECT groupArray(document_id) AS ids, groupArray(used) AS all_counts
    FROM (
        SELECT
            document_id,
            sum(arraySum(arraySlice(arrayReverseSort(weights), 1, {per_visitor:UInt32}))) AS used
        FROM (
            SELECT
                document_id,
                groupArray(
                    exp2((toUnixTimestamp64Milli(occurred_at) - {before_ms:Int64}) / {half_life_ms:Float64})
                    * if(position < 0, 1., {position_weights:Array(Float64)}[
                        least(position + 1, length({position_weights:Array(Float64)}))])
                ) AS weights
            FROM counted_interactions
            WHERE namespace = {namespace:String} AND document_id != ''
              AND hasAny(interaction_type, {interaction_types:Array(String)})
              AND purpose IN {purposes:Array(String)}
              AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
              AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
            GROUP BY document_id, multiIf(
                user_id != '', (1, user_id),
                session_id != '', (2, session_id),
                execution_id != toUUID('00000000-0000-0000-0000-000000000000'), (3, toString(execution_id)),
                (4, toString(interaction_id)))
        )
        GROUP BY document_id
        ORDER BY used DESC, document_id
    )
)
SETTINGS max_execution_time = 30
