-- What is derived from the log: narrow copies, counters, and the views that honour marks.
-- Every target has a deduplication window of its own: without it a replayed insert, dropped at the
-- source, would still be added to the target (counters 3 -> 6).

-- interactions_by_document: bloom filters do not help popular documents (765 ms), an order does
CREATE TABLE IF NOT EXISTS interactions_by_document$local $on_cluster
(
    namespace LowCardinality(String),
    document_id String,
    occurred_at DateTime64(3, 'UTC'),
    interaction_id UUID,
    received_at DateTime64(3, 'UTC'),
    user_id String,
    session_id String,
    interaction_type Array(LowCardinality(String)),
    position Int32,
    reward Float32,
    query_key String,
    retriever_id LowCardinality(String),
    purpose LowCardinality(String)
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, document_id, occurred_at, interaction_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS interactions_to_document$local $on_cluster
TO interactions_by_document$local AS
SELECT
    namespace, document_id, occurred_at, interaction_id, received_at, user_id, session_id,
    interaction_type, position, reward, query_key, retriever_id, purpose
FROM interactions$local;

-- interaction_counts: counts only (rewards stay with the interaction, so a new reward map can re-score).
-- A deletion adds one row under its own removed_id: max(1, 1) = 1, so repeating a deletion that was
-- interrupted changes nothing, however it is grouped. Read: sum(interactions) - sum(removed).
CREATE TABLE IF NOT EXISTS interaction_counts$local $on_cluster
(
    namespace LowCardinality(String),
    retriever_id LowCardinality(String),
    context_key String,
    feature_uri LowCardinality(String),
    interaction_type LowCardinality(String),
    day Date,
    purpose LowCardinality(String),
    removed_id UUID,
    interactions SimpleAggregateFunction(sum, UInt64),
    removed SimpleAggregateFunction(max, UInt8)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (namespace, retriever_id, context_key, feature_uri, interaction_type, day, purpose, removed_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- An interaction without a context counts under '' so that no interaction is missing from the sum.
CREATE MATERIALIZED VIEW IF NOT EXISTS interactions_to_counts$local $on_cluster
TO interaction_counts$local AS
SELECT
    namespace, retriever_id,
    arrayJoin(if(empty(context_keys), [''], arrayDistinct(context_keys))) AS context_key,
    feature_uri,
    arrayJoin(arrayDistinct(interactions$local.interaction_type)) AS interaction_type,
    toDate(occurred_at) AS day,
    purpose,
    toUUID('00000000-0000-0000-0000-000000000000') AS removed_id,
    count() AS interactions,
    toUInt8(0) AS removed
FROM interactions$local
GROUP BY namespace, retriever_id, context_key, feature_uri, interaction_type, day, purpose, removed_id;

-- documents_seen: for new-document alerts and cold start
CREATE TABLE IF NOT EXISTS documents_seen$local $on_cluster
(
    namespace LowCardinality(String),
    document_id String,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (namespace, document_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS impressions_to_documents$local $on_cluster
TO documents_seen$local AS
SELECT namespace, document_id, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen
FROM impressions$local
GROUP BY namespace, document_id;

-- held_marks: the last statement per subject and mark holds; value 0 takes it back
CREATE VIEW IF NOT EXISTS held_marks $on_cluster AS
SELECT namespace, subject, subject_id, mark
FROM marks
GROUP BY namespace, subject, subject_id, mark
HAVING argMax(value, (occurred_at, seq)) != 0;

-- counted_*: what analytics and learning read; rows under a held mark are not there
CREATE VIEW IF NOT EXISTS counted_executions $on_cluster AS
SELECT * FROM executions FINAL
WHERE (namespace, user_id) NOT IN (SELECT namespace, subject_id FROM held_marks WHERE subject = 'user')
  AND (namespace, session_id) NOT IN (SELECT namespace, subject_id FROM held_marks WHERE subject = 'session')
  AND (namespace, lower(hex(execution_id))) NOT IN
      (SELECT namespace, subject_id FROM held_marks WHERE subject = 'execution');

CREATE VIEW IF NOT EXISTS counted_impressions $on_cluster AS
SELECT * FROM impressions FINAL
WHERE (namespace, user_id) NOT IN (SELECT namespace, subject_id FROM held_marks WHERE subject = 'user')
  AND (namespace, session_id) NOT IN (SELECT namespace, subject_id FROM held_marks WHERE subject = 'session')
  AND (namespace, lower(hex(execution_id))) NOT IN
      (SELECT namespace, subject_id FROM held_marks WHERE subject = 'execution');

CREATE VIEW IF NOT EXISTS counted_interactions $on_cluster AS
SELECT * FROM interactions FINAL
WHERE (namespace, user_id) NOT IN (SELECT namespace, subject_id FROM held_marks WHERE subject = 'user')
  AND (namespace, session_id) NOT IN (SELECT namespace, subject_id FROM held_marks WHERE subject = 'session')
  AND (namespace, lower(hex(execution_id))) NOT IN
      (SELECT namespace, subject_id FROM held_marks WHERE subject = 'execution')
  AND (namespace, lower(hex(interaction_id))) NOT IN
      (SELECT namespace, subject_id FROM held_marks WHERE subject = 'interaction');
