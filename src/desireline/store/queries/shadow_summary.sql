-- question:   how far is what learned weights would have shown from what was shown (shadow mode)?
-- parameters: namespace, retriever_id, searches (the present ones), since_ms, before_ms (occurred_at)
-- columns:    executions, overlap_mean, overlap_p10, overlap_p90, tau_mean, tau_p10, tau_p90, mean, sd (drawn
--             weights, arrays in the order of searches)
-- grain:      1 row; traffic and simulation only
SELECT
    count() AS executions,
    avg(overlap) AS overlap_mean, quantileExact(0.1)(overlap) AS overlap_p10,
    quantileExact(0.9)(overlap) AS overlap_p90,
    avg(tau) AS tau_mean, quantileExact(0.1)(tau) AS tau_p10, quantileExact(0.9)(tau) AS tau_p90,
    avgForEach(drawn) AS mean, stddevPopForEach(drawn) AS sd
FROM (
    SELECT
        JSONExtractFloat(shadow, 'overlap_at_10') AS overlap, JSONExtractFloat(shadow, 'kendall_tau') AS tau,
        JSONExtract(shadow, 'weights', 'Array(Float64)') AS drawn
    FROM executions FINAL
    WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
      AND shadow != '' AND searches = {searches:Array(String)}
      AND purpose IN ('traffic', 'simulation')
      AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
)
