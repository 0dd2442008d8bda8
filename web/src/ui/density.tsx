// The shape of what is believed about each search: where its weight may lie, and how surely.
import type { FeatureWeight } from "../api/types";
import type { Search } from "../searches";
import { useWidth } from "./width";

const HEIGHT = 150;
const MARGIN = { top: 10, bottom: 24, side: 14 };
const PLACES = 241;
const NORMAL_95 = 1.959964;

/** Beta parameters make a Beta density; without them a normal one through mean and interval. */
export function densityOf(weight: FeatureWeight): (x: number) => number {
  if (weight.alpha > 0 && weight.beta > 0) return betaDensity(weight.alpha, weight.beta);
  const below = Math.max(1e-3, (weight.weight - weight.low) / NORMAL_95);
  const above = Math.max(1e-3, (weight.high - weight.weight) / NORMAL_95);
  const height = 2 / (Math.sqrt(2 * Math.PI) * (below + above));
  return (x) => height * Math.exp(-0.5 * ((x - weight.weight) / (x < weight.weight ? below : above)) ** 2);
}

function betaDensity(alpha: number, beta: number): (x: number) => number {
  const scale = logGamma(alpha + beta) - logGamma(alpha) - logGamma(beta);
  return (x) => {
    const inside = Math.min(1 - 1e-9, Math.max(1e-9, x));
    return Math.exp(scale + (alpha - 1) * Math.log(inside) + (beta - 1) * Math.log(1 - inside));
  };
}

/** Stirling's series after shifting the argument above 7 (Abramowitz and Stegun 6.1.41). */
function logGamma(z: number): number {
  let shift = 0;
  let at = z;
  while (at < 7) {
    shift += Math.log(at);
    at += 1;
  }
  const inverse = 1 / (at * at);
  return (at - 0.5) * Math.log(at) - at + 0.9189385332046727 + (1 / 12 - inverse * (1 / 360 - inverse / 1260)) / at - shift;
}

export function Densities({ searches, weights, label }: { searches: Search[]; weights: Record<string, FeatureWeight>; label: string }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const inner = Math.max(1, width - 2 * MARGIN.side);
  const shapes = searches.flatMap((search) => {
    const weight = weights[search.uri];
    if (!weight) return [];
    const density = densityOf(weight);
    return [{ search, values: Array.from({ length: PLACES }, (_, n) => density(n / (PLACES - 1))) }];
  });
  // A very narrow belief would flatten the others: heights are compressed by a square root.
  const highest = Math.sqrt(Math.max(1, ...shapes.flatMap((shape) => shape.values)));
  const x = (n: number) => MARGIN.side + (inner * n) / (PLACES - 1);
  const y = (value: number) => MARGIN.top + 14 + (HEIGHT - MARGIN.top - MARGIN.bottom - 14) * (1 - Math.sqrt(value) / highest);
  const labels = apart(shapes.map(({ values }) => x(values.indexOf(Math.max(...values)))));
  return (
    <div ref={box} class="density" role="img" aria-label={label}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} aria-hidden="true">
          {[0, 25, 50, 75, 100].map((tick) => (
            <g key={tick} class="tick">
              <line x1={x((tick / 100) * (PLACES - 1))} x2={x((tick / 100) * (PLACES - 1))} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />
              <text x={x((tick / 100) * (PLACES - 1))} y={HEIGHT - 6} text-anchor={tick === 0 ? "start" : tick === 100 ? "end" : "middle"}>{tick}{tick ? " %" : ""}</text>
            </g>
          ))}
          {shapes.map(({ search, values }, index) => {
            const path = values.map((value, n) => `${x(n).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
            return (
              <g key={search.uri}>
                <polygon class={`band c${search.colour}`} points={`${x(0)},${y(0)} ${path} ${x(PLACES - 1)},${y(0)}`} />
                <polyline class={`line c${search.colour}`} points={path} />
                <text class={`end c${search.colour}`} x={labels[index]} y={y(Math.max(...values)) - 5} text-anchor="middle">{search.letter}</text>
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}

/** Places from left to right, moved until letters do not touch. */
function apart(places: number[], gap = 14): number[] {
  const order = places.map((_, index) => index).sort((a, b) => places[a]! - places[b]!);
  const moved = [...places];
  order.forEach((index, nth) => {
    const before = order[nth - 1];
    if (before !== undefined) moved[index] = Math.max(moved[index]!, moved[before]! + gap);
  });
  return moved;
}
