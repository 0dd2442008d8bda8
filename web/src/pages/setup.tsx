// From an empty server to the first lesson: what is there, what is next, with commands to take away.
import { useEffect, useState } from "preact/hooks";
import { access, ADDRESS, askForKey, read, retrieverPath, send, useKey } from "../api/client";
import type { Convergence, Interaction, PageOf, Retriever, Stats } from "../api/types";
import { browser, FIRST, python } from "../examples";
import { count, counted, ago, moment } from "../format";
import { hrefOf } from "../router";
import { searchesOf } from "../searches";
import { chosen, useCatalogue, type Catalogue } from "../state/catalogue";
import { useFresh } from "../state/fresh";
import { useStore } from "../state/store";
import { Explain } from "../ui/explain";
import { Badge, Card, Code, Empty, Problem, Table, Waiting } from "../ui/parts";
import { Simulated } from "../ui/simulated";
import { titled } from "../ui/title";
import { meaning } from "../words";
import { useTaught } from "./learning/simulations";

interface Standing {
  version: string;
  warnings: string[];
  interactions: number;
}

async function standing(signal: AbortSignal): Promise<Standing> {
  const [health, ready, interactions] = await Promise.all([
    read<{ version: string }>("/healthz", signal),
    read<{ warnings: string[] }>("/readyz", signal),
    send<PageOf<Interaction>>("/v1/retrievers/interactions/list", { limit: 1, include_total: true }, signal),
  ]);
  return { version: health.version, warnings: ready.warnings, interactions: interactions.pagination.total ?? 0 };
}

interface Runs {
  executions: number;
  lessons: number;
}

async function runsOf(name: string, signal: AbortSignal): Promise<Runs> {
  const [{ days }, { lessons }] = await Promise.all([
    read<Convergence>(retrieverPath(name, "/learned-fusion/convergence?days=30"), signal),
    read<Stats>(retrieverPath(name, "/learned-fusion/stats"), signal),
  ]);
  return { executions: days.reduce((sum, each) => sum + each.executions, 0), lessons };
}

const NONE: Runs = { executions: 0, lessons: 0 };

export function SetupPage() {
  const catalogue = useCatalogue(5000);
  const retriever = catalogue.data && chosen(catalogue.data.retrievers, null);
  // Asked for with the catalogue: what has to wait for it is only what names a retriever.
  const server = useFresh("standing", standing, ["interaction"]);
  const name = retriever?.retriever_name ?? "";
  const runs = useFresh(name && `runs ${name}`, (signal) => runsOf(name, signal), ["execution", "lesson"]);
  const simulated = useTaught(retriever);
  useEffect(() => titled("Setup"), []);
  const failed = [catalogue, server, runs].find((each) => each.error);
  if (failed) return <Problem error={failed.error!} again={failed.again} />;
  if (!catalogue.data || !server.data) return <Waiting lines={6} />;
  return (
    <>
      <Loop catalogue={catalogue.data} retriever={retriever} interactions={server.data.interactions} runs={retriever ? runs.data : NONE} simulated={simulated} />
      <div class="halves">
        <Keys />
        <Server standing={server.data} />
      </div>
      <Collections catalogue={catalogue.data} />
      <Retrievers catalogue={catalogue.data} />
      {retriever && <Programs retriever={retriever} />}
    </>
  );
}

interface Step {
  name: string;
  state: string;
  done: boolean;
  sentence: string;
  facts: { title: string; sentence: string; unit: string; n: string; words: string[] };
  code: [string, string][];
}

