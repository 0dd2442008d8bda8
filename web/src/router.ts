// The address: `#/page?name=value`. Knows pages by name only.
import { store } from "./state/store";

export const PAGES = ["search", "learning", "live", "setup", "tasks"] as const;
export type Page = (typeof PAGES)[number];

export interface Place {
  page: Page | "unknown";
  params: URLSearchParams;
}

function parsed(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const page = path === "" ? "search" : PAGES.find((name) => name === path);
  return { page: page ?? "unknown", params: new URLSearchParams(query) };
}

export const place = store<Place>(parsed());
addEventListener("hashchange", () => place.set(parsed()));

/** The fragment of a page; parameters without a value are left out. */
export function hrefOf(page: Page, params: Record<string, string | undefined> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const tail = query.toString();
  return `#/${page}${tail ? `?${tail}` : ""}`;
}

/** Go there; `replace` leaves no entry for the back button. */
export function go(page: Page, params: Record<string, string | undefined> = {}, replace = false): void {
  const href = hrefOf(page, params);
  if (!replace) location.hash = href;
  else {
    history.replaceState(null, "", href);
    place.set(parsed());
  }
}
