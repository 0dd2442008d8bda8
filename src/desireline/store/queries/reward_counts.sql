-- question:   how much was rewarded on this retriever, and how much of it could teach?
-- parameters: namespace, retriever_id, purposes (empty = traffic only), since_ms, before_ms (occurred_at)
-- columns:    variant, attribution, teaches, teaches_reason, interactions, rewarded (reward != 0),
--             reward_sum, reward_square_sum, users, executions
-- grain:      one row a combination of the first four
SELECT
    variant, attribution, teaches, teaches_reason,
    count() AS interactions,
    countIf(reward != 0) AS rewarded,
    sum(toFloat64(reward)) AS reward_sum,
    sum(toFloat64(reward) * toFloat64(reward)) AS reward_square_sum,
    uniqExactIf(user_id, user_id != '') AS users,
    uniqExact(execution_id) AS executions
FROM counted_interactions
WHERE namespace = {namespace:String} AND retriever_id = {retriever_id:String}
  AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
  AND purpose IN if(empty({purposes:Array(String)}), ['traffic'], {purposes:Array(String)})
GROUP BY variant, attribution, teaches, teaches_reason
ORDER BY variant, attribution, teaches, teaches_reason