function stepsOf(catalogue: Catalogue, retriever: Retriever | undefined, interactions: number, runs: Runs | undefined): Step[] {
  const many = (n: number | undefined, one: string) => (n === undefined ? "…" : counted(n, one));
  const documents = catalogue.collections.reduce((sum, each) => sum + each.document_count, 0);
  const [collection] = catalogue.collections;
  const name = collection?.collection_name ?? "shoes";
  const uris = collection?.features.map((each) => each.feature_uri) ?? ["desireline://title@v1/bm25", "desireline://loved@v1"];
  const search = retriever?.retriever_name ?? "search";
  return [
    {
      name: "Documents in", state: counted(documents, "document"), done: documents > 0,
      sentence: "A collection holds documents; its features make them searchable.",
      facts: { title: "Documents", sentence: `Documents in ${counted(catalogue.collections.length, "collection")} now.`, unit: "documents", n: counted(catalogue.collections.length, "collection"), words: ["document", "collection"] },
      code: [...(collection ? [] : [["make a collection", FIRST.collection()] as [string, string]]), ["send documents", FIRST.documents(name)]],
    },
    {
      name: "Search out", state: retriever ? many(runs?.executions, "execution") : "no retriever", done: (runs?.executions ?? 0) > 0,
      sentence: "A retriever runs several searches and makes one list of them; every list is logged.",
      facts: { title: "Executions", sentence: `How often ${search} was run in the last 30 days, by users, simulated ones too.`, unit: "executions", n: "30 days", words: ["execution", "retriever"] },
      code: [...(retriever ? [] : [["make a retriever", FIRST.retriever(name, uris)] as [string, string]]), ["search", FIRST.execute(search)]],
    },
    {
      name: "Click in", state: counted(interactions, "interaction"), done: interactions > 0,
      sentence: "Tell what the user did with the execution_id of the list; the receipt says what it is worth.",
      facts: { title: "Interactions", sentence: "All that is stored in this namespace, of simulated users too, whatever their age.", unit: "interactions", n: "all", words: ["interaction"] },
      code: [["record a click", FIRST.interaction()]],
    },
    {
      name: "Ranking moves", state: many(runs?.lessons, "lesson"), done: (runs?.lessons ?? 0) > 0,
      sentence: "When a search closes, clicks and silence become a lesson and the weights move.",
      facts: { title: "Lessons", sentence: `Closed executions that ${search} has learned from, of simulated users too.`, unit: "lessons", n: "1 retriever", words: ["lesson", "closing"] },
      code: [["look at the weights", FIRST.weights(search)]],
    },
  ];
}

interface LoopOf {
  catalogue: Catalogue;
  retriever: Retriever | undefined;
  interactions: number;
  /** Not known yet: then nothing is said of what is next. */
  runs: Runs | undefined;
  simulated: number;
}

function Loop({ catalogue, retriever, interactions, runs, simulated }: LoopOf) {
  const steps = stepsOf(catalogue, retriever, interactions, runs);
  const next = runs ? steps.findIndex((step) => !step.done) : -1;
  const turning = runs !== undefined && next < 0;
  const upcoming = steps[next] ? `next: ${steps[next].name.toLowerCase()}` : "";
  const [picked, setPicked] = useState<number | null>(null);
  const open = picked ?? (next < 0 ? null : next);
  return (
    <Card title="The loop" aside={<><Simulated searches={simulated} /><span class="soft">{turning ? "all four turn" : upcoming}</span></>}>
      <ol class="loop">
        {steps.map((step, index) => (
          <li key={step.name} class={step.done ? "done" : index === next ? "next" : ""}>
            <button type="button" class="step" aria-expanded={open === index} onClick={() => setPicked(open === index ? -1 : index)}>
              <span class="tick" aria-hidden="true">{step.done ? "✓" : index + 1}</span>
              {step.name}<span class="hidden">{step.done ? ", done" : ", not yet"}</span>
            </button>
            <Explain facts={step.facts}>{step.state}</Explain>
          </li>
        ))}
      </ol>
      {open !== null && steps[open] && (
        <div class="unfolded">
          <p>{steps[open].sentence}</p>
          {steps[open].code.map(([label, text]) => <Code key={label} label={label} text={text} />)}
        </div>
      )}
      {turning && open === null && <p class="note">See it: <a href={hrefOf("search")}>search and click</a>, then <a href={hrefOf("learning")}>look at what was learned</a>. Press a step for its command.</p>}
    </Card>
  );
}

function Keys() {
  const { key } = useStore(access);
  return (
    <Card title="Keys">
      {key ? (
        <>
          <p>This server asks for a key. The one you gave works, and stays in this tab only: <code>{key.slice(0, 6)}…</code></p>
          <p class="foot">
            <button type="button" class="quiet" onClick={() => askForKey("Enter another key")}>Use another key</button>
            <button type="button" class="quiet" onClick={() => useKey("")}>Forget it</button>
          </p>
        </>
      ) : (
        <>
          <p>No key exists, so this server is open to whoever reaches it. It listens on this machine only until there is one.</p>
          <Code label="make a key" text="desireline keys create --scope admin" />
        </>
      )}
    </Card>
  );
}

