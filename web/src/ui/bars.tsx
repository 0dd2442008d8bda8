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
