// Simulations as the server reports them (tasks of type `simulate`), and what the page asks of them.
import { send } from "./client";
import type { Task } from "./types";

/** A mean with its 95 % interval. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

export interface SimulationAsked {
  retriever: string;
  searches: number;
  /** null: as fast as it goes. */
  searches_per_second: number | null;
  taste: "segments" | "none";
  seed: number;
  copy: boolean;
}

/** NDCG@10 on held-out queries after so many searches, and what learning adds (paired). */
export interface Measured {
  searches: number;
  n: number;
  learned: Estimate;
  static: Estimate;
  equal: Estimate;
  over_static: Estimate;
  over_equal: Estimate;
}

export interface SimulationFound {
  retriever_id: string;
  retriever_name: string;
  users: number;
  held_out: number;
  curve: Measured[];
  final: Measured | null;
  weights: Record<string, Record<string, Estimate>>;
  verdict: "better" | "worse" | "not known yet";
  sentence: string;
}

export interface Simulation extends Omit<Task, "inputs" | "outputs"> {
  inputs: (SimulationAsked & { retriever_id: string; retriever_name: string })[];
  outputs: Partial<SimulationFound>[];
}

export const isRunning = (task: { status: string }): boolean => task.status === "PENDING" || task.status === "IN_PROGRESS";

/** What was measured last: all held-out queries at the end, some of them on the way; null before. */
export function lastMeasured(task: Simulation): Measured | null {
  const found = task.outputs[0];
  const last = found?.final ?? found?.curve?.at(-1);
  return last && last.searches > 0 ? last : null;
}

export const simulate = (asked: SimulationAsked): Promise<Simulation> => send<Simulation>("/v1/simulations", asked);
