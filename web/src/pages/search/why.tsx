// Why the list has this order: who decided, with which weights, how sure, how long it took.
import { useEffect, useRef, useState } from "preact/hooks";
import { read, retrieverPath } from "../../api/client";
import type { Exploration } from "../../api/learning";
import type { Execution, UserWeights, Weights } from "../../api/types";
import { curl } from "../../examples";
import { count, counted, interval, milliseconds, percent, points } from "../../format";
import type { Search } from "../../searches";
import { useFresh } from "../../state/fresh";
import { ShareBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Code, SearchName } from "../../ui/parts";
import { LEVELS, REASONS } from "../../words";
import { bodyOf, type Question } from "./run";

interface Belief {
  mean: Record<string, number>;
  bounds: Record<string, [number, number]>;
  n: number;
  whose: string;
  exploration: Exploration | null;
}

/** Servers before it was added leave it out. */
interface Explored {
  exploration?: Exploration | null;
}

/** What is believed where this execution drew its weights. */
async function beliefOf(question: Question, level: string, signal: AbortSignal): Promise<Belief> {
  if ((level === "personal" && question.user) || level === "demographic") {
    const inputs = new URLSearchParams(question.inputs).toString();
    const who = encodeURIComponent(question.user || "someone");
    const found = await read<UserWeights & Explored>(retrieverPath(question.retriever, `/learned-fusion/weights/${who}?${inputs}`), signal);
    return { mean: found.mean_weights, bounds: found.intervals ?? {}, n: found.interaction_count, whose: level === "personal" ? "this user" : "users like this one", exploration: found.exploration ?? null };
  }
  const found = await read<Weights & Explored>(retrieverPath(question.retriever, "/learned-fusion/weights"), signal);
  const bounds = Object.fromEntries(Object.entries(found.feature_weights).map(([uri, each]) => [uri, [each.low, each.high] as [number, number]]));
  return { mean: found.weights, bounds, n: found.total_interactions, whose: "everyone", exploration: found.exploration ?? null };
}

const LEARNED_MS = 700;
const firsts = new Map<string, Belief>();

/** `simulated`: searches of simulated users that the retriever learned from. */
export function Why({ question, execution, searches, fusion, simulated }: { question: Question; execution: Execution; searches: Search[]; fusion: string; simulated: number }) {
  const choice = execution.learned_fusion_context;
  return (
    <details class="card why" open={matchMedia("(min-width: 861px)").matches}>
      <summary><h2>Why this order</h2></summary>
      {choice ? <Learned question={question} execution={execution} searches={searches} simulated={simulated} /> : <Static fusion={fusion} execution={execution} searches={searches} />}
      <Costs execution={execution} searches={searches} />
      <details class="fold">
        <summary>The same search with curl</summary>
        <Code label="the same search with curl" text={curl(retrieverPath(question.retriever, "/execute"), bodyOf(question))} />
      </details>
    </details>
  );
}

