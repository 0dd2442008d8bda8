// Asking the server for something a component shows, again every so often while the page is seen.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { access, Away, link } from "../api/client";
import { useStore } from "./store";

export interface Asked<T> {
  data: T | undefined;
  error: Error | undefined;
  again: () => void;
}

/** The last answers by key, so that a page that is seen again begins with what it had. */
const kept = new Map<string, unknown>();
const MOST_KEPT = 60;

function keep(key: string, data: unknown): void {
  kept.delete(key);
  kept.set(key, data);
  const oldest = kept.keys().next().value;
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
}

let keyBefore = access.get().key;
/** Nothing is shown that another key was allowed to see. */
access.watch((now) => {
  if (now.key !== keyBefore) kept.clear();
  keyBefore = now.key;
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
  useEffect(() => {
    if (!key) return undefined;
    const going = new AbortController();
    let timer = 0;
    const later = () => {
      if (every && !going.signal.aborted) timer = window.setTimeout(run, every);
    };
    const run = () => {
      if (document.hidden || link.get().state === "away") return later();
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
    };
  }, [key, every, epoch, turn]);
  const again = useCallback(() => setTurn((now) => now + 1), []);
  const fits = state.key === key;
  const data = (fits ? state.data : undefined) ?? (fits && state.error ? undefined : (kept.get(key) as T | undefined));
  return { data, error: fits ? state.error : undefined, again };
}
