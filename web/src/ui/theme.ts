// Light, dark, or as the system says; kept in this browser.
import { store } from "../state/store";

export type Theme = "system" | "light" | "dark";
const KEY = "desireline.theme";

function kept(): Theme {
  const found = localStorage.getItem(KEY);
  return found === "light" || found === "dark" ? found : "system";
}

export const theme = store<Theme>(kept());

export function applyTheme(): void {
  const now = theme.get();
  if (now === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = now;
}

/** From what is seen now to its opposite; back to the system's when both agree. */
export function toggleTheme(): void {
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = theme.get() === "system" ? systemDark : theme.get() === "dark";
  const next: Theme = !dark === systemDark ? "system" : dark ? "light" : "dark";
  if (next === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  theme.set(next);
  applyTheme();
}
