// One interaction from receipt to posterior: six steps, when each was done, and what it changed.
import { useRef } from "preact/hooks";
import { read } from "../../api/client";
import { clock, count, counted, duration, milliseconds, moment, percent, points, shortened, signed } from "../../format";
import { hrefOf } from "../../router";
import { searchesLogged, type Search } from "../../searches";
import type { Catalogue } from "../../state/catalogue";
import { useFresh } from "../../state/fresh";
import { serverNow } from "../../state/live";
import { ShareBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Badge, Problem, SearchName, Waiting } from "../../ui/parts";
import { Simulated } from "../../ui/simulated";
import { LEVELS, LESSONS, WHOSE } from "../../words";
import { useTaught } from "../learning/simulations";
import { Opened } from "./opened";
import { words } from "./row";

interface Context {
  level: string;
  context_key: string;
  interactions_before: number;
  interactions_after: number;
  before: Record<string, number>;
  after: Record<string, number>;
}

interface Details {
  interaction_type?: string[];
  user_id?: string;
  session_id?: string;
  position?: number | null;
  propensity?: number | null;
  feature_uri?: string | null;
  scores?: Record<string, { norm_score: number; contribution: number }>;
  reward?: number;
  lesson?: string;
  seq?: number | null;
  expected_at?: string | null;
  posterior_version?: number | null;
  contexts?: Context[] | "unknown";
  reason?: string;
}

interface Step {
  step: string;
  done: boolean;
  at: string | null;
  sentence: string;
  details: Details;
}

interface Trace {
  interaction_id: string;
  retriever_id: string;
  retriever_name: string;
  execution_id: string | null;
  document_id: string;
  simulated: boolean;
  teaches: boolean | null;
  teaches_reason: string;
  steps: Step[];
}

const NAMES: Record<string, string> = { received: "Received", stored: "Stored", credited: "Credited", rewarded: "Rewarded", closed: "Closed", learned: "Learned" };
/** Steps of learning: none of them comes for what teaches nothing. */
const OF_LEARNING = new Set(["closed", "learned"]);

type State = "done" | "waiting" | "never";
const stateOf = (step: Step, trace: Trace): State => (step.done ? "done" : trace.teaches === false && (OF_LEARNING.has(step.step) || trace.execution_id === null) ? "never" : "waiting");
const STATES: Record<State, [string, string]> = { done: ["✓", "done"], waiting: ["…", "waiting"], never: ["–", "never"] };

interface Props {
  id: string;
  catalogue: Catalogue;
  closed: string;
  open: (execution: string) => string;
}

export function OpenInteraction({ id, catalogue, closed, open }: Props) {
  const of = useRef<Trace | undefined>(undefined);
  const { data, error, again } = useFresh(
    `trace ${id}`,
    (signal) => read<Trace>(`/v1/retrievers/interactions/${encodeURIComponent(id)}/trace`, signal),
    ["lesson", "weights"],
    (each) => {
      const found = of.current;
      if (!found) return true;
      return !settled.has(id) && (each.kind === "lesson" ? each.execution_id === found.execution_id : each.retriever_id === found.retriever_id);
    },
  );
  of.current = data;
  if (data && data.steps.every((step) => stateOf(step, data) !== "waiting")) settled.add(id);
  return (
    <Opened title="From receipt to posterior" closed={closed}>
      {error && <Problem error={error} again={again} />}
      {!data && !error && <Waiting lines={6} />}
      {data && <Path trace={data} catalogue={catalogue} open={open} />}
    </Opened>
  );
}

/** Those that no lesson changes any more. */
const settled = new Set<string>();

