// Bars of shares: one with its interval, several laid end to end.
import type { Search } from "../searches";

/** A share of 0 to 1 as a bar, its interval as a whisker, and a second value as a mark. */
export function ShareBar({ search, value, low, high, mark }: { search: Search; value: number; low?: number | undefined; high?: number | undefined; mark?: number | undefined }) {
  const known = low !== undefined && high !== undefined;
  return (
    <svg class="share" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">
      <rect class="rail" x="0" y="2" width="100" height="10" />
      <rect class={`fill c${search.colour}`} x="0" y="2" width={Math.max(0.4, value * 100)} height="10" />
      {known && (
        <g class="whisker">
          <line x1={low * 100} x2={high * 100} y1="7" y2="7" />
          <line x1={low * 100} x2={low * 100} y1="3.5" y2="10.5" />
          <line x1={high * 100} x2={high * 100} y1="3.5" y2="10.5" />
        </g>
      )}
      {mark !== undefined && <line class="mark" x1={mark * 100} x2={mark * 100} y1="0" y2="14" />}
    </svg>
  );
}

/** Parts end to end, each in its search's colour, as long as `whole` allows. */
export function StackedBar({ parts, whole }: { parts: { search: Search; value: number }[]; whole: number }) {
  let start = 0;
  return (
    <svg class="stacked" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
      <rect class="rail" x="0" y="0" width="100" height="12" />
      {parts.map(({ search, value }) => {
        const width = whole > 0 ? Math.max(0, (100 * value) / whole) : 0;
        const x = start;
        start += width;
        return <rect key={search.uri} class={`fill c${search.colour}`} x={x} y="0" width={Math.max(0, width - 0.3)} height="12" />;
      })}
    </svg>
  );
}

/** Percent of the width where a value of `from` to `to` lies, a little inside both ends. */
const along = (value: number, from: number, to: number): string => `${(2 + (96 * (Math.min(to, Math.max(from, value)) - from)) / (to - from)).toFixed(2)}%`;

function Whisker({ low, high, y, from, to, tone }: { low: number; high: number; y: number; from: number; to: number; tone: string }) {
  const [start, end] = [along(low, from, to), along(high, from, to)];
  return (
    <g class={`reach ${tone}`}>
      <line x1={start} x2={end} y1={y} y2={y} />
      <line x1={start} x2={start} y1={y - 4} y2={y + 4} />
      <line x1={end} x2={end} y1={y - 4} y2={y + 4} />
    </g>
  );
}

/** A difference with its interval beside a line at zero; hollow where the interval holds zero. */
export function DifferenceBar({ mean, low, high, reach }: { mean: number; low: number; high: number; reach: number }) {
  const sure = low > 0 || high < 0;
  const tone = !sure ? "unsure" : mean > 0 ? "above" : "below";
  return (
    <svg class="difference" width="100%" height="26" aria-hidden="true">
      <line class="zero" x1="50%" x2="50%" y1="0" y2="26" />
      <Whisker low={low} high={high} y={13} from={-reach} to={reach} tone={tone} />
      <circle class={`reach ${tone}`} cx={along(mean, -reach, reach)} cy="13" r="5" />
    </svg>
  );
}

interface Spot {
  mean: number;
  low: number;
  high: number;
}

/** A share of 0 to 1 then and now: the hollow dot was, the full one is; a whisker for each. */
export function MovedBar({ search, then, now }: { search: Search; then: Spot | null; now: Spot }) {
  const tone = `c${search.colour}`;
  return (
    <svg class="moved" width="100%" height="26" aria-hidden="true">
      <rect class="rail" x="2%" y="4" width="96%" height="18" rx="2" />
      {then && <Whisker low={then.low} high={then.high} y={9} from={0} to={1} tone={`${tone} was`} />}
      <Whisker low={now.low} high={now.high} y={17} from={0} to={1} tone={tone} />
      {then && <line class={`way ${tone}`} x1={along(then.mean, 0, 1)} x2={along(now.mean, 0, 1)} y1="9" y2="17" />}
      {then && <circle class={`reach hollow ${tone}`} cx={along(then.mean, 0, 1)} cy="9" r="4" />}
      <circle class={`reach ${tone}`} cx={along(now.mean, 0, 1)} cy="17" r="4.5" />
    </svg>
  );
}
