// What is opened beside the tail: a card that takes the focus of who opened it, comes into view, and
// gives the focus back when it is closed.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Card } from "../../ui/parts";

const ID = "opened";

export function Opened({ title, closed, children }: { title: string; /** The page without it. */ closed: string; children: ComponentChildren }) {
  useEffect(() => {
    const card = document.getElementById(ID);
    const opener = document.activeElement?.closest<HTMLElement>("main *");
    if (!card || !opener) return undefined; // the address was opened, not a link
    card.tabIndex = -1;
    card.focus({ preventScroll: true });
    const { top } = card.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) card.scrollIntoView({ block: "start" });
    return () => void setTimeout(() => giveBack(opener));
  }, []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && document.getElementById(ID)?.contains(document.activeElement)) location.hash = closed;
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [closed]);
  return <Card id={ID} title={title} aside={<a href={closed}>Close</a>}>{children}</Card>;
}

/** To the row it came from; where that has gone meanwhile, to the filters above the rows. */
function giveBack(opener: HTMLElement): void {
  if (document.getElementById(ID) || document.activeElement !== document.body) return; // another is open, or the focus is elsewhere
  const target = opener.isConnected ? opener : document.querySelector<HTMLElement>(".filters button[aria-pressed=true]");
  target?.focus();
}