function Path({ trace, catalogue, open }: { trace: Trace; catalogue: Catalogue; open: (execution: string) => string }) {
  const retriever = catalogue.retrievers.find((each) => each.retriever_id === trace.retriever_id);
  const uris = new Set(trace.steps.flatMap(({ details }) => [...Object.keys(details.scores ?? {}), ...(Array.isArray(details.contexts) ? details.contexts.flatMap((each) => Object.keys(each.after)) : [])]));
  const searches = searchesLogged([...uris], retriever, catalogue.collections);
  const simulated = useTaught(retriever);
  const acts = trace.steps[0]?.details.interaction_type ?? [];
  return (
    <>
      <p class="facts">
        <b class="break">{words(acts.join(", ")) || "interaction"} on {shortened(trace.document_id, 80)}</b>
        {trace.simulated && <span class="tag warn">simulated</span>}
        {trace.teaches === false && <span class="tag">teaches nothing</span>}
        {retriever && <a href={hrefOf("learning", { retriever: trace.retriever_name })}>{shortened(trace.retriever_name, 40)}</a>}
        {trace.execution_id && <a href={open(trace.execution_id)}>its execution</a>}
      </p>
      <ol class="path">
        {trace.steps.map((step, n) => {
          const state = stateOf(step, trace);
          const [sign, said] = STATES[state];
          return (
            <li key={step.step} class={`is-${state}`}>
              <span class="sign" aria-hidden="true">{sign}</span>
              <h3>{NAMES[step.step] ?? words(step.step)} <When step={step} state={state} said={said} before={trace.steps.slice(0, n)} /></h3>
              <p class="break"><Sentence text={step.sentence} /></p>
              <More step={step} searches={searches} simulated={simulated} />
            </li>
          );
        })}
      </ol>
    </>
  );
}

/** The server's sentence, with names as code and times of this browser's zone. */
function Sentence({ text }: { text: string }) {
  const shown = text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (iso) => clock(iso));
  return <>{shown.split("`").map((part, n) => (n % 2 ? <code key={n}>{shortened(part, 80)}</code> : part))}</>;
}

const passed = (ms: number): string => (ms < 1000 ? milliseconds(ms) : ms < 90_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000));

/** When it was done and how long after the step before it; when it is expected; or that it never comes. */
function When({ step, state, said, before }: { step: Step; state: State; said: string; before: Step[] }) {
  if (state === "done" && step.at) {
    if (step.step === "learned") return <WithLesson />;
    const last = before.findLast((each) => each.done && each.at)?.at;
    const ms = last ? Date.parse(step.at) - Date.parse(last) : null;
    return (
      <Explain plain facts={{ title: moment(step.at), sentence: ms === null ? "When the server had it; the other steps are told from here." : `${passed(Math.max(0, ms))} after the step before that has a time.`, unit: "time of the server, shown in this browser's zone", n: "1 interaction" }}>
        <span class="hidden">{said}, </span>
        <time class="soft" dateTime={step.at}>{ms === null ? clock(step.at) : ms < 1 ? "at once" : `+${passed(ms)}`}</time>
      </Explain>
    );
  }
  if (state === "done") return <Explain plain facts={{ title: "When", sentence: step.step === "stored" ? "Between its receipt and the answer to who sent it; no time of its own is kept." : "No time of its own is kept.", unit: "time", n: "1 interaction" }}><span class="soft">{said}</span></Explain>;
  const due = step.details.expected_at;
  const seconds = due ? (Date.parse(due) - serverNow()) / 1000 : 0;
  return <span class={`tag ${state === "waiting" ? "warn" : ""}`} title={due ? moment(due) : undefined}>{state === "waiting" && due ? (seconds > 0 ? `waiting, at most ${duration(seconds)}` : "due now") : said}</span>;
}

/** The log keeps the time of the lesson, and none of when the weights took it in. */
const WithLesson = () => (
  <Explain plain facts={{ title: "When", sentence: "The weights took it in soon after the lesson, which is usually within a second; no time of its own is kept.", unit: "time", n: "1 lesson", words: ["lesson"] }}>
    <span class="soft">after the lesson</span>
  </Explain>
);

function More({ step, searches, simulated }: { step: Step; searches: Search[]; simulated: number }) {
  const { details } = step;
  switch (step.step) {
    case "received":
      return <Facts rows={[["user", details.user_id], ["visit", details.session_id], ["position", details.position]]} />;
    case "credited":
      return <Credited details={details} searches={searches} />;
    case "rewarded":
      return step.done && details.reward !== undefined ? (
        <p class="note">Worth <Explain facts={{ title: "Reward", sentence: "What this act is worth to the learner; a plain click is worth 1.", unit: "clicks", n: "1 interaction", words: ["reward", "interaction"] }}>{signed(details.reward)}</Explain></p>
      ) : null;
    case "closed":
      return step.done ? <Facts rows={[["lesson", details.lesson && (LESSONS[details.lesson] ?? details.lesson)], ["number", details.seq]]} /> : null;
    case "learned":
      return step.done ? <Learned details={details} searches={searches} simulated={simulated} /> : null;
    default:
      return null;
  }
}

