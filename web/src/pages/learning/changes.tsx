// What changed since a moment: everyone's weights then and now, and how much was learned in between.
import { useEffect, useState } from "preact/hooks";
import { read, retrieverPath } from "../../api/client";
import type { ChangesOut } from "../../api/learning";
import type { Retriever } from "../../api/types";
import { ago, counted, interval, moment, percent, points } from "../../format";
import type { Search } from "../../searches";
import { useFresh } from "../../state/fresh";
import { MovedBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Card, Empty, Problem, SearchName, Waiting } from "../../ui/parts";
import { Simulated } from "../../ui/simulated";

const MINUTE = 60_000;
/** A gap that ends a visit, as it ends a user's session. */
const VISIT = 30 * MINUTE;
const LONGEST = 365 * 24 * 60 * MINUTE;
const SPANS: [string, number, string][] = [["hour", 60 * MINUTE, "1 hour ago"], ["day", 24 * 60 * MINUTE, "1 day ago"], ["week", 7 * 24 * 60 * MINUTE, "7 days ago"]];

interface Look {
  /** The end of the visit before this one, and when the page was seen last; in ms. */
  before: number | null;
  seen: number;
}

/** When this browser looked at a retriever last, in a visit before this one; null for the first. */
function useLastLook(retriever: string): number | null {
  const key = `desireline.look.${retriever}`;
  const [look] = useState<Look>(() => {
    const now = Date.now();
    const kept = parsed(localStorage.getItem(key));
    if (!kept) return { before: null, seen: now };
    return { before: now - kept.seen > VISIT ? kept.seen : kept.before, seen: now };
  });
  useEffect(() => {
    const note = () => document.hidden || localStorage.setItem(key, JSON.stringify({ ...look, seen: Date.now() }));
    note();
    const timer = setInterval(note, MINUTE);
    return () => clearInterval(timer);
  }, [key]);
  return look.before !== null && Date.now() - look.before < LONGEST ? look.before : null;
}

function parsed(text: string | null): Look | null {
  try {
    const { before, seen } = JSON.parse(text ?? "") as Look;
    return typeof seen === "number" && (before === null || typeof before === "number") ? { before, seen } : null;
  } catch {
    return null;
  }
}

export function Changes({ retriever, searches, simulated }: { retriever: Retriever; searches: Search[]; simulated: number }) {
  const name = retriever.retriever_name;
  const last = useLastLook(retriever.retriever_id);
  const [span, setSpan] = useState(last === null ? "hour" : "look");
  const length = SPANS.find(([key]) => key === span)?.[1];
  const { data, error, again } = useFresh(
    `changes ${name} ${span}`,
    (signal) => read<ChangesOut>(retrieverPath(name, `/learned-fusion/changes?limit=1&since=${encodeURIComponent(new Date(length === undefined ? last! : Date.now() - length).toISOString())}`), signal),
    ["weights"],
    (each) => each.retriever_id === retriever.retriever_id,
  );
  return (
    <Card title="What changed" aside={<>
      {data?.now && <Simulated searches={simulated} />}
      <label class="field inline">
        <span>Since</span>
        <select value={span} onChange={(event) => setSpan(event.currentTarget.value)}>
          {last !== null && <option value="look">your last look, {ago(new Date(last).toISOString())}</option>}
          {SPANS.map(([key, , words]) => <option key={key} value={key}>{words}</option>)}
        </select>
      </label>
    </>}>
      {error && <Problem error={error} again={again} />}
      {!data && !error && <Waiting />}
      {data?.warning && <p class="problem soft-warn">{data.warning}</p>}
      {data && <Between found={data} searches={searches} />}
    </Card>
  );
}

function Between({ found, searches }: { found: ChangesOut; searches: Search[] }) {
  const { then, now } = found;
  if (!now) return <Empty title="Not known yet">Nothing has been learned. When somebody clicks, this shows where each weight was and where it is now.</Empty>;
  return (
    <>
      <p class="note lead">
        <Explain facts={{ title: "Learned in between", sentence: `Searches that closed since ${moment(found.since)}, and the acts on results that everyone's weights have counted since.`, unit: "lessons, interactions", n: "1 retriever", words: ["lesson", "interaction"] }}>
          {counted(found.lessons, "lesson")} and {counted(found.interactions, "interaction")}
        </Explain> since {moment(found.since)}.
        {then ? " Hollow: everyone's weight then. Full: now. With 95 % intervals." : " Nothing had been learned then, so there is only a now, with its 95 % interval."}
      </p>
      <ul class="changes">
        {searches.map((search) => {
          const [was, is] = [then?.[search.uri] ?? null, now[search.uri]];
          if (!is) return null;
          const apart = was !== null && (is.low > was.high || is.high < was.low);
          return (
            <li key={search.uri}>
              <SearchName search={search} />
              <MovedBar search={search} then={was} now={is} />
              <Explain facts={{
                title: `${search.label}, then and now`,
                sentence: was ? `${percent(was.mean)} (${interval(was.low, was.high)}) then, ${percent(is.mean)} now.${apart ? " The intervals lie apart: it has moved." : " The intervals touch: it may not have moved."}` : `${percent(is.mean)} now; then it was not known yet.`,
                unit: "share of the score; the change in points of it", n: counted(found.interactions, "interaction in between", "interactions in between"), interval: `${interval(is.low, is.high)} now`,
                words: ["weights", "interval"],
              }}>
                {was ? <>{percent(was.mean, 0)} → <b>{percent(is.mean, 0)}</b></> : <b>{percent(is.mean, 0)}</b>}
              </Explain>
              <span class="note">{was ? points(is.mean - was.mean) : "not known then"}{was && !apart && ", perhaps none"}</span>
            </li>
          );
        })}
      </ul>
    </>
  );
}
