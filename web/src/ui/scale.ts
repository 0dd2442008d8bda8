// Axes: how a value becomes a height, a place a distance, and what stands beside them.
import { percent } from "../format";

export interface Point {
  value: number;
  low: number;
  high: number;
}

/** A range of values with its ticks; `tick` and `read` say a value and a point in words. */
export interface Scale {
  from: number;
  to: number;
  ticks: number[];
  tick: (value: number) => string;
  read: (point: Point) => [value: string, interval: string];
}

/** Places along the bottom, and the names that fit below `room` pixels. */
export interface Axis {
  at: number[];
  from: number;
  to: number;
  names: { at: number; name: string }[];
}

const even = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.floor((to - from) / step + 1e-6) + 1 }, (_, n) => from + n * step);

/** Shares of 0 to 1 as percentages, from 0 to a tenth above the highest. */
export function shares(points: (Point | null)[]): Scale {
  const to = Math.min(1, Math.ceil(10 * Math.max(0.3, ...points.map((point) => point?.high ?? 0)) + 0.001) / 10);
  return {
    from: 0, to, ticks: even(0, to, to > 0.6 ? 0.2 : 0.1),
    tick: (value) => `${Math.round(value * 100)}${value === 0 ? "" : " %"}`,
    read: ({ value, low, high }) => [percent(value), `${percent(low, 0).replace(" %", "")} to ${percent(high, 0)}`],
  };
}

/** A number of 0 to 1; never less than `least` of it is seen, so that noise stays small. */
export function unitRange(points: (Point | null)[], least = 0.2): Scale {
  const known = points.filter((point) => point !== null);
  const low = Math.min(1, ...known.map((point) => point.low));
  const high = Math.max(0, ...known.map((point) => point.high));
  const missing = Math.max(0, least - (high - low)) / 2;
  const step = high - low > 0.45 ? 0.2 : 0.1;
  const to = Math.min(1, Math.ceil((Math.max(high, low) + missing) / step - 1e-6) * step);
  const from = Math.max(0, Math.min(to - least, Math.floor((low - missing) / step + 1e-6) * step));
  return {
    from, to, ticks: even(from, to, step),
    tick: (value) => value.toFixed(1),
    read: (point) => [point.value.toFixed(3), `${point.low.toFixed(3)} to ${point.high.toFixed(3)}`],
  };
}

const NAME_WIDTH = 90;
const NUMBER_WIDTH = 64;

/** One place after another, as many names as fit. */
export const inOrder = (names: string[]) => (room: number): Axis => {
  const last = names.length - 1;
  const every = Math.max(1, Math.ceil(names.length / Math.max(2, Math.floor(room / NAME_WIDTH))));
  const shown = (index: number) => index % every === 0 && (index === 0 || names.length - index > every / 2 || every === 1);
  return {
    at: names.map((_, index) => index), from: last < 1 ? -1 : 0, to: last < 1 ? 1 : last,
    names: names.flatMap((name, at) => (shown(at) ? [{ at, name }] : [])),
  };
};

const STEPS = [1, 2, 2.5, 5, 10];

/** Places on a line from 0 to `to`, with round numbers below it. */
export const along = (at: number[], to: number, say: (value: number) => string) => (room: number): Axis => {
  const rough = to / Math.max(2, Math.floor(room / NUMBER_WIDTH));
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = Math.max(1, power * (STEPS.find((each) => each * power >= rough) ?? 10));
  return { at, from: 0, to, names: even(0, to, step).map((value) => ({ at: value, name: say(value) })) };
};
