// What happens on the server as it happens; one interaction followed from receipt to posterior.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Retriever } from "../../api/types";
import { FIRST } from "../../examples";
import { count } from "../../format";
import { go, hrefOf, type Place } from "../../router";
import { chosen, useCatalogue } from "../../state/catalogue";
import { KINDS, useLiveState, type Kind } from "../../state/live";
import { Explain } from "../../ui/explain";
import { Card, Code, Empty, Problem, Waiting } from "../../ui/parts";
import { RetrieverPicker } from "../../ui/picker";
import { titled } from "../../ui/title";
import { useNarrow } from "../../ui/width";
import { OpenExecution } from "./execution";
import { OpenInteraction } from "./path";
import { Minute, Rates, Spoken } from "./rates";
import { Row, type Opener } from "./row";
import { FEWER_ROWS, MOST_ROWS, useTail } from "./tail";

const READING = (
  <Explain facts={{ title: "How to read a row", sentence: "An execution is one list that was made: how many documents, how long it took on the server, and whose weights made it. An interaction is one act on a document: its position counts from 0, a plain click has reward 1. A lesson is what a closed execution taught; after it the weights move. Press a row for all of it.", unit: "in the words of the row", n: "1 happening a row", words: ["execution", "interaction", "lesson", "weights"] }}>How to read a row</Explain>
);

const NAMES: Record<Kind, string> = { execution: "Executions", interaction: "Interactions", lesson: "Lessons", weights: "Weights", task: "Tasks" };

/** The kinds of the address; all when it names none. */
function kindsOf(params: URLSearchParams): Set<Kind> {
  const named = (params.get("kinds") ?? "").split(",");
  const found = KINDS.filter((kind) => named.includes(kind));
  return new Set(found.length ? found : KINDS);
}

const STATES: Record<string, [string, string]> = {
  idle: ["connecting", "plain"],
  connecting: ["connecting", "plain"],
  live: ["live", "good"],
  paused: ["not seen", "plain"],
  away: ["interrupted", "warn"],
  none: ["no live feed", "warn"],
};

export function LivePage({ place }: { place: Place }) {
  const { data, error, again } = useCatalogue(30_000);
  const interaction = place.params.get("interaction") ?? "";
  const execution = place.params.get("execution") ?? "";
  const wanted = place.params.get("retriever") ?? "";
  useEffect(() => titled(interaction ? "Interaction" : execution ? "Execution" : "", "Live"), [interaction, execution]);
  if (error) return <Problem error={error} again={again} />;
  if (!data) return <Waiting lines={6} />;
  const kept = { kinds: place.params.get("kinds") ?? undefined, retriever: wanted || undefined };
  const closed = hrefOf("live", kept);
  return (
    <div class={interaction || execution ? "two live" : "live"}>
      <Watching params={place.params} retrievers={data.retrievers} wanted={wanted} open={(what, id) => hrefOf("live", { ...kept, [what]: id })} />
      {interaction && <OpenInteraction key={interaction} id={interaction} catalogue={data} closed={closed} open={(id) => hrefOf("live", { ...kept, execution: id })} />}
      {!interaction && execution && <OpenExecution key={execution} id={execution} catalogue={data} closed={closed} open={(id) => hrefOf("live", { ...kept, interaction: id })} />}
    </div>
  );
}

