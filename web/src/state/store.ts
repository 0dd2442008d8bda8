// A value that components watch. Knows nothing of what it holds.
import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(next: T | ((now: T) => T)): void;
  watch(listener: (now: T) => void): () => void;
}

export function store<T>(initial: T): Store<T> {
  let now = initial;
  const listeners = new Set<(now: T) => void>();
  return {
    get: () => now,
    set(next) {
      now = typeof next === "function" ? (next as (now: T) => T)(now) : next;
      for (const listener of [...listeners]) listener(now);
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

export function useStore<T>(watched: Store<T>): T {
  const [value, setValue] = useState<T>(() => watched.get());
  useEffect(() => {
    setValue(() => watched.get());
    return watched.watch((now) => setValue(() => now));
  }, [watched]);
  return value;
}
