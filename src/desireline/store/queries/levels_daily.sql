-- question:   from which levels, and for which segments, did this retriever's weights come, day by day?
-- parameters: namespace, retriever_id, searches (the present ones), since_ms, before_ms (occurred_at)
-- columns:    day, context_level, segment, executions, sums (drawn weights in the order of searches)
-- grain:      one row a UTC day, level and segment, oldest first; traffic and simulation only
SELECT
    toString(day) AS day, context_level, segment, count() AS executions, sumForEach(drawn) AS sums
FROM (
    SELECT
        toDate(occurred_at) AS day, context_level, segment,
        if(JSONHas(payload, 'sampled'), JSONExtract(payload, 'sampled', 'Array(Float64)'),
           arrayMap(weight -> toFloat64(weight), weights)) AS drawn
    FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND algorithm != '' AND searches = {searches:Array(String)}
      AND purpose IN ('traffic', 'simulation')
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
)
WHERE length(drawn) = length({searches:Array(String)})
GROUP BY day, context_level, segment
ORDER BY day, context_level, segment