function Watching({ params, retrievers, wanted, open }: { params: URLSearchParams; retrievers: Retriever[]; wanted: string; open: Opener }) {
  const [stopped, setStopped] = useState(false);
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const minute = useRef(new Minute()).current;
  const state = useLiveState();
  const kinds = kindsOf(params);
  const held = stopped || pointed || focused;
  const most = useNarrow() ? FEWER_ROWS : MOST_ROWS;
  const tail = useTail({ kinds, retriever: wanted, most }, held, KINDS, (fresh, lost) => minute.add(fresh, lost));
  const [words, mood] = STATES[state]!;
  const current = params.get("interaction") ?? params.get("execution") ?? "";
  return (
    <div class="watching">
      <Rates minute={minute} going={state === "live"} />
      <Card title="What happens" aside={
        <>
          <span class={`tag ${mood}`}>{words}</span>
          <button type="button" class="quiet" aria-pressed={stopped} onClick={() => setStopped(!stopped)}>{stopped ? "Resume" : "Pause"}</button>
        </>
      }>
        <Filters params={params} retrievers={retrievers} kinds={kinds} wanted={wanted} />
        <p class="held note">{held && !tail.silent ? `${stopped ? "Paused" : "Held while you read"}: ${tail.newer ? `${count(tail.newer)} more since` : "nothing since"}.` : `The newest on top, ${most} at most. Times are of this browser's zone.`} {READING}</p>
        {state === "none" && <Empty title="This server has no live feed">It is older than this page, or a proxy between does not pass the route <code>/v1/live</code> on. The other pages work without it.</Empty>}
        {tail.rows.length === 0 && state !== "none" && <Nothing silent={tail.silent} connected={state === "live"} retriever={chosen(retrievers, wanted || null)} />}
        <ol
          class="tail"
          aria-label="What happened, newest first"
          aria-live="off"
          onPointerEnter={(event) => event.pointerType === "mouse" && setPointed(true)}
          onPointerLeave={() => setPointed(false)}
          onFocusCapture={() => setFocused(true)}
          onBlurCapture={() => setFocused(false)}
        >
          {tail.rows.map(({ n, what, lost }) => what
            ? <Row key={n} what={what} open={open} current={current !== "" && (("interaction_id" in what && what.interaction_id === current) || (what.kind === "execution" && what.execution_id === current))} />
            : <li key={n} class="lost note">and {count(lost)} more not drawn</li>)}
        </ol>
      </Card>
      <Spoken minute={minute} />
    </div>
  );
}

function Filters({ params, retrievers, kinds, wanted }: { params: URLSearchParams; retrievers: Retriever[]; kinds: Set<Kind>; wanted: string }) {
  const all = kinds.size === KINDS.length;
  const to = (change: Record<string, string | undefined>) => go("live", { ...Object.fromEntries(params), ...change }, true);
  const toggle = (kind: Kind) => {
    const next = all ? [kind] : KINDS.filter((each) => (each === kind ? !kinds.has(each) : kinds.has(each)));
    to({ kinds: next.length === KINDS.length ? undefined : next.join(",") });
  };
  return (
    <div class="row small filters">
      <div class="tabs" role="group" aria-label="Kinds">
        <button type="button" class="quiet" aria-pressed={all} onClick={() => to({ kinds: undefined })}>Everything</button>
        {KINDS.map((kind) => <button key={kind} type="button" class="quiet" aria-pressed={!all && kinds.has(kind)} onClick={() => toggle(kind)}>{NAMES[kind]}</button>)}
      </div>
      {retrievers.length > 1 && <RetrieverPicker retrievers={retrievers} value={wanted ? chosen(retrievers, wanted) : undefined} all="all" onPick={(name) => to({ retriever: name || undefined })} />}
    </div>
  );
}

function Nothing({ silent, connected, retriever }: { silent: boolean; connected: boolean; retriever: Retriever | undefined }) {
  if (!connected && silent) return <Waiting lines={4} />;
  if (!silent) return <p class="note nothing">Nothing of these kinds lately. It shows up here within a second.</p>;
  if (!retriever) return <Empty title="Nothing has happened yet">There is no retriever to search with. <a href={hrefOf("setup")}>Setup</a> has the steps.</Empty>;
  return (
    <Empty title="Nothing has happened yet">
      Searches and what users do with them show up here at once, since this server was started. <a href={hrefOf("search")}>Search and click</a>, <a href={hrefOf("learning", { retriever: retriever.retriever_name })}>simulate users</a>, or send a search and the first interaction from a program:
      <Code label="search" text={FIRST.execute(retriever.retriever_name)} />
      <Code label="send the first interaction" text={FIRST.interaction()} />
    </Empty>
  );
}