function Learned({ question, execution, searches, simulated }: { question: Question; execution: Execution; searches: Search[]; simulated: number }) {
  const choice = execution.learned_fusion_context!;
  const level = choice.context_level;
  const evidence = level === "personal" && !question.user ? "what happened in this visit" : (LEVELS[level] ?? level);
  const where = `${question.retriever} ${level} ${level === "personal" || level === "demographic" ? question.user + JSON.stringify(question.inputs) : ""}`;
  const ask = async (signal: AbortSignal) => {
    await new Promise((resolve) => setTimeout(resolve, LEARNED_MS)); // the search before has closed by now
    return beliefOf(question, level, signal);
  };
  const asked = useFresh(`${where} ${execution.execution_id}`, ask, ["weights"], (each) => each.retriever_name === question.retriever);
  const [kept, setKept] = useState<{ where: string; belief: Belief }>();
  useEffect(() => {
    if (!asked.data) return;
    if (!firsts.has(where)) firsts.set(where, asked.data);
    setKept({ where, belief: asked.data });
  }, [asked.data]);
  const belief = kept?.where === where ? kept.belief : undefined;
  const first = firsts.get(where);
  const moved = belief && first && first !== belief;
  const known = belief && Object.values(belief.bounds).some(([low, high]) => high - low > 1e-6);
  const fresh = level === "prior" && known;
  const shown = level !== "prior" || fresh;
  return (
    <>
      <p class="decision">
        {choice.served ? (
          <>Served with <b>learned weights</b>, drawn from <Explain facts={{ title: `Level: ${level}`, sentence: `These weights rest on ${evidence}.`, unit: "level", ...(belief ? { n: `${count(belief.n)} interactions` } : {}), words: ["context level", "posterior"] }}>{evidence}</Explain>.</>
        ) : (
          <>{REASONS[choice.reason ?? ""] ?? "The static order is served."}</>
        )}
      </p>
      {simulated > 0 && shown && <p class="note lead">{counted(simulated, "search", "searches")} of <b>simulated</b> users are part of this evidence.</p>}
      {!shown && <p class="note">Weights: not known yet. Click a result and search again.</p>}
      {fresh && <p class="note"><b>Something has been learned since.</b> Searches draw from it once somebody acts in this visit, and in every new one:</p>}
      {level !== "prior" && !choice.served && <p class="note">Not served, but drawn:</p>}
      {shown && <ul class="weights">
        {searches.map((search) => {
          const mean = belief && (known || !Object.keys(belief.bounds).length) ? belief.mean[search.uri] : undefined;
          const drawn = (fresh ? mean : choice.sampled_weights[search.uri]) ?? 0;
          const [low, high] = (known && belief.bounds[search.uri]) || [];
          return (
            <li key={search.uri}>
              <SearchName search={search} />
              <Explain facts={{
                title: `Weight of ${search.label}`,
                sentence: fresh ? `${percent(drawn)} of the score is believed to be best from this search, for everyone.` : `For this visit ${percent(drawn)} of the score comes from this search${mean === undefined ? "" : `; ${belief!.whose === "everyone" ? "for everyone" : `for ${belief!.whose}`} ${percent(mean)} is believed`}. The bar is the draw, the mark what is believed.`,
                unit: "share of the score; all together 100 %",
                ...(belief ? { n: `${count(belief.n)} interactions` } : {}),
                interval: low === undefined || high === undefined ? "not told for this level" : interval(low, high),
                words: ["weights", "draw"],
              }}>
                {percent(drawn)}
              </Explain>
              <ShareBar search={search} value={drawn} low={low} high={high} mark={mean} />
              {mean !== undefined && (
                <span class="note">
                  believed{belief?.whose === "everyone" && level === "personal" ? " for everyone" : ""} {percent(mean)}{low !== undefined && high !== undefined && <> ({interval(low, high)})</>}
                  {moved && !fresh && <>, <Delta by={mean - (first.mean[search.uri] ?? mean)} /> since you came</>}
                </span>
              )}
            </li>
          );
        })}
      </ul>}
      {choice.served && (
        <p class="note">
          <Explain facts={{ title: "Exploration", sentence: `How widely weights were tried around what was believed.${belief?.exploration ? ` It begins at ${belief.exploration.start} and falls with evidence to ${belief.exploration.floor}; draws spread with ${Number(belief.exploration.variance_ratio.toPrecision(2))} times the variance of the belief now.` : ""} A draw stays for this visit until somebody acts.`, unit: belief?.exploration ? `${belief.exploration.floor} to ${belief.exploration.start}` : "as configured; less is calmer", n: "1 execution", words: ["exploration", "session"] }}>
            Exploration {choice.effective_exploration.toFixed(2)}
          </Explain>
          , <Explain facts={{ title: "Belief", sentence: `The state of learning these weights were drawn from; it is counted up whenever something was learned.`, unit: "number of the snapshot", n: "1 execution", words: ["snapshot", "posterior"] }}>belief {count(choice.posterior_version)}</Explain>
        </p>
      )}
    </>
  );
}

function Delta({ by }: { by: number }) {
  const before = useRef(by);
  const fresh = before.current !== by;
  before.current = by;
  return <b class={fresh ? "delta fresh" : "delta"}>{points(by)}</b>;
}

const FUSIONS: Record<string, string> = {
  rrf: "reciprocal ranks: a document scores by how high each search ranked it",
  weighted: "fixed weights over the searches' own scores",
  dbsf: "scores brought to one scale by their spread, then added",
  max: "the best score any search gave",
};

function Static({ fusion, execution, searches }: { fusion: string; execution: Execution; searches: Search[] }) {
  const parts = execution.documents[0]?.attribution ?? [];
  return (
    <>
      <p class="decision">
        {searches.length > 1 ? <>Fused with <b>{fusion}</b>: {FUSIONS[fusion] ?? "one list is made of several"}. Nothing here is learned.</> : "One search alone makes this list, so there is nothing to weigh."}
      </p>
      {searches.length > 1 && (
        <ul class="weights">
          {searches.map((search) => (
            <li key={search.uri}>
              <SearchName search={search} />
              <Explain facts={{ title: `Weight of ${search.label}`, sentence: "Set in the retriever; it does not move.", unit: "multiplier", n: "1 execution", interval: "none: it is set, not learned", words: ["weights", "static fusion"] }}>
                {parts.find((part) => part.feature_uri === search.uri)?.weight.toFixed(2) ?? "1.00"}
              </Explain>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Costs({ execution, searches }: { execution: Execution; searches: Search[] }) {
  const { stages, total_time_ms } = execution.stage_statistics;
  const first = Object.values(stages)[0];
  const each = first?.metadata?.search_ms ?? [];
  const said = [...execution.warnings, ...[...execution.degraded, ...execution.limits].map((one) => one.message ?? one.reason ?? one.resource ?? "")].filter(Boolean);
  return (
    <>
      <p class="note">
        <Explain facts={{ title: "Time on the server", sentence: searches.length === each.length ? `${searches.map((search, n) => `${search.letter} took ${milliseconds(each[n] ?? 0)}`).join(", ")}; the rest is fusing and logging.` : "From the request's arrival to the answer.", unit: "milliseconds", n: "1 execution", words: ["execution"] }}>
          {milliseconds(total_time_ms)}
        </Explain>
        {first && <>, <Explain facts={{ title: "Candidates", sentence: `The searches together found ${count(first.input_count)} documents; the best ${count(first.output_count)} made the list.`, unit: "documents", n: "1 execution", words: ["hit"] }}>{count(first.input_count)} candidates</Explain></>}
      </p>
      {said.map((sentence) => <p key={sentence} class="problem soft-warn">{sentence}</p>)}
    </>
  );
}
