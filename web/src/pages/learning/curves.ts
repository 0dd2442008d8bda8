// From answers to lines: belief day by day, and what was drawn execution by execution.
import type { Convergence, Drawn } from "../../api/types";
import { clock, count, day, interval, percent } from "../../format";
import type { Search } from "../../searches";
import type { Line } from "../../ui/curve";
import type { Point } from "../../ui/scale";

export interface Route {
  lines: Line[];
  places: string[];
  captions: string[];
}

const lineOf = (search: Search, points: (Point | null)[]): Line => ({ key: search.uri, mark: search.letter, name: `${search.letter} ${search.label}`, tone: `c${search.colour}`, points });

const NORMAL_95 = 1.96;
const GROUPS = 40;
/** Draws in a group at least: below, a band would say more than is known. */
const FEWEST = 5;

/** The belief at the end of each day, from the first day that taught anything. */
export function byDay(found: Convergence, searches: Search[]): Route {
  const first = found.days.findIndex((each) => Object.values(each.weights).some((weight) => weight.mean !== null));
  const days = first < 0 ? [] : found.days.slice(first);
  return {
    places: days.map((each) => day(each.date)),
    captions: days.map((each) => `${day(each.date)}, ${count(each.executions)} executions, ${count(each.lessons)} lessons so far${each.change ? ", moved" : ""}`),
    lines: searches.map((search) => lineOf(search, days.map((each) => {
      const weight = each.weights[search.uri];
      if (!weight || weight.mean === null || weight.posterior_sd === null) return null;
      const reach = NORMAL_95 * weight.posterior_sd;
      return { value: weight.mean, low: Math.max(0, weight.mean - reach), high: Math.min(1, weight.mean + reach) };
    }))),
  };
}

/** Without those that only measured: they come segment by segment, and would look like a move. */
export const ofUsers = (found: Drawn[]): Drawn[] => found.filter((each) => each.metadata.purpose !== "evaluation");

/** What was drawn, oldest first, in at most 40 groups of about equal size; the band holds 80 of 100 draws. */
export function byDraw(found: Drawn[], searches: Search[]): Route {
  const drawn = found.filter((each) => each.signal_data.context_level !== "prior").reverse();
  const many = Math.min(GROUPS, Math.floor(drawn.length / FEWEST));
  const startOf = (n: number) => Math.floor((n * drawn.length) / many);
  const groups = Array.from({ length: many }, (_, n) => drawn.slice(startOf(n), startOf(n + 1)));
  return {
    places: groups.map((group) => clock(group[0]!.timestamp)),
    captions: groups.map((group, n) => `${clock(group[0]!.timestamp)}, draws ${count(startOf(n) + 1)} to ${count(startOf(n + 1))}`),
    lines: searches.map((search) => lineOf(search, groups.map((group) => {
      const weights = group.map((each) => each.signal_data.weights[search.uri] ?? 0).sort((a, b) => a - b);
      const at = (share: number) => weights[Math.round(share * (weights.length - 1))] ?? 0;
      return { value: weights.reduce((sum, each) => sum + each, 0) / weights.length, low: at(0.1), high: at(0.9) };
    }))),
  };
}

/** The same as rows, for those who read tables. */
export function rowsOf(route: Route): { caption: string; cells: string[] }[] {
  return route.captions.map((caption, index) => ({
    caption,
    cells: route.lines.map(({ points }) => {
      const point = points[index];
      return point ? `${percent(point.value)} (${interval(point.low, point.high, 0)})` : "not known yet";
    }),
  }));
}
