// Numbers, times and names as people read them.
const counts = new Intl.NumberFormat("en");

/** 12,345 */
export const count = (n: number): string => counts.format(n);

/** .4963 as `49.6 %` */
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** [.48, .51] as `48.0 to 51.0 %` */
export const interval = (low: number, high: number, digits = 1): string =>
  `${(low * 100).toFixed(digits)} to ${(high * 100).toFixed(digits)} %`;

/** A difference of two shares in percentage points, with its sign. */
export function points(difference: number): string {
  const value = (difference * 100).toFixed(1);
  if (value === "0.0" || value === "-0.0") return "±0.0 pt";
  return `${difference > 0 ? "+" : "−"}${value.replace("-", "")} pt`;
}

/** .4725 as `0.473`: numbers of 0 to 1 that are no shares. */
export const decimal = (value: number, digits = 3): string => value.toFixed(digits);

/** A difference of two such numbers, with its sign: `+0.076`. */
export function difference(value: number, digits = 3): string {
  const shown = Math.abs(value).toFixed(digits);
  return `${Number(shown) === 0 ? "±" : value > 0 ? "+" : "−"}${shown}`;
}

/** `1 search`, `2 searches`, `3 collections` */
export const counted = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

export const signed = (value: number): string => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)}`;

export function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Seconds as `12 s`, `3 min`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return hours < 48 ? `${hours} h${rest ? ` ${rest} min` : ""}` : `${Math.round(hours / 24)} days`;
}

/** How long ago, in words. */
export function ago(iso: string, now = Date.now()): string {
  const seconds = (now - Date.parse(iso)) / 1000;
  return seconds < 5 ? "just now" : `${duration(seconds)} ago`;
}

export const moment = (iso: string): string =>
  new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** `2026-11-21` as `21 Nov` */
export const day = (date: string): string =>
  new Date(`${date}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

export const clock = (iso: string): string => new Date(iso).toLocaleTimeString("en-GB");

/** At most `most` characters, with an ellipsis in the middle. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}
