// An answer that is asked anew when something happens that changes it. Where the server's feed is
// not live it is asked for every few seconds; where it is, rarely, for what the feed does not tell.
import { useAsked, type Asked } from "./asking";
import { useLive, useLiveState, type Happening, type Kind } from "./live";

const RARELY_MS = 30_000;
const OFTEN_MS = 5000;

export function useFresh<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, kinds: readonly Kind[], about: (each: Happening) => boolean = () => true): Asked<T> {
  const every = useLiveState() === "live" ? RARELY_MS : OFTEN_MS;
  const asked = useAsked(key, ask, every);
  useLive(key ? kinds : [], (happened, lost) => {
    if (lost || happened.some(about)) asked.soon();
  });
  return asked;
}
