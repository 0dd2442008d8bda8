// What the reports on learning answer: segments, exploration, changes.
import type { Estimate } from "./simulation";

export interface Exploration {
  /** The bonus in force. */
  effective: number;
  /** The variance of draws as a multiple of that of the belief. */
  variance_ratio: number;
  floor: number;
  start: number;
  /** Until the floor is reached: 0 when it is, null when it never is. */
  interactions_left: number | null;
}

/** What is believed, and the wider or narrower range that weights are drawn from. */
export interface Believed extends Estimate {
  drawn_low: number;
  drawn_high: number;
}

export interface SegmentsOut {
  segments: {
    /** null when no search of the last 30 days had it. */
    segment: string | null;
    /** Whose weights these are: a wider level's where the segment taught too little. */
    context_level: string;
    context_key: string;
    interactions: number;
    /** Of the last 30 days. */
    executions: number;
    weights: Record<string, Believed>;
    exploration: Exploration;
  }[];
  hint: string | null;
}

/** Everyone's weights at two moments; null where nothing was learned. */
export interface ChangesOut {
  since: string;
  until: string;
  then: Record<string, Estimate> | null;
  now: Record<string, Estimate> | null;
  lessons: number;
  interactions: number;
  moved: Record<string, number>;
  warning: string | null;
  hint: string | null;
}
