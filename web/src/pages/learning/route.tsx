// The route of the weights: where they came from, and whether they have settled.
import { useState } from "preact/hooks";
import { read, retrieverPath } from "../../api/client";
import type { Convergence, Drawn } from "../../api/types";
import { FIRST } from "../../examples";
import { counted } from "../../format";
import type { Search } from "../../searches";
import { useAsked } from "../../state/asking";
import { Curve } from "../../ui/curve";
import { Explain } from "../../ui/explain";
import { Card, Empty, Problem, Table, Waiting } from "../../ui/parts";
import { Simulated } from "../../ui/simulated";
import { inOrder, shares } from "../../ui/scale";
import { byDay, byDraw, ofUsers, rowsOf } from "./curves";

/** As many as the server gives at once. */
const DRAWS = 1000;

export function RouteCard({ name, searches, simulated }: { name: string; searches: Search[]; simulated: number }) {
  const days = useAsked(`days ${name}`, (signal) => read<Convergence>(retrieverPath(name, "/learned-fusion/convergence?days=30"), signal), 15_000);
  const draws = useAsked(`draws ${name}`, (signal) => read<Drawn[]>(`/v1/analytics/retrievers/${encodeURIComponent(name)}/signals?limit=${DRAWS}&hours=720`, signal), 15_000);
  const [wanted, setWanted] = useState<"days" | "draws" | null>(null);
  const error = days.error ?? draws.error;
  if (error) return <Card title="Route of the weights"><Problem error={error} again={days.again} /></Card>;
  if (!days.data || !draws.data) return <Card title="Route of the weights"><Waiting lines={5} /></Card>;
  const daily = byDay(days.data, searches);
  const drawn = ofUsers(draws.data);
  const single = byDraw(drawn, searches);
  const way = wanted ?? (daily.places.length > 2 || single.places.length < 3 ? "days" : "draws");
  const route = way === "days" ? daily : single;
  if (!single.places.length && !daily.places.length) {
    return (
      <Card title="Route of the weights">
        <Empty title="Not known yet" code={FIRST.execute(name)} label="search">Nothing has been learned, so no weights were drawn. Search, click a result, and search again:</Empty>
      </Card>
    );
  }
  return (
    <Card title="Route of the weights" aside={
      <>
        <Simulated searches={simulated} />
        <Settled found={days.data} searches={searches} />
        <div class="tabs" role="group" aria-label="One point for each">
          <button type="button" class="quiet" aria-pressed={way === "days"} onClick={() => setWanted("days")}>by day</button>
          <button type="button" class="quiet" aria-pressed={way === "draws"} onClick={() => setWanted("draws")}>by search</button>
        </div>
      </>
    }>
      {route.places.length === 0 ? (
        <p class="note">{way === "draws" ? "Not known yet: fewer than five searches drew weights in the last 30 days." : "Not known yet: nothing was learned in the last 30 days."}</p>
      ) : (
        <>
          <Curve
            lines={route.lines}
            axis={inOrder(route.places)}
            scale={shares(route.lines.flatMap((line) => line.points))}
            captions={route.captions}
            label={way === "days" ? "Everyone's weights day by day with 95 % bands" : "Weights drawn for single searches, in order, with bands that hold 80 % of them"}
            unit={way === "days" ? `Everyone's weights at the end of each day, ${daily.places.length === 1 ? "one day so far" : `${daily.places.length} days`}; the band is the 95 % interval. Last:` : `Weights drawn for the last ${counted(drawn.length, "search", "searches")} of ${simulated ? "users, simulated users" : "users"} and tests of every segment, without those that only measured; the band holds 80 of 100 draws. Last:`}
          />
          <details class="fold">
            <summary>The same as a table</summary>
            <Table
              label="The route of the weights"
              rows={rowsOf(route)}
              keyOf={(row) => row.caption}
              most={40}
              columns={[
                { head: way === "days" ? "day" : "draws", cell: (row) => row.caption, wide: true },
                ...route.lines.map((line, n) => ({ head: line.name, numeric: true, facts: { title: `Weight: ${line.name}`, sentence: way === "days" ? "Everyone's weight at the end of the day, with its 95 % interval." : "The mean weight of these draws, and the range that holds 80 of 100 of them.", unit: "share of the score; all together 100 %", n: way === "days" ? "everything learned until then" : "the draws of the row", interval: way === "days" ? "in brackets" : "in brackets: of 80 of 100 draws", words: ["weights"] }, cell: (row: { cells: string[] }) => row.cells[n] ?? "" })),
              ]}
            />
          </details>
        </>
      )}
    </Card>
  );
}

function Settled({ found, searches }: { found: Convergence; searches: Search[] }) {
  const dominant = searches.find((search) => search.uri === found.dominant);
  return (
    <Explain plain facts={{
      title: found.converged ? "Settled" : "Not settled yet",
      sentence: `Settled means that on each of the last three days the standard deviation of every weight was below 5 points.${dominant ? ` ${dominant.label} has at least 90 % of the weight.` : ""}`,
      unit: "yes or no", n: "3 days", words: ["posterior"],
    }}>
      <span class={`tag ${found.converged ? "good" : "plain"}`}>{found.converged ? "settled" : "not settled yet"}</span>
    </Explain>
  );
}
