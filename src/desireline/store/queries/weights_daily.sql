-- question:   which weights did this retriever's learned stage draw, day by day?
-- parameters: namespace, retriever_id, searches (the present ones), since_ms, before_ms (occurred_at)
-- columns:    day, executions, mean, sd, p10, p90 (arrays in the order of searches)
-- grain:      one row a UTC day with draws above level prior, oldest first; traffic and simulation only
SELECT
    toString(day) AS day, count() AS executions, avgForEach(drawn) AS mean, stddevPopForEach(drawn) AS sd,
    quantileExactForEach(0.1)(drawn) AS p10, quantileExactForEach(0.9)(drawn) AS p90
FROM (
    SELECT
        toDate(occurred_at) AS day,
        if(JSONHas(payload, 'sampled'), JSONExtract(payload, 'sampled', 'Array(Float64)'),
           arrayMap(weight -> toFloat64(weight), weights)) AS drawn
    FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND algorithm != '' AND context_level != 'prior' AND searches = {searches:Array(String)}
      AND purpose IN ('traffic', 'simulation')
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
)
WHERE length(drawn) = length({searches:Array(String)})
GROUP BY day
ORDER BY day
