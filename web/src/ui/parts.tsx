// Small parts that every page is made of.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { askForKey, Away, Refused } from "../api/client";
import type { Search } from "../searches";
import { Explain, type Facts } from "./explain";
import { toast } from "./toasts";
import { useNarrow } from "./width";

/** A search's letter in its colour. */
export function Badge({ search, faint = false }: { search: Search; faint?: boolean }) {
  return (
    <span class={`badge c${search.colour}${faint ? " faint" : ""}`} aria-hidden="true">
      {search.letter}
    </span>
  );
}

/** A search's letter and name, explained. */
export function SearchName({ search }: { search: Search }) {
  return (
    <Explain plain facts={{ title: search.label, sentence: search.sentence, unit: search.uri, words: ["search"] }}>
      <Badge search={search} /> <span class="name">{search.label}</span>
    </Explain>
  );
}

/** A number with its name, its interval and where it comes from. */
export function Stat({ label, value, note, facts }: { label: string; value: string; note?: string; facts: Facts }) {
  return (
    <div class="stat">
      <dt>{label}</dt>
      <dd>
        <Explain facts={facts}>
          <span class="figure">{value}</span>
        </Explain>
        {note && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

export function Card({ title, aside, children, id }: { title: string; aside?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="card" aria-label={title} id={id}>
      <header>
        <h2>{title}</h2>
        {aside && <div class="aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** Text to take away, such as a command. */
export function Code({ text, label }: { text: string; label: string }) {
  const copy = () => {
    const done = () => toast("Copied", "good");
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => toast("The browser refused to copy; mark the text instead", "bad"));
    else toast("Copying needs https or localhost; mark the text instead", "bad");
  };
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}><code>{text}</code></pre>
      <button type="button" class="quiet" onClick={copy} aria-label={`Copy: ${label}`}>Copy</button>
    </div>
  );
}

/** Nothing to show yet, and what to do about it. */
export function Empty({ title, children, code, label }: { title: string; children: ComponentChildren; code?: string; label?: string }) {
  return (
    <div class="empty">
      <p class="headline">{title}</p>
      <p>{children}</p>
      {code && <Code text={code} label={label ?? "the command"} />}
    </div>
  );
}

/** An error of the server in its own words, with what to do next. */
export function Problem({ error, again }: { error: Error; again?: () => void }) {
  if (error instanceof Away) return <p class="problem calm">Waiting for the server…</p>;
  const refused = error instanceof Refused ? error : null;
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{error.message || "Something went wrong on this page"}</strong>
      </p>
      {refused?.hint && <p>{refused.hint}</p>}
      <p class="foot">
        {refused && <code>{refused.status} {refused.code}</code>}
        {refused?.status === 401 && <button type="button" class="quiet" onClick={() => askForKey(refused.message)}>Enter a key</button>}
        {again && refused?.status !== 401 && <button type="button" class="quiet" onClick={again}>Try again</button>}
      </p>
    </div>
  );
}

/** Space for what is on its way; seen after a moment only, so that quick answers do not flicker. */
export function Waiting({ lines = 3 }: { lines?: number }) {
  return (
    <div class="waiting" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => <div key={line} />)}
    </div>
  );
}

export interface Column<T> {
  head: string;
  /** What the numbers of this column mean. */
  facts?: Facts;
  cell: (row: T) => ComponentChildren;
  numeric?: boolean;
  wide?: boolean;
}

/** Rows under a heading each; on a narrow screen every row becomes a small card. */
export function Table<T>({ columns, rows, keyOf, label, most = 0 }: { columns: Column<T>[]; rows: T[]; keyOf: (row: T) => string; label: string; most?: number }) {
  const [shown, setShown] = useState(most);
  const seen = shown ? rows.slice(0, shown) : rows;
  const narrow = useNarrow();
  const headOf = ({ head, facts }: Column<T>) => (facts ? <Explain facts={facts}>{head}</Explain> : head);
  return (
    <>
      <table aria-label={label}>
        <thead>
          <tr>{columns.map((column) => <th key={column.head} scope="col" class={column.numeric ? "numeric" : undefined}>{narrow ? column.head : headOf(column)}</th>)}</tr>
        </thead>
        <tbody>
          {seen.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.head} class={[column.numeric && "numeric", column.wide && "wide"].filter(Boolean).join(" ") || undefined}>
                  {narrow && <span class="heading" aria-hidden={!column.facts}>{headOf(column)}</span>}
                  <div>{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > seen.length && (
        <button type="button" class="quiet more" onClick={() => setShown(shown + most)}>
          Show {Math.min(most, rows.length - seen.length)} more of {rows.length} rows
        </button>
      )}
    </>
  );
}
