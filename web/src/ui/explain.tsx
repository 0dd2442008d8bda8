// What a number means: on hover or focus a card with unit, n, interval and one sentence.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { store, useStore } from "../state/store";
import { meaning } from "../words";

export interface Facts {
  /** What it is, as a heading. */
  title: string;
  /** One sentence about this number. */
  sentence: string;
  unit?: string;
  /** From how many, of what: "966 interactions". */
  n?: string;
  /** Where it is left out, what has a unit and an n is no estimate. */
  interval?: string;
  /** Words of the glossary that the sentence rests on. */
  words?: string[];
}

interface Tip {
  id: string;
  facts: Facts;
  /** What is explained: the card stays beside it. */
  by: HTMLElement;
}

const tip = store<Tip | null>(null);
/** Every explanation that leaves the page asks for this: only who is shown tells the others. */
const hide = (id: string) => tip.get()?.id === id && tip.set(null);

/** Something with an explanation; can be focused, so that it works without a mouse. */
export function Explain({ facts, children, plain = false }: { facts: Facts; children: ComponentChildren; plain?: boolean }) {
  const id = useId();
  const open = useStore(tip)?.id === id;
  const show = (event: { currentTarget: EventTarget | null }) =>
    tip.set({ id, facts, by: event.currentTarget as HTMLElement });
  useEffect(() => () => void hide(id), [id]); // what is gone from the page is not explained
  return (
    <button
      type="button"
      class={plain ? "explain plain" : "explain"}
      aria-describedby={open ? "tip" : undefined}
      onMouseEnter={show}
      onFocus={show}
      onClick={show}
      onMouseLeave={() => hide(id)}
      onBlur={() => hide(id)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && open) {
          event.stopPropagation();
          hide(id);
        }
      }}
    >
      {children}
    </button>
  );
}

/** The one card; drawn beside whatever is explained, inside the window. */
export function TipLayer() {
  const shown = useStore(tip);
  const card = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  useLayoutEffect(() => {
    if (!shown || !card.current) return undefined;
    const { width, height } = card.current.getBoundingClientRect();
    const gone = () => tip.set(null);
    // A focus may scroll, after the card was shown: it goes along, until what it explains is out of sight.
    const beside = () => {
      const at = shown.by.getBoundingClientRect();
      if (at.bottom < 0 || at.top > innerHeight) return gone();
      const below = at.bottom + 6;
      setPlace({
        left: Math.max(8, Math.min(at.left, document.documentElement.clientWidth - width - 8)),
        top: below + height < innerHeight - 8 ? below : Math.max(8, at.top - height - 6),
      });
    };
    beside();
    addEventListener("scroll", beside, { passive: true, capture: true });
    addEventListener("hashchange", gone);
    return () => {
      removeEventListener("scroll", beside, { capture: true });
      removeEventListener("hashchange", gone);
    };
  }, [shown]);
  if (!shown) return null;
  const { facts } = shown;
  const rows: [string, string | undefined][] = [["unit", facts.unit], ["from", facts.n], ["95 % interval", facts.interval ?? (facts.unit && facts.n ? "none: it is no estimate" : undefined)]];
  return (
    <div id="tip" role="tooltip" class="tip" ref={card} style={{ left: `${place.left}px`, top: `${place.top}px` }}>
      <strong>{facts.title}</strong>
      <p>{facts.sentence}</p>
      <dl>
        {rows.filter(([, value]) => value).map(([name, value]) => [<dt key={`${name}t`}>{name}</dt>, <dd key={`${name}d`}>{value}</dd>])}
      </dl>
      {facts.words?.map((word) => meaning(word) && (
        <p class="word" key={word}>
          <b>{word}</b> {meaning(word)}
        </p>
      ))}
    </div>
  );
}
