// Lines over time, over a sequence or over a number, each with a band of uncertainty. Knows neither
// what the values are nor what the places stand for: see `scale.ts`.
import { useState } from "preact/hooks";
import type { Axis, Point, Scale } from "./scale";
import { useWidth } from "./width";

export interface Line {
  key: string;
  /** What stands at the line's end: a letter or a short word. */
  mark: string;
  /** What the reading below is called. */
  name: string;
  /** The class that sets its colour. */
  tone: string;
  /** One for each place of the axis; null where nothing is known. */
  points: (Point | null)[];
  /** The pattern of a line that only stands beside the others: no band, no dots. */
  dash?: string;
  /** A dot at every place. */
  dots?: boolean;
}

interface Props {
  lines: Line[];
  axis: (room: number) => Axis;
  scale: Scale;
  /** What a place stands for when it is pointed at; one for each. */
  captions: string[];
  label: string;
  /** What is read when no place is pointed at. */
  unit: string;
}

const HEIGHT = 240;
const MARGIN = { top: 12, bottom: 26, left: 40 };
const LETTER = 7.5;

export function Curve({ lines, axis, scale, captions, label, unit }: Props) {
  const [box, width] = useWidth<HTMLDivElement>();
  const [at, setAt] = useState<number | null>(null);
  const right = 16 + LETTER * Math.max(2, ...lines.map((line) => line.mark.length));
  const inner = Math.max(1, width - MARGIN.left - right);
  const places = axis(inner);
  const many = places.at.length;
  const x = (place: number) => MARGIN.left + (inner * (place - places.from)) / Math.max(1e-9, places.to - places.from);
  const xOf = (index: number) => x(places.at[index] ?? 0);
  const y = (value: number) => MARGIN.top + (HEIGHT - MARGIN.top - MARGIN.bottom) * (1 - (value - scale.from) / (scale.to - scale.from));
  const nearest = (pointer: number) => places.at.reduce((best, _, index) => (Math.abs(xOf(index) - pointer) < Math.abs(xOf(best) - pointer) ? index : best), 0);
  const move = (by: number) => setAt((now) => Math.min(many - 1, Math.max(0, now === null ? (by < 0 ? many - 1 : 0) : now + by)));
  const read = at === null || at >= many ? null : at;
  return (
    <figure class="curve">
      <div
        ref={box}
        class="plot"
        tabIndex={0}
        role="img"
        aria-label={`${label}. Arrow keys read single values.`}
        onPointerMove={(event) => setAt(nearest(event.clientX - event.currentTarget.getBoundingClientRect().left))}
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
            {scale.ticks.map((tick) => (
              <g key={tick} class="tick">
                <line x1={MARGIN.left} x2={width - right} y1={y(tick)} y2={y(tick)} />
                <text x={MARGIN.left - 8} y={y(tick) + 4} text-anchor="end">{scale.tick(tick)}</text>
              </g>
            ))}
            {places.names.map(({ at: place, name }) => (
              <text key={`${place}${name}`} class="place" x={x(place)} y={HEIGHT - 6} text-anchor={many > 1 && place === places.from ? "start" : "middle"}>{name}</text>
            ))}
            {lines.map((line) => <Drawn key={line.key} line={line} x={xOf} y={y} />)}
            <Ends lines={lines} x={xOf} y={y} />
            {read !== null && <line class="cross" x1={xOf(read)} x2={xOf(read)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />}
            {read !== null && lines.map((line) => {
              const point = line.points[read];
              return point && <circle key={line.key} class={`dot ${line.tone}`} cx={xOf(read)} cy={y(point.value)} r="4.5" />;
            })}
          </svg>
        )}
      </div>
      <figcaption aria-live="polite">
        <span class="where">{read === null ? unit : captions[read]}</span>
        {lines.map((line) => {
          const point = read === null ? line.points[lastOf(line)] : line.points[read];
          const [value, interval] = point ? scale.read(point) : [];
          return (
            <span key={line.key} class="reading">
              <Pattern line={line} />
              {line.name}: {point ? <><b>{value}</b> <span class="soft">{interval}</span></> : "not known yet"}
            </span>
          );
        })}
      </figcaption>
    </figure>
  );
}

/** The last place where something is known; -1 without any. */
const lastOf = (line: Line): number => line.points.findLastIndex((point) => point !== null);

/** A line's look in small. */
function Pattern({ line }: { line: Line }) {
  if (!line.dash) return <i class={`swatch ${line.tone}`} />;
  return <svg class={`pattern ${line.tone}`} width="24" height="8" aria-hidden="true"><line class="line" x1="0" x2="24" y1="4" y2="4" stroke-dasharray={line.dash} /></svg>;
}

type Place = (value: number) => number;

/** Marks at the ends of the lines, moved apart. */
function Ends({ lines, x, y }: { lines: Line[]; x: Place; y: Place }) {
  const heights = spread(lines.map((line) => y(line.points[lastOf(line)]?.value ?? 0)));
  return (
    <>
      {lines.map((line, index) => {
        const last = lastOf(line);
        return last >= 0 && (
          <text key={line.key} class={`end ${line.tone}`} x={x(last) + (line.points.length < 2 ? 16 : 8)} y={heights[index]! + 4}>{line.mark}</text>
        );
      })}
    </>
  );
}

/** Runs without gaps: a band and a line each; a lonely point becomes a dot with a whisker. */
function Drawn({ line, x, y }: { line: Line; x: Place; y: Place }) {
  const runs: { index: number; point: Point }[][] = [];
  line.points.forEach((point, index) => {
    if (!point) return;
    const run = runs.at(-1);
    if (run && run.at(-1)?.index === index - 1) run.push({ index, point });
    else runs.push([{ index, point }]);
  });
  return (
    <g class={line.tone}>
      {runs.map((run) => {
        const first = run[0]!;
        if (run.length === 1) {
          const middle = x(first.index);
          return (
            <g key={first.index} class="lonely">
              {!line.dash && <line x1={middle} x2={middle} y1={y(first.point.low)} y2={y(first.point.high)} />}
              <circle cx={middle} cy={y(first.point.value)} r={line.dash ? 3 : 4.5} />
            </g>
          );
        }
        const upper = run.map(({ index, point }) => `${x(index)},${y(point.high)}`);
        const lower = run.map(({ index, point }) => `${x(index)},${y(point.low)}`).reverse();
        return (
          <g key={first.index}>
            {!line.dash && <polygon class="band" points={[...upper, ...lower].join(" ")} />}
            <polyline class="line" points={run.map(({ index, point }) => `${x(index)},${y(point.value)}`).join(" ")} stroke-dasharray={line.dash} />
            {line.dots && run.map(({ index, point }) => <circle key={index} class="dot" cx={x(index)} cy={y(point.value)} r="3" />)}
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
