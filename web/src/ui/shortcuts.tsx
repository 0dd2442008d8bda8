// The keyboard: keys that work everywhere, and a list of them.
import { useEffect, useRef } from "preact/hooks";
import { go, PAGES, place } from "../router";
import { store, useStore } from "../state/store";
import { toggleTheme } from "./theme";

export const help = store(false);

const KEYS: [string[], string][] = [
  [["/"], "type a query"],
  [["j", "k"], "next, previous result"],
  [["Enter"], "click the result, as a user would"],
  [["1", "2", "3", "4", "5"], "Search, Learning, Live, Setup, Tasks"],
  [["t"], "light or dark"],
  [["?"], "this list"],
  [["Esc"], "close, leave a field"],
];

const typing = (target: EventTarget | null): boolean => target instanceof HTMLElement && (target.matches("input, select, textarea") || target.isContentEditable);

/** The title next to the focused one; the first or last when none is. */
function walk(by: 1 | -1): void {
  const titles = [...document.querySelectorAll<HTMLElement>(".result .title")];
  const now = titles.findIndex((title) => title.closest(".result")?.contains(document.activeElement));
  const next = titles[now < 0 ? (by > 0 ? 0 : titles.length - 1) : Math.min(titles.length - 1, Math.max(0, now + by))];
  next?.focus({ preventScroll: true });
  next?.closest(".result")?.scrollIntoView({ block: "nearest" });
}

function focusQuery(): void {
  if (place.get().page !== "search") go("search");
  requestAnimationFrame(() => setTimeout(() => {
    const field = document.querySelector<HTMLInputElement>("#query");
    field?.focus();
    field?.select();
  }, 30));
}

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && typing(event.target)) {
    event.preventDefault(); // a search field would empty itself
    (event.target as HTMLElement).blur();
  }
  if (typing(event.target)) return;
  const page = PAGES[Number(event.key) - 1];
  if (page) go(page);
  else if (event.key === "/") focusQuery();
  else if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
  else if (event.key === "t") toggleTheme();
  else if (event.key === "?") help.set(true);
  else return;
  event.preventDefault();
}

export function useShortcuts(): void {
  useEffect(() => {
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

export function Shortcuts() {
  const shown = useStore(help);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (shown && !dialog.current?.open) dialog.current?.showModal();
  }, [shown]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="keys-title" onClose={() => help.set(false)}>
      <h2 id="keys-title">Keys of the keyboard</h2>
      <dl class="keys">
        {KEYS.map(([keys, does]) => [<dt key={`${does}t`}>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>, <dd key={`${does}d`}>{does}</dd>])}
      </dl>
      <p class="note">Every underlined number explains itself when it is focused or pointed at.</p>
      <p class="foot"><button type="button" class="main" onClick={() => dialog.current?.close()}>Close</button></p>
    </dialog>
  );
}
