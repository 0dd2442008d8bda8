// What happened lately, newest first, bounded; stands still while somebody reads it.
import { useEffect, useRef, useState } from "preact/hooks";
import { useLive, type Happening, type Kind } from "../../state/live";

/** One thing that happened; or, with `lost`, how many at this place were not told. */
export interface Seen {
  n: number;
  what: Happening | null;
  lost: number;
}

export interface Tail {
  rows: Seen[];
  /** What was left out since `rows` stands still. */
  newer: number;
  /** Nothing at all has been told yet. */
  silent: boolean;
}

export const MOST_ROWS = 100;
/** On a narrow screen, where each takes three lines. */
export const FEWER_ROWS = 25;
/** Remembered, so that a filter that is taken away shows something at once. */
const MOST_KEPT = 600;

/** What names a happening, also when it is told twice. */
function nameOf(what: Happening): string {
  switch (what.kind) {
    case "execution":
      return what.execution_id;
    case "interaction":
      return what.interaction_id;
    case "lesson":
      return `${what.lesson} ${what.seq} ${what.retriever_id}`;
    case "weights":
      return `${what.retriever_id} ${what.posterior_version}`;
    case "task":
      return `${what.task_id} ${what.at}`;
  }
}

class Kept {
  rows: Seen[] = [];
  private names = new Set<string>();
  private n = 0;

  /** Takes what is new; gives it back. */
  add(happened: Happening[], lost: number): Happening[] {
    const fresh = happened.filter((what) => {
      const name = nameOf(what);
      return !this.names.has(name) && this.names.add(name);
    });
    const added = fresh.map((what) => ({ n: (this.n += 1), what, lost: 0 }));
    // What was left out came before what was sent with it.
    if (lost) this.rows = [{ n: (this.n += 1), what: null, lost }, ...this.rows];
    this.rows = [...added.reverse(), ...this.rows].slice(0, MOST_KEPT);
    if (this.names.size > 4 * MOST_KEPT) this.names = new Set(this.rows.flatMap(({ what }) => (what ? [nameOf(what)] : [])));
    return fresh;
  }
}

export interface Filter {
  kinds: ReadonlySet<Kind>;
  retriever: string;
  /** Rows drawn. */
  most: number;
}

const fits = (what: Happening, { kinds, retriever }: Filter): boolean =>
  kinds.has(what.kind) && (!retriever || what.retriever_name === retriever || what.retriever_id === retriever);

/** The rows to draw: those that fit, with neighbouring gaps made one. */
function drawn(rows: Seen[], filter: Filter): Seen[] {
  const shown: Seen[] = [];
  for (const row of rows) {
    const last = shown.at(-1);
    if (row.what ? fits(row.what, filter) : !last?.lost) shown.push(row);
    else if (!row.what && last?.lost) shown[shown.length - 1] = { ...last, lost: last.lost + row.lost };
    if (shown.length >= filter.most) break;
  }
  return shown;
}

/** `held`: the rows stay as they are, and what comes is counted. */
export function useTail(filter: Filter, held: boolean, kinds: readonly Kind[], also: (fresh: Happening[], lost: number) => void): Tail {
  const kept = useRef(new Kept());
  const still = useRef<Seen[] | null>(null);
  const newer = useRef(0);
  const [, redraw] = useState(0);
  if (held && !still.current) still.current = kept.current.rows;
  if (!held) [still.current, newer.current] = [null, 0];
  useLive(kinds, (happened, lost) => {
    const fresh = kept.current.add(happened, lost);
    if (held) newer.current += fresh.filter((what) => fits(what, filter)).length;
    also(fresh, lost);
    redraw((now) => now + 1);
  });
  useEffect(() => redraw((now) => now + 1), [held]);
  return { rows: drawn(still.current ?? kept.current.rows, filter), newer: newer.current, silent: !kept.current.rows.length };
}
