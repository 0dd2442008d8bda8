// How many a second of the last minute: executions, interactions, lessons.
import { useEffect, useRef, useState } from "preact/hooks";
import { count, counted } from "../../format";
import { serverNow, type Happening, type Kind } from "../../state/live";
import { Explain } from "../../ui/explain";
import { Spark } from "../../ui/spark";

const SECONDS = 60;
const REMEMBERED = 100;
/** The figure is the mean of the last few seconds: one alone jumps. */
const LAST = 5;
const RATED: [Kind, string, string, string][] = [
  ["execution", "search", "searches", "Lists that were asked for, by users, tests and simulations"],
  ["interaction", "interaction", "interactions", "Acts of users that were told"],
  ["lesson", "lesson", "lessons", "Closed executions, late rewards and resets that were learned from"],
];

/** Counts by second of the server's clock. */
export class Minute {
  private seconds = new Map<number, Record<string, number>>();
  private since = 0;

  /** The server remembers 100: fewer, and the whole minute is known. */
  add(fresh: Happening[], lost: number): void {
    const now = serverNow();
    if (!this.since) this.since = fresh.length < REMEMBERED ? now - SECONDS * 1000 : Date.parse(fresh[0]?.at ?? "") || now;
    for (const { at, kind } of fresh) this.put(Math.min(now, Date.parse(at)), kind, 1);
    if (lost) this.put(now, "lost", lost);
    const oldest = Math.floor(now / 1000) - SECONDS;
    for (const second of this.seconds.keys()) if (second < oldest) this.seconds.delete(second);
  }

  private put(ms: number, kind: string, n: number): void {
    const second = Math.floor(ms / 1000);
    const found = this.seconds.get(second) ?? {};
    found[kind] = (found[kind] ?? 0) + n;
    this.seconds.set(second, found);
  }

  /** Nobody listens for a while: what was before is told with the next message, or not known. */
  interrupted(): void {
    this.since = 0;
  }

  /** One count a whole second, oldest first. */
  of(kind: string): number[] {
    const now = Math.floor(serverNow() / 1000);
    return Array.from({ length: SECONDS }, (_, n) => this.seconds.get(now - SECONDS + n)?.[kind] ?? 0);
  }

  /** Whole seconds back from now that are known. */
  known(): number {
    return this.since ? Math.min(SECONDS, Math.max(1, Math.floor((serverNow() - this.since) / 1000))) : 0;
  }
}

const sum = (counts: number[]): number => counts.reduce((total, n) => total + n, 0);

export function Rates({ minute, going }: { minute: Minute; going: boolean }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!going) return minute.interrupted();
    const timer = setInterval(() => document.hidden || tick((now) => now + 1), 1000);
    return () => clearInterval(timer);
  }, [going]);
  const known = going ? minute.known() : 0;
  const lost = sum(minute.of("lost"));
  return (
    <dl class="stats rates">
      {RATED.map(([kind, one, many, sentence]) => {
        const counts = minute.of(kind);
        const total = sum(counts);
        const last = Math.min(LAST, known);
        const rate = last ? sum(counts.slice(-last)) / last : 0;
        return (
          <div class="stat" key={kind}>
            <dt>{many} per second</dt>
            <dd>
              <Explain facts={{
                title: `${many.charAt(0).toUpperCase()}${many.slice(1)} per second`,
                sentence: `${sentence}. The figure is the mean of the last ${counted(last, "second")}; each bar is one second, the highest ${count(Math.max(0, ...counts))}.${lost ? ` ${count(lost)} happenings of all kinds were left out of the stream, so there were more.` : ""}`,
                unit: `${many} per second`, n: `${counted(total, one, many)} in ${counted(known, "second")}`, interval: "none: these are counted, not estimated",
                words: [kind],
              }}>
                <span class="figure">{known ? `${lost && rate ? "≥ " : ""}${rate < 10 ? rate.toFixed(1) : count(Math.round(rate))}` : "–"}</span>
              </Explain>
              <Spark counts={known ? counts : counts.map(() => 0)} known={known} />
              <span class="note">{known ? `${count(total)} in ${known < SECONDS ? counted(known, "second") : "the last minute"}` : "not known now"}</span>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

/** A sentence for those who do not see the rows, every ten seconds at most, and none when nothing happened. */
export function Spoken({ minute }: { minute: Minute }) {
  const [said, setSaid] = useState("");
  const latest = useRef(minute);
  latest.current = minute;
  useEffect(() => {
    const timer = setInterval(() => {
      const parts = RATED.flatMap(([kind, one, many]) => {
        const n = sum(latest.current.of(kind).slice(-10));
        return n ? [counted(n, one, many)] : [];
      });
      setSaid(parts.length ? `In the last 10 seconds: ${parts.join(", ")}.` : "");
    }, 10_000);
    return () => clearInterval(timer);
  }, []);
  return <p class="hidden" role="status">{said}</p>;
}
