-- The log: one table a struct of `types/log.py`, one column a field, the same defaults (a frame leaves
-- out what is at its default). Order keys and meanings: docs/adr/0009-row-shapes.md.
-- $replicated, $on_cluster, $local and $window are empty or local on one machine (store/clickhouse.py).

-- executions: one run of a retriever for one request
CREATE TABLE IF NOT EXISTS executions$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    execution_id UUID,
    retriever_id LowCardinality(String),
    external_id String,
    retriever_version UInt32,
    page_of UUID,
    page_offset UInt32,
    query String,
    query_key String,
    inputs String DEFAULT '{}',
    filters String DEFAULT '{}',
    segment LowCardinality(String),
    device LowCardinality(String),
    locale LowCardinality(String),
    country LowCardinality(String),
    total UInt32,
    shown UInt16,
    latency_ms Float32,
    stages String DEFAULT '[]',
    degraded Array(LowCardinality(String)),
    cache LowCardinality(String),
    searches Array(LowCardinality(String)),
    weights Array(Float32),
    static_weights Array(Float32),
    fusion LowCardinality(String),
    base LowCardinality(String),
    algorithm LowCardinality(String),
    context_level LowCardinality(String),
    context_key String,
    context_keys Array(String),
    snapshot_id UInt64,
    draw_seed UInt64,
    variant LowCardinality(String),
    reason LowCardinality(String),
    explore UInt8,
    bucket Float32,
    experiment_id LowCardinality(String),
    arm LowCardinality(String),
    model_id LowCardinality(String),
    shadow String,
    candidate_ids Array(String) TTL toDateTime(occurred_at) + INTERVAL 90 DAY,
    candidate_scores Array(Array(Float32)) TTL toDateTime(occurred_at) + INTERVAL 90 DAY,
    candidate_ranks Array(Array(UInt16)) TTL toDateTime(occurred_at) + INTERVAL 90 DAY,
    candidate_fused Array(Float32) TTL toDateTime(occurred_at) + INTERVAL 90 DAY,
    score_kind LowCardinality(String),
    payload String DEFAULT '{}',
    INDEX by_execution_id execution_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_user_id user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_external_id external_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, retriever_id, toDate(occurred_at), execution_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- impressions: one document at one place in one execution
CREATE TABLE IF NOT EXISTS impressions$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    execution_id UUID,
    document_id String,
    retriever_id LowCardinality(String),
    position UInt16,
    query_key String,
    device LowCardinality(String),
    segment LowCardinality(String),
    variant LowCardinality(String),
    experiment_id LowCardinality(String),
    team LowCardinality(String),
    score Float32,
    norm_scores Array(Float32),
    contributions Array(Float32),
    winner LowCardinality(String),
    propensity Float32 DEFAULT nan,
    viewed UInt8,
    features Array(Float32),
    feature_version LowCardinality(String),
    price Float64,
    currency LowCardinality(String),
    INDEX by_execution_id execution_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, document_id, occurred_at, execution_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- interactions: one act of a user on a result
CREATE TABLE IF NOT EXISTS interactions$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    interaction_id UUID,
    external_id String,
    client_event_id String,
    execution_id UUID,
    retriever_id LowCardinality(String),
    document_id String,
    variant_id String,
    interaction_type Array(LowCardinality(String)),
    position Int32 DEFAULT -1,
    position_as_sent Int32 DEFAULT -1,
    position_base UInt8,
    duration_ms Nullable(UInt32),
    query String,
    query_key String,
    document_score Nullable(Float32),
    result_set_size Nullable(UInt32),
    reward Float32,
    reward_map_version UInt32,
    feature_uri LowCardinality(String),
    client_feature_uri LowCardinality(String),
    attribution LowCardinality(String) DEFAULT 'none',
    teaches UInt8,
    teaches_reason LowCardinality(String),
    context_keys Array(String),
    value Float64,
    currency LowCardinality(String),
    quantity UInt32,
    order_id String,
    shop_id LowCardinality(String),
    page_type LowCardinality(String),
    discovery_source LowCardinality(String),
    referrer_type LowCardinality(String),
    device LowCardinality(String),
    locale LowCardinality(String),
    country LowCardinality(String),
    user_agent_class LowCardinality(String),
    variant LowCardinality(String),
    experiment_id LowCardinality(String),
    arm LowCardinality(String),
    team LowCardinality(String),
    conformance Array(LowCardinality(String)),
    bot_score Float32,
    consent LowCardinality(String),
    INDEX by_execution_id execution_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_interaction_id interaction_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, user_id, occurred_at, interaction_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- lessons: the only input of a learner; its state is the fold of these in seq order
CREATE TABLE IF NOT EXISTS lessons$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    retriever_id LowCardinality(String),
    generation UInt32,
    kind LowCardinality(String),
    execution_id UUID,
    context_keys Array(String),
    payload String DEFAULT '{}'
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, retriever_id, generation, seq, node)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- rejected_interactions: events that were refused, as sent
CREATE TABLE IF NOT EXISTS rejected_interactions$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    rejected_id UUID,
    raw String,
    code LowCardinality(String),
    path String,
    hint String,
    fixed_as UUID
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, received_at, seq, rejected_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- marks: reversible statements; the last one per subject and mark holds
CREATE TABLE IF NOT EXISTS marks$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    subject LowCardinality(String),
    subject_id String,
    mark LowCardinality(String),
    value Int32 DEFAULT 1,
    reason LowCardinality(String),
    by LowCardinality(String),
    score Float32
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, subject, subject_id, mark, occurred_at)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- identity_links: anonymous to known, applied at read time
CREATE TABLE IF NOT EXISTS identity_links$local $on_cluster
(
    namespace LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    node LowCardinality(String),
    seq UInt64,
    user_id String,
    session_id String,
    purpose LowCardinality(String) DEFAULT 'traffic',
    attributes String DEFAULT '{}',
    from_user_id String,
    revoked_at DateTime64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (namespace, from_user_id, occurred_at)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