function Server({ standing }: { standing: Standing }) {
  return (
    <Card title="Server" aside={<span class={`tag ${standing.warnings.length ? "warn" : "good"}`}>{standing.warnings.length ? "ready, with a warning" : "ready"}</span>}>
      <p>desireline {standing.version} at <code>{ADDRESS}</code></p>
      {standing.warnings.map((warning) => <p key={warning} class="problem soft-warn">{warning}</p>)}
      <p class="foot"><a href="docs">All routes</a> <a href="metrics">Metrics</a> <a href="openapi.json">OpenAPI</a></p>
    </Card>
  );
}

function Collections({ catalogue }: { catalogue: Catalogue }) {
  return (
    <Card title="Collections" aside={<span class="soft">{counted(catalogue.collections.length, "collection")}</span>}>
      <p class="note lead">{meaning("collection")}</p>
      {catalogue.collections.length === 0 ? (
        <Empty title="No collection yet">It comes first: see “Documents in” above.</Empty>
      ) : (
        <Table
          label="Collections"
          rows={catalogue.collections}
          keyOf={(each) => each.collection_id}
          most={20}
          columns={[
            { head: "name", cell: (each) => <b class="break">{each.collection_name}</b>, wide: true },
            { head: "documents", numeric: true, cell: (each) => <Explain facts={{ title: "Documents", sentence: `Documents in ${each.collection_name} now.`, unit: "documents", n: "1 collection", words: ["document"] }}>{count(each.document_count)}</Explain> },
            { head: "features", cell: (each) => <ul class="plain">{each.features.map((feature) => <li key={feature.feature_uri}><code>{feature.feature_uri}</code> <span class="soft">{feature.kind}</span></li>)}</ul>, wide: true },
            { head: "made", cell: (each) => <time dateTime={each.created_at} title={moment(each.created_at)}>{ago(each.created_at)}</time> },
          ]}
        />
      )}
    </Card>
  );
}

function Retrievers({ catalogue }: { catalogue: Catalogue }) {
  return (
    <Card title="Retrievers" aside={<span class="soft">{counted(catalogue.retrievers.length, "retriever")}</span>}>
      <p class="note lead">{meaning("retriever")}</p>
      {catalogue.retrievers.length === 0 ? (
        <Empty title="No retriever yet">It comes after the first collection: see “Search out” above.</Empty>
      ) : (
        <Table
          label="Retrievers"
          rows={catalogue.retrievers}
          keyOf={(each) => each.retriever_id}
          most={20}
          columns={[
            { head: "name", cell: (each) => <a class="break" href={hrefOf("search", { retriever: each.retriever_name })}><b>{each.retriever_name}</b></a>, wide: true },
            { head: "fusion", cell: (each) => each.fusion === "learned" ? <a href={hrefOf("learning", { retriever: each.retriever_name })}>learned</a> : (each.fusion ?? "none") },
            { head: "searches", cell: (each) => <ul class="plain">{searchesOf(each, catalogue.collections).map((search) => <li key={search.uri}><Badge search={search} /> {search.label}</li>)}</ul>, wide: true },
            { head: "version", numeric: true, cell: (each) => <Explain facts={{ title: "Version", sentence: `It was changed ${counted(each.version - 1, "time")}, last ${ago(each.updated_at)}.`, unit: "number", n: "1 retriever", words: ["retriever"] }}>{each.version}</Explain> },
            { head: "changed", cell: (each) => <time dateTime={each.updated_at} title={moment(each.updated_at)}>{ago(each.updated_at)}</time> },
          ]}
        />
      )}
    </Card>
  );
}

function Programs({ retriever }: { retriever: Retriever }) {
  const name = retriever.retriever_name;
  const ways: [string, string][] = [
    ["curl", `${FIRST.execute(name)}\n\n${FIRST.interaction()}`],
    ["Python", python(name)],
    ["Browser", browser(name)],
  ];
  const [way, setWay] = useState("curl");
  return (
    <Card title="From your program" aside={
      <div class="tabs" role="group" aria-label="Language">
        {ways.map(([each]) => <button key={each} type="button" class="quiet" aria-pressed={way === each} onClick={() => setWay(each)}>{each}</button>)}
      </div>
    }>
      <p class="note lead">Send the first search of {name}, then what the user did with it.</p>
      <Code label={`first search and interaction, ${way}`} text={ways.find(([each]) => each === way)![1]} />
    </Card>
  );
}
