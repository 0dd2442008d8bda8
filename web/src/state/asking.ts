// Asking the server for something a component shows, again every so often while the page is seen.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { access, Away, link } from "../api/client";
import { useStore } from "./store";

export interface Asked<T> {
  data: T | undefined;
  error: Error | undefined;
  again: () => void;
  /** Ask anew soon, and not before the answer that is under way: for what happens often. */
  soon: () => void;
}

/** Between two answers, however much happens. */
const GAP_MS = 1000;

/** The last answers by key, so that a page that is seen again begins with what it had. */
const kept = new Map<string, unknown>();
const MOST_KEPT = 60;

function keep(key: string, data: unknown): void {
  kept.delete(key);
  kept.set(key, data);
  const oldest = kept.keys().next().value;
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
}

let before = access.get();
/** Nothing is shown that another key was allowed to see, or that stands in another namespace. */
access.watch((now) => {
  if (now.key !== before.key || now.namespace !== before.namespace) kept.clear();
  before = now;
});

/**
 * The answer of `ask`, asked anew when `key` changes, every `every` ms, and when the server came back.
 * A stale answer stays until the next one arrives; it goes when `key` changes. Nothing is asked for "".
 */
export function useAsked<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, every = 0): Asked<T> {
  const { epoch } = useStore(link);
  const [state, setState] = useState<{ key: string; data?: T; error?: Error }>({ key });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const pace = useRef(every);
  pace.current = every;
  const nudge = useRef<() => void>(() => undefined);
  useEffect(() => {
    if (!key) return undefined;
    const going = new AbortController();
    let timer = 0;
    let busy = false;
    let nudged = false;
    const later = () => {
      busy = false;
      const wait = nudged ? GAP_MS : pace.current;
      if (wait && !going.signal.aborted) timer = window.setTimeout(run, wait);
    };
    nudge.current = () => {
      if (nudged) return;
      nudged = true;
      if (busy) return;
      clearTimeout(timer);
      later();
    };
    const run = () => {
      nudged = false;
      if (document.hidden || link.get().state === "away") return later();
      busy = true;
      latest.current(going.signal).then(
        (data) => {
          keep(key, data);
          if (!going.signal.aborted) setState({ key, data });
          later();
        },
        (error: Error) => {
          if (going.signal.aborted) return;
          // While the server is away the last answer stays: the banner says so.
          setState((now) => (error instanceof Away && now.key === key && now.data !== undefined ? now : { key, error }));
          later();
        },
      );
    };
    if (link.get().state === "away" && !kept.has(key)) setState({ key, error: new Away("The server does not answer.") });
    else run();
    return () => {
      going.abort();
      clearTimeout(timer);
      nudge.current = () => undefined;
    };
  }, [key, epoch, turn]);
  const again = useCallback(() => setTurn((now) => now + 1), []);
  const soon = useCallback(() => nudge.current(), []);
  const fits = state.key === key;
  const data = (fits ? state.data : undefined) ?? (fits && state.error ? undefined : (kept.get(key) as T | undefined));
  return { data, error: fits ? state.error : undefined, again, soon };
}
