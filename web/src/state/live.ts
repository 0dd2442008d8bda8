// What happens on the server, as it happens: one stream of `GET /v1/live`, shared by whoever watches.
// It is open only while a component listens and the page is seen; it comes back by itself.
import { useEffect, useRef } from "preact/hooks";
import { access, answered, Away, link as server } from "../api/client";
import { store, useStore } from "./store";

interface About {
  at: string;
  retriever_id: string;
  retriever_name: string;
  simulated: boolean;
}

export interface LiveExecution extends About {
  kind: "execution";
  execution_id: string;
  query: string;
  user_id: string;
  segment: string;
  purpose: string;
  variant: string;
  reason: string;
  context_level: string;
  /** As drawn; empty where none were. */
  weights: Record<string, number>;
  served: boolean;
  results: number;
  top: string[];
  total_ms: number;
}

export interface LiveInteraction extends About {
  kind: "interaction";
  interaction_id: string;
  execution_id: string | null;
  document_id: string;
  interaction_type: string[];
  position: number | null;
  reward: number;
  teaches: boolean | null;
  teaches_reason: string;
  user_id: string;
}

export interface LiveLesson extends About {
  kind: "lesson";
  lesson: string;
  seq: number;
  execution_id: string | null;
  context_keys: string[];
  /** Documents taught, and those of them with a reward. */
  shown: number;
  rewarded: number;
}

export interface LiveWeights extends About {
  kind: "weights";
  posterior_version: number;
  lessons: number;
  /** Everyone's means after the lessons. */
  weights: Record<string, number>;
}

export interface LiveTask extends About {
  kind: "task";
  task_id: string;
  task_type: string;
  status: string;
  done: number;
  total: number | null;
  unit: string;
  message: string;
}

export type Happening = LiveExecution | LiveInteraction | LiveLesson | LiveWeights | LiveTask;
export type Kind = Happening["kind"];
export const KINDS = ["execution", "interaction", "lesson", "weights", "task"] as const satisfies readonly Kind[];

/** `none`: this server has no feed; `idle`: nobody listens; `paused`: the page is not seen. */
export type LiveState = "idle" | "connecting" | "live" | "paused" | "away" | "none";
export const live = store<{ state: LiveState }>({ state: "idle" });

interface Listener {
  kinds: ReadonlySet<Kind>;
  on: (happened: Happening[], lost: number) => void;
}

const listeners = new Set<Listener>();
/** The server says something every 15 s, be it that nothing happens. */
const SILENT_MS = 40_000;
const SETTLE_MS = 60;
const WAIT_MS = [1000, 2000, 5000, 15_000, 30_000];

let going: AbortController | null = null;
let goingKinds = "";
let timer = 0;
let failures = 0;
let ahead = 0;

/** The server's clock, in ms; the browser's own where they agree to two seconds. */
export const serverNow = (): number => Date.now() + ahead;

const say = (state: LiveState) => live.get().state !== state && live.set({ state });
const wanted = (): string => KINDS.filter((kind) => [...listeners].some((each) => each.kinds.has(kind))).join(",");

/** Opens, changes or closes the stream to fit who listens; a moment later, as pages come and go. */
function settle(wait = SETTLE_MS): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    const kinds = wanted();
    if (going && kinds === goingKinds && !document.hidden) return;
    close();
    if (!kinds) return say("idle");
    if (document.hidden) return say("paused");
    void open(kinds);
  }, wait);
}

function close(): void {
  going?.abort();
  going = null;
}

async function open(kinds: string): Promise<void> {
  const mine = new AbortController();
  [going, goingKinds] = [mine, kinds];
  if (live.get().state !== "away") say("connecting");
  try {
    const answer = await answered(`/v1/live?kinds=${kinds}`, { headers: { accept: "text/event-stream" }, signal: mine.signal });
    if (!answer.ok || !answer.body) throw new Lacking(answer.status);
    const difference = Date.parse(answer.headers.get("date") ?? "") - Date.now();
    ahead = Math.abs(difference) > 2000 ? difference : 0;
    await listen(answer.body, mine);
    throw new Away("The stream ended.");
  } catch (error) {
    if (going !== mine) return; // closed on purpose
    going = null;
    failures += 1;
    const absent = error instanceof Lacking && (error.status === 404 || error.status === 405);
    say(absent ? "none" : "away");
    settle(absent ? 60_000 : (WAIT_MS[failures - 1] ?? 30_000));
  }
}

class Lacking extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`${status}`);
    this.status = status;
  }
}

async function listen(body: ReadableStream<Uint8Array>, mine: AbortController): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let kept = "";
  for (;;) {
    const silent = window.setTimeout(() => void reader.cancel(), SILENT_MS);
    const { done, value } = await reader.read();
    clearTimeout(silent);
    if (done || mine.signal.aborted) return;
    failures = 0;
    say("live");
    const parts = (kept + value).split(/\r?\n\r?\n/);
    kept = parts.pop() ?? "";
    for (const part of parts) tell(part);
  }
}

function tell(message: string): void {
  const data = message.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
  if (!data) return; // a comment, to keep the line open
  const { happened, lost } = JSON.parse(data) as { happened: Happening[]; lost: number };
  for (const { kinds, on } of [...listeners]) {
    const fitting = happened.filter((each) => kinds.has(each.kind));
    if (fitting.length || lost || !happened.length) on(fitting, lost); // an empty first message says: nothing yet
  }
}

function again(): void {
  failures = 0;
  close();
  if (listeners.size) settle();
}

document.addEventListener("visibilitychange", () => settle());
let keyBefore = access.get();
access.watch((now) => {
  if (now.key !== keyBefore.key || now.namespace !== keyBefore.namespace) again();
  keyBefore = now;
});
let epochBefore = server.get().epoch;
server.watch((now) => {
  if (now.epoch !== epochBefore) again(); // the server is back
  epochBefore = now.epoch;
});

/**
 * `on` is told what happened of these kinds, once a message (at most five a second), oldest first.
 * The first message of a connection repeats the newest, so that after a break some are told twice.
 * `lost` counts what was left out, of any kind that anybody listens to.
 */
export function useLive(kinds: readonly Kind[], on: (happened: Happening[], lost: number) => void): void {
  const latest = useRef(on);
  latest.current = on;
  const names = kinds.join(",");
  useEffect(() => {
    if (!names) return undefined;
    const listener: Listener = { kinds: new Set(names.split(",") as Kind[]), on: (happened, lost) => latest.current(happened, lost) };
    listeners.add(listener);
    settle();
    return () => {
      listeners.delete(listener);
      settle();
    };
  }, [names]);
}

export const useLiveState = (): LiveState => useStore(live).state;