function Facts({ rows }: { rows: [string, string | number | null | undefined][] }) {
  const told = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (!told.length) return null;
  return <dl class="fields">{told.map(([name, value]) => [<dt key={`${name}t`}>{name}</dt>, <dd key={`${name}d`}>{typeof value === "number" ? count(value) : shortened(String(value), 80)}</dd>])}</dl>;
}

function Credited({ details, searches }: { details: Details; searches: Search[] }) {
  const scores = details.scores ?? {};
  const whole = Math.max(1, ...Object.values(scores).map((each) => each.norm_score));
  const scored = searches.filter((search) => scores[search.uri] !== undefined);
  return (
    <>
      {scored.length > 0 && (
        <ul class="minis">
          {scored.map((search) => {
            const { norm_score: score, contribution } = scores[search.uri]!;
            return (
              <li class="mini" key={search.uri}>
                <Badge search={search} faint={search.uri !== details.feature_uri} />
                <ShareBar search={search} value={Math.max(0, score / whole)} />
                <Explain facts={{ title: `${search.label}: ${score.toFixed(3)}`, sentence: `What this search said about the document in that execution; it added ${contribution.toFixed(3)} to its score${search.uri === details.feature_uri ? "; the interaction is credited to it" : ""}.`, unit: "normalised score, 0 to 1 under learned fusion", n: "1 document", words: ["search", "score"] }}>{score.toFixed(2)}</Explain>
              </li>
            );
          })}
        </ul>
      )}
      <p class="note">
        {typeof details.propensity === "number" && <>Shown there with probability <Explain facts={{ title: "Propensity", sentence: "How likely this document was to be put at this position, given what was believed and how widely weights were tried. What was unlikely tells more.", unit: "probability of being shown there", n: "1 position of 1 execution", interval: "none: it is computed, not estimated", words: ["propensity", "position"] }}>{percent(details.propensity)}</Explain>.</>}
      </p>
    </>
  );
}

function Learned({ details, searches, simulated }: { details: Details; searches: Search[]; simulated: number }) {
  if (!Array.isArray(details.contexts)) return <p class="note">What it changed is not known{details.reason ? `: ${details.reason}` : ""}.</p>;
  return (
    <>
      {details.contexts.map((each) => (
        <section class="context" key={each.context_key} aria-label={`Weights, ${each.level}`}>
          <h4>
            <Explain plain facts={{ title: `Level: ${each.level}`, sentence: `Weights that rest on ${LEVELS[each.level] ?? each.level}, before and after this lesson.`, unit: "level", n: `${counted(each.interactions_after, "interaction")}, ${count(each.interactions_before)} before`, words: ["context level", "posterior"] }}><span class="name">Weights: {WHOSE[each.level] ?? each.level}</span></Explain>{" "}
            <span class="soft">{count(each.interactions_before)} → {counted(each.interactions_after, "interaction")}</span>{" "}
            {each.level !== "personal" && <Simulated searches={simulated} />}
          </h4>
          <ul class="pairs">
            {searches.filter((search) => each.after[search.uri] !== undefined).map((search) => <Pair key={search.uri} search={search} before={each.before[search.uri]} after={each.after[search.uri]!} level={each.level} n={each.interactions_after} />)}
          </ul>
        </section>
      ))}
      {typeof details.posterior_version === "number" && <p class="note">Belief {count(details.posterior_version)}: the next draws come from it.</p>}
    </>
  );
}

/** One weight before (thin) and after, and by how much it moved. */
function Pair({ search, before, after, level, n }: { search: Search; before: number | undefined; after: number; level: string; n: number }) {
  const by = before === undefined ? null : after - before;
  return (
    <li>
      <SearchName search={search} />
      <Explain facts={{ title: `Weight of ${search.label}`, sentence: by === null ? `${percent(after)} after this lesson; before it nothing was known at this level.` : `From ${percent(before!)} to ${percent(after)}: a move of ${points(by)}. The upper bar is before, the lower after.`, unit: "share of the score; all together 100 %", n: `${counted(n, "interaction")} at the level ${level}`, interval: "not told for single lessons", words: ["weights", "lesson"] }}>
        {percent(after)}{by !== null && <span class="moved">{points(by)}</span>}
      </Explain>
      <div class="pair">
        {before !== undefined && <ShareBar search={search} value={before} />}
        <ShareBar search={search} value={after} />
      </div>
    </li>
  );
}
