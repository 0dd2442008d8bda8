// Weights of several groups of users side by side, each with its interval; how widely each still tries.
import type { ComponentChildren } from "preact";
import { read, retrieverPath } from "../../api/client";
import type { Exploration, SegmentsOut } from "../../api/learning";
import type { Estimate } from "../../api/simulation";
import type { Retriever } from "../../api/types";
import { count, counted, interval, percent } from "../../format";
import type { Search } from "../../searches";
import { useFresh } from "../../state/fresh";
import { ShareBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Badge, Problem, Waiting } from "../../ui/parts";
import { LEVELS } from "../../words";

export interface Group {
  key: string;
  name: string;
  weights: Record<string, Estimate & { drawn_low?: number; drawn_high?: number }>;
  /** From how many, in words. */
  n: string;
  under?: ComponentChildren;
}

export function Groups({ groups, searches, simulated = false }: { groups: Group[]; searches: Search[]; simulated?: boolean }) {
  return (
    <ul class="segments">
      {groups.map(({ key, name, weights, n, under }) => (
        <li key={key}>
          <h3 class="break">{name}</h3>
          {searches.map((search) => {
            const found = weights[search.uri];
            return (
              <div class="mini" key={search.uri}>
                <Badge search={search} />
                <ShareBar search={search} value={found?.mean ?? 0} low={found?.low} high={found?.high} />
                <Explain facts={{
                  title: `${search.label} for ${name.slice(0, 60)}`,
                  sentence: found ? `${percent(found.mean)} of the score comes from this search for users of this segment${simulated ? ", as simulated users taught it" : ""}.${found.drawn_low === undefined || found.drawn_high === undefined ? "" : ` Searches draw from ${interval(found.drawn_low, found.drawn_high, 0)}.`}` : "Nothing is known of this search for this segment.",
                  unit: "share of the score; all together 100 %", n, interval: found ? interval(found.low, found.high) : "not known yet",
                  words: ["segment", "weights", "interval"],
                }}>
                  {found ? percent(found.mean, 0) : "?"}
                </Explain>
              </div>
            );
          })}
          {under}
        </li>
      ))}
    </ul>
  );
}

const MOST = 12;

export function Segments({ retriever, searches }: { retriever: Retriever; searches: Search[] }) {
  const name = retriever.retriever_name;
  const { data, error, again } = useFresh(
    `segments ${name}`,
    (signal) => read<SegmentsOut>(retrieverPath(name, `/learned-fusion/segments?limit=${MOST + 1}`), signal),
    ["weights"],
    (each) => each.retriever_id === retriever.retriever_id,
  );
  if (error) return <Problem error={error} again={again} />;
  if (!data) return <Waiting />;
  if (!data.segments.length) {
    return <p class="note">Nothing has been learned for a segment. Name one in <code>demographic_features</code> of the learning configuration, such as <code>INPUT.user_segment</code>, and send it with each search.</p>;
  }
  const seen = data.segments.slice(0, MOST);
  return (
    <>
      <p class="note">What is believed for the users of each segment, with its 95 % interval.{data.segments.length > MOST && ` The ${MOST} with the most interactions; GET …/learned-fusion/segments has more.`}</p>
      <Groups
        searches={searches}
        groups={seen.map((each) => ({
          key: each.context_key, name: each.segment ?? "a segment not seen for 30 days", weights: each.weights, n: `${count(each.interactions)} interactions`,
          under: (
            <p class="note">
              <Explain facts={{ title: "Evidence of the segment", sentence: `${counted(each.interactions, "interaction")} of its users taught these weights; ${counted(each.executions, "search", "searches")} of the last 30 days came with it.`, unit: "interactions", n: "30 days for searches, everything kept for interactions", words: ["segment", "interaction"] }}>{counted(each.interactions, "interaction")}</Explain>, <Exploring short exploration={each.exploration} />
              {each.context_level !== "demographic" && <>; served from {LEVELS[each.context_level] ?? each.context_level}</>}
            </p>
          ),
        }))}
      />
    </>
  );
}

/** How widely weights are tried, and until when that falls. */
export function Exploring({ exploration, short = false }: { exploration: Exploration; short?: boolean }) {
  const { effective, variance_ratio, floor, start, interactions_left: left } = exploration;
  const there = left !== null && left <= 0;
  const still = left === null ? `it never falls to its floor ${number(floor)}` : there ? `it is at its floor ${number(floor)}, which stays` : `about ${counted(left, "more interaction")} until it is at its floor ${number(floor)}, which stays`;
  const briefly = left === null ? "" : there ? ", at its floor" : `, ${count(left)} more to its floor`;
  return (
    <>
      <Explain facts={{
        title: "Exploration",
        sentence: `It began at ${number(start)} and falls with evidence; at its floor of ${number(floor)} some trying goes on for good, so that a change of taste is noticed. Draws spread with ${number(variance_ratio)} times the variance of what is believed now: below 1 they keep closer to the belief than it is sure.`,
        unit: `${number(floor)} to ${number(start)}; the start is the widest`,
        n: still,
        words: ["exploration", "posterior"],
      }}>
        {short ? `exploration ${number(effective)}` : `How widely weights are still tried: ${number(effective)} of ${number(start)}`}
      </Explain>
      {short ? briefly : `; ${still}`}
    </>
  );
}

const number = (value: number): string => String(Number(value.toPrecision(2)));
