// Lines over time or over a sequence, each with a band of uncertainty. Shares of 0 to 1 only.
import { useState } from "preact/hooks";
import { percent } from "../format";
import type { Search } from "../searches";
import { useWidth } from "./width";

export interface Point {
  value: number;
  low: number;
  high: number;
}

export interface Line {
  search: Search;
  /** One for each place of the axis; null where nothing is known. */
  points: (Point | null)[];
}

const HEIGHT = 240;
const MARGIN = { top: 12, right: 30, bottom: 26, left: 40 };

/** `places` name the x axis; `captions` say what a place stands for when it is pointed at. */
export function Curve({ lines, places, captions, label, unit }: { lines: Line[]; places: string[]; captions: string[]; label: string; unit: string }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const [at, setAt] = useState<number | null>(null);
  const top = Math.min(1, Math.ceil(10 * Math.max(0.3, ...lines.flatMap((line) => line.points.map((point) => point?.high ?? 0))) + 0.001) / 10);
  const inner = Math.max(1, width - MARGIN.left - MARGIN.right);
  const x = (index: number) => MARGIN.left + (places.length < 2 ? inner / 2 : (inner * index) / (places.length - 1));
  const y = (value: number) => MARGIN.top + (HEIGHT - MARGIN.top - MARGIN.bottom) * (1 - value / top);
  const step = top > 0.6 ? 0.2 : 0.1;
  const ticks = Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, n) => n * step);
  const every = Math.max(1, Math.ceil(places.length / Math.max(2, Math.floor(inner / 90))));
  const nearest = (clientX: number, left: number) => Math.round(Math.min(1, Math.max(0, (clientX - left - MARGIN.left) / inner)) * (places.length - 1));
  const move = (by: number) => setAt((now) => Math.min(places.length - 1, Math.max(0, (now ?? places.length - 1) + by)));
  return (
    <figure class="curve">
      <div
        ref={box}
        class="plot"
        tabIndex={0}
        role="img"
        aria-label={`${label}. Arrow keys read single values.`}
        onPointerMove={(event) => setAt(nearest(event.clientX, event.currentTarget.getBoundingClientRect().left))}
        onPointerLeave={() => setAt(null)}
        onBlur={() => setAt(null)}
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
            event.preventDefault();
            move(event.key === "ArrowLeft" ? -1 : 1);
          }
        }}
      >
        {width > 0 && (
          <svg width={width} height={HEIGHT} aria-hidden="true">
            {ticks.map((tick) => (
              <g key={tick} class="tick">
                <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
                <text x={MARGIN.left - 8} y={y(tick) + 4} text-anchor="end">{Math.round(tick * 100)}{tick === 0 ? "" : " %"}</text>
              </g>
            ))}
            {places.map((name, index) => (index % every === 0 && (index === 0 || places.length - index > every / 2 || every === 1)) && (
              <text key={`${name}${index}`} class="place" x={x(index)} y={HEIGHT - 6} text-anchor={places.length > 1 && index === 0 ? "start" : "middle"}>{name}</text>
            ))}
            {lines.map((line) => <Band key={line.search.uri} line={line} x={x} y={y} />)}
            {spread(lines.map((line) => y(lastOf(line)?.value ?? 0))).map((where, index) => {
              const line = lines[index];
              return line && lastOf(line) && (
                <text key={line.search.uri} class={`end c${line.search.colour}`} x={places.length < 2 ? x(0) + 16 : width - MARGIN.right + 8} y={where + 4}>{line.search.letter}</text>
              );
            })}
            {at !== null && <line class="cross" x1={x(at)} x2={x(at)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />}
            {at !== null && lines.map((line) => {
              const point = line.points[at];
              return point && <circle key={line.search.uri} class={`dot c${line.search.colour}`} cx={x(at)} cy={y(point.value)} r="4.5" />;
            })}
          </svg>
        )}
      </div>
      <figcaption aria-live="polite">
        <span class="where">{at === null ? unit : captions[at]}</span>
        {lines.map((line) => {
          const point = at === null ? lastOf(line) : line.points[at];
          return (
            <span key={line.search.uri} class="reading">
              <i class={`swatch c${line.search.colour}`} />
              {line.search.letter} {line.search.label}: {point ? <><b>{percent(point.value)}</b> <span class="soft">{percent(point.low, 0).replace(" %", "")} to {percent(point.high, 0)}</span></> : "not known yet"}
            </span>
          );
        })}
      </figcaption>
    </figure>
  );
}

const lastOf = (line: Line): Point | null => line.points.findLast((point) => point !== null) ?? null;

/** Runs without gaps: a band and a line each; a lonely point becomes a dot with a whisker. */
function Band({ line, x, y }: { line: Line; x: (index: number) => number; y: (value: number) => number }) {
  const runs: { index: number; point: Point }[][] = [];
  line.points.forEach((point, index) => {
    if (!point) return;
    const run = runs.at(-1);
    if (run && run.at(-1)?.index === index - 1) run.push({ index, point });
    else runs.push([{ index, point }]);
  });
  const shade = `c${line.search.colour}`;
  return (
    <g>
      {runs.map((run) => {
        const first = run[0]!;
        if (run.length === 1) {
          const middle = x(first.index);
          return (
            <g key={first.index} class={`lonely ${shade}`}>
              <line x1={middle} x2={middle} y1={y(first.point.low)} y2={y(first.point.high)} />
              <circle cx={middle} cy={y(first.point.value)} r="4.5" />
            </g>
          );
        }
        const upper = run.map(({ index, point }) => `${x(index)},${y(point.high)}`);
        const lower = run.map(({ index, point }) => `${x(index)},${y(point.low)}`).reverse();
        return (
          <g key={first.index}>
            <polygon class={`band ${shade}`} points={[...upper, ...lower].join(" ")} />
            <polyline class={`line ${shade}`} points={run.map(({ index, point }) => `${x(index)},${y(point.value)}`).join(" ")} />
          </g>
        );
      })}
    </g>
  );
}

/** Heights moved apart until labels do not touch, order kept. */
function spread(heights: number[], gap = 15): number[] {
  const order = heights.map((height, index) => ({ height, index })).sort((a, b) => a.height - b.height);
  order.forEach((each, place) => {
    const before = order[place - 1];
    if (before && each.height < before.height + gap) each.height = before.height + gap;
  });
  const over = Math.max(0, (order.at(-1)?.height ?? 0) - (HEIGHT - MARGIN.bottom));
  const placed = [...heights];
  for (const each of order) placed[each.index] = each.height - over;
  return placed;
}
