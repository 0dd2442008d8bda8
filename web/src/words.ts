// Sentences about the words on the page. What GLOSSARY.md has is taken from there.
import glossary from "virtual:glossary";

const OWN: Record<string, string> = {
  interval: "The range that holds the true value in 95 of 100 cases like this one; narrow means sure",
  exploration: "How widely weights are tried around what is believed: 1 is the full uncertainty, less is calmer",
  "static fusion": "The list made with fixed weights, before or without learning",
  contribution: "What one search adds to a document's score: its weight times its normalised score",
  score: "The sum of the contributions of all searches; it orders the list",
  readiness: "Whether the server takes requests",
  "held-out query": "A query that no simulated user searches; what was learned is measured on it, and it teaches nothing",
  posterior: "What is believed about each weight after all that was learned so far",
  "context level": "Whose evidence the weights rest on: one user's own (personal), their segment's (demographic), everyone's (global), or none (prior)",
  task: "Work that goes on for a while in the background, with its progress and a way to stop it",
  retriever: "A named recipe: which searches run over which collection, and how one list is made of theirs",
  "draw": "One try out of what is believed: weights for one search, kept for a visit until somebody acts",
};

const ALIASES: Record<string, string> = { weights: "fusion, weights", fusion: "fusion, weights", grade: "judgment, grade", document: "document, document_id", reward: "reward, reward map" };

/** The glossary's sentence about a word, with a capital and a full stop; "" for a word it does not have. */
export function meaning(word: string): string {
  const found = OWN[word] ?? glossary[ALIASES[word] ?? word] ?? "";
  const plain = found.replace(/\s+/g, " ").trim();
  return plain ? `${plain[0]?.toUpperCase()}${plain.slice(1).replace(/\.$/, "")}.` : "";
}

/** Why an execution was served as it was (`learned_fusion_context.reason`). */
export const REASONS: Record<string, string> = {
  no_data: "Nothing has been learned yet, so the static order is served, exactly.",
  kill_switch: "Learning is switched off: the static order is served to everyone.",
  opted_out: "This user opted out of learning: the static order is served.",
  not_in_rollout: "This user is outside the rollout: the static order is served.",
  circuit_breaker: "Weights were late, so the static order is served for a moment.",
  shadow_mode: "Shadow mode: learned weights are computed and logged, the static order is served.",
};

export const LEVELS: Record<string, string> = {
  personal: "this user's own evidence",
  demographic: "the evidence of users like this one (their segment)",
  global: "everyone's evidence",
  prior: "no evidence yet",
};

/** The same in a word or two, for a row of many. */
export const WHOSE: Record<string, string> = { personal: "the user's own", demographic: "of the segment", global: "everyone's", prior: "none yet" };

/** What an execution was for, where it was not for a user. */
export const PURPOSES: Record<string, string> = {
  simulation: "By a simulated user, a program; it teaches like a real one.",
  evaluation: "Run to measure, by a program or a simulation; no user saw it and it teaches nothing.",
  test: "Somebody tried it; it teaches nothing.",
};

/** Why an interaction teaches or not (`teaches_reason`), where the answer has no warning of its own. */
export const TEACHES: Record<string, string> = {
  open: "It teaches when this search closes: with the next search of this visit, or after 30 minutes.",
  late: "This search has closed already: it teaches at once, as a late reward.",
};

/** What happened (`event_type` of the activity route). */
export const HAPPENINGS: Record<string, string> = {
  context_transition: "A user's weights rest on more, or less",
  weight_shift: "Weights moved by more than 5 points in a day",
  enabled: "Learning switched on",
  disabled: "Learning switched off",
  auto_disabled: "Learning switched itself off",
  rollout_changed: "Rollout changed",
  shadow_changed: "Shadow mode changed",
  opt_out: "User opted out",
  opt_in: "User opted in again",
  reset: "User's own preferences forgotten",
  config_changed: "Configuration changed",
};

/** What taught (`lesson` of the live feed). */
export const LESSONS: Record<string, string> = {
  close: "An execution closed",
  late: "A late reward",
  reset: "A user's own preferences forgotten",
  opt_out: "A user opted out",
  opt_in: "A user opted in again",
};
