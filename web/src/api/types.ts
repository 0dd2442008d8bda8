// The parts of the answers that the pages read; `/openapi.json` has all of them.

export interface Pagination {
  total: number | null;
  next_cursor: string | null;
  next_page?: number | null;
}

export interface Feature {
  feature_uri: string;
  kind: string;
  fields: string[];
  model: string;
  field: string;
}

export interface Collection {
  collection_id: string;
  collection_name: string;
  document_count: number;
  index_version: number;
  features: Feature[];
  created_at: string;
}

export interface SearchOf {
  feature_uri: string;
  query?: unknown;
  weight?: number | null;
}

export interface LearningConfig {
  algorithm?: string;
  demographic_features?: string[] | null;
  min_interactions?: number;
  rollout_pct?: number;
  shadow_mode?: boolean;
  attribution_window_seconds?: number;
}

export interface Stage {
  stage_name: string;
  config: { stage_id: string; parameters: { searches?: SearchOf[]; fusion?: string; learning_config?: LearningConfig | null } };
}

export interface Retriever {
  retriever_id: string;
  retriever_name: string;
  version: number;
  fusion: string | null;
  collection_identifiers: string[];
  stages: Stage[];
  feature_dependencies: string[];
  is_published: boolean;
  updated_at: string;
}

export interface Contribution {
  feature_uri: string;
  rank: number | null;
  raw_score: number | null;
  norm_score: number;
  weight: number;
  contribution: number;
}

export interface Document {
  document_id: string;
  collection_id?: string;
  score: number;
  position: number;
  rank: number;
  attribution?: Contribution[];
  [field: string]: unknown;
}

export interface Choice {
  context_level: string;
  sampled_weights: Record<string, number>;
  feature_uris: string[];
  effective_exploration: number;
  served: boolean;
  reason: string | null;
  variant: string;
  bucket: number;
  posterior_version: number;
}

export interface Execution {
  retriever_id: string;
  execution_id: string;
  status: string;
  documents: Document[];
  pagination: { total: number; returned: number };
  stage_statistics: {
    stages: Record<string, { input_count: number; output_count: number; duration_ms: number; metadata?: { search_ms?: number[] } }>;
    total_time_ms: number;
  };
  warnings: string[];
  degraded: { resource?: string; reason?: string; message?: string }[];
  limits: { resource?: string; reason?: string; message?: string }[];
  learned_fusion_context?: Choice;
  error: string | null;
}

export interface Interaction {
  interaction_id: string | null;
  document_id: string;
  interaction_type: string[];
  metadata: { reward_value?: number };
  deduplicated: boolean;
  attribution: string;
  teaches: boolean | null;
  teaches_reason: string;
  warning: string | null;
  feature_uri: string | null;
}

export interface FeatureWeight {
  alpha: number;
  beta: number;
  mean_weight: number;
  weight: number;
  low: number;
  high: number;
  interaction_count: number;
}

export interface Weights {
  feature_weights: Record<string, FeatureWeight>;
  weights: Record<string, number>;
  total_interactions: number;
  learner_count: number;
  levels: Record<string, number>;
  posterior_version: number;
  as_of: string;
  warning: string | null;
  hint: string | null;
}

/** Nothing has been learned: all draws are equal, which is no certainty but the absence of any. */
export const isUnknown = (weights: Weights): boolean => Object.values(weights.feature_weights).every((each) => each.high - each.low < 1e-6);

export interface UserWeights {
  user_id: string;
  context_level: string;
  resolved_level: string;
  interaction_count: number;
  mean_weights: Record<string, number>;
  sampled_weights: Record<string, number>;
  /** 95 % interval of each weight; servers before it was added leave it out. */
  intervals?: Record<string, [number, number]>;
}

export interface Stats {
  total_learners: number;
  enabled: boolean;
  rollout_pct: number;
  rollout_override: boolean;
  shadow_mode: boolean;
  opted_out_users: number;
  lessons: number;
  context_level_distribution: Record<string, number>;
  hint: string | null;
}

export interface WeightDay {
  mean: number | null;
  posterior_sd: number | null;
}

export interface Convergence {
  days: { date: string; weights: Record<string, WeightDay>; executions: number; lessons: number; change: boolean }[];
  converged: boolean;
  dominant: string | null;
}

export interface Happening {
  timestamp: string;
  event_type: string;
  user_id: string | null;
  details: Record<string, unknown>;
}

export interface Drawn {
  timestamp: string;
  /** `purpose` is left out by servers before it was added. */
  metadata: { purpose?: string };
  signal_data: { context_level: string; weights: Record<string, number>; served: boolean };
}

export interface Task {
  task_id: string;
  task_type: string;
  status: string;
  error: string | null;
  message: string;
  progress: { done: number; total: number; unit: string; percent: number | null; per_second: number | null; seconds_left: number | null };
  attempts: number;
  is_reported: boolean;
  inputs: Record<string, unknown>[];
  outputs: Record<string, unknown>[];
  created_at: string;
  started_at: string | null;
  updated_at: string;
  finished_at: string | null;
}

export interface PageOf<T> {
  results: T[];
  pagination: Pagination;
}
