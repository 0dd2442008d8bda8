// "Does it get better?": what simulated users taught, measured on queries that none of them searched.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { send } from "../../api/client";
import { isRunning, lastMeasured, type Estimate, type Measured, type Simulation } from "../../api/simulation";
import type { Retriever, Weights } from "../../api/types";
import { ago, count, counted, decimal, difference, duration, moment } from "../../format";
import { hrefOf } from "../../router";
import type { Search } from "../../searches";
import { DifferenceBar } from "../../ui/bars";
import { Curve, type Line } from "../../ui/curve";
import { Explain, type Facts } from "../../ui/explain";
import { Card, Problem, Table, Waiting } from "../../ui/parts";
import { along, unitRange, type Point } from "../../ui/scale";
import { toast } from "../../ui/toasts";
import { Groups } from "./segments";
import { SimulateForm } from "./simulate";
import type { Simulations } from "./simulations";

const MEASURE: Facts = {
  title: "Quality of the first ten (NDCG@10)",
  sentence: "1: the documents these users like stand on top, in the best order. 0: none of them is among the first ten. What stands higher counts more.",
  unit: "0 to 1",
  n: "the mean over held-out queries",
  interval: "in brackets or as a band",
  words: ["held-out query", "metric"],
};

/** The same measure, for one number with its interval. */
const factsOf = (title: string, sentence: string, found: Estimate, n: number, say = decimal): Facts => ({
  title, sentence, unit: "NDCG@10, 0 to 1", n: `${count(n)} held-out queries, simulated users`,
  interval: `${say(found.low)} to ${say(found.high)}`, words: ["held-out query", "static fusion"],
});

export function Better({ retriever, weights, searches, simulations }: { retriever: Retriever; weights: Weights; searches: Search[]; simulations: Simulations }) {
  const { all, shown, running, error, again } = simulations;
  useKeptFocus(Boolean(running));
  if (error) return <Card title="Does it get better?"><Problem error={error} again={again} /></Card>;
  if (!all) return <Card title="Does it get better?"><Waiting lines={4} /></Card>;
  const form = <SimulateForm retriever={retriever} careful={weights.total_interactions > 0 && !all.some((task) => !task.inputs[0]?.copy)} onStarted={again} />;
  const elsewhere = running && !all.some(({ task_id }) => task_id === running.task_id) ? running : undefined;
  return (
    <Card title="Does it get better?" id="better" aside={<><Chooser simulations={simulations} /><span class="tag warn">simulated</span></>}>
      {elsewhere && <p class="note lead">Simulated users are at work on <a href={hrefOf("learning", { retriever: nameOf(elsewhere) })}>{nameOf(elsewhere)}</a>; one simulation runs at a time.</p>}
      {shown ? <Shown task={shown} retriever={retriever} searches={searches} again={again} /> : <Invitation />}
      {!running && (shown ? <Again open={shown.status === "FAILED"}>{form}</Again> : form)}
    </Card>
  );
}

/** The button that was pressed goes with the form, or with the progress: the card takes its focus. */
function useKeptFocus(running: boolean): void {
  const before = useRef(running);
  useEffect(() => {
    if (before.current === running) return;
    before.current = running;
    const card = document.getElementById("better");
    if (!card || document.activeElement !== document.body) return;
    card.tabIndex = -1;
    card.focus({ preventScroll: true });
  }, [running]);
}

const nameOf = (task: Simulation): string => task.outputs[0]?.retriever_name || task.inputs[0]?.retriever_name || task.inputs[0]?.retriever || "another retriever";

function Again({ open, children }: { open: boolean; children: ComponentChildren }) {
  return <details class="fold form" open={open}><summary>Simulate users again</summary>{children}</details>;
}

const Invitation = () => (
  <div class="empty">
    <p class="headline">Not known yet: nobody has simulated users here</p>
    <p>
      Simulated users search this collection, each for the kind of document they like, and click what they would.
      As they do, a curve shows how good the learned order is on <Explain facts={{ title: "Held-out queries", sentence: "Searches that no simulated user makes: what was learned is tried on them, and they teach nothing.", unit: "queries", n: "chosen before the first search", words: ["held-out query"] }}>held-out queries</Explain>, which none of them has searched,
      beside the static order it started from, with its uncertainty.
    </p>
  </div>
);

/** Which of several simulations is looked at. */
function Chooser({ simulations: { all = [], shown, pick } }: { simulations: Simulations }) {
  if (all.length < 2) return null;
  return (
    <label class="field inline">
      <span>Simulation</span>
      <select value={shown?.task_id ?? ""} onChange={(event) => pick(event.currentTarget.value)}>
        {all.map((task) => <option key={task.task_id} value={task.task_id}>{titleOf(task)}</option>)}
      </select>
    </label>
  );
}

function titleOf(task: Simulation): string {
  const asked = task.inputs[0];
  const when = isRunning(task) ? "running" : ago(task.created_at);
  return `${when}: ${count(asked?.searches ?? task.progress.total)} searches${asked?.taste === "none" ? ", taste none" : ""}${asked?.copy ? ", on a copy" : ""}`;
}

function Shown({ task, retriever, searches, again }: { task: Simulation; retriever: Retriever; searches: Search[]; again: () => void }) {
  const found = task.outputs[0] ?? {};
  const last = lastMeasured(task);
  const curve = found.curve ?? [];
  return (
    <>
      {isRunning(task) && <Going task={task} again={again} />}
      <Ended task={task} />
      {(last || task.status !== "FAILED") && <Answer task={task} last={last} />}
      {(last || isRunning(task)) && <OnWhat task={task} retriever={retriever} />}
      {curve.length > 0 && (
        <div class="evidence">
          <Quality curve={curve} final={found.final ?? null} to={reachOf(task, curve.at(-1)!)} />
          {last && <Differences last={last} />}
        </div>
      )}
      <Taught weights={found.weights ?? {}} searches={searches} open={isRunning(task)} n={last?.n ?? 0} />
    </>
  );
}

/** How far the axis goes: while it runs a little beyond the last point, so that the first ones can be told apart. */
const reachOf = (task: Simulation, last: Measured): number =>
  isRunning(task) ? Math.min(task.progress.total, Math.max(10, 1.3 * last.searches)) : Math.max(1, last.searches);

/** Progress, time left, stop. */
function Going({ task, again }: { task: Simulation; again: () => void }) {
  const [stopping, setStopping] = useState(false);
  const { done, total, percent, per_second, seconds_left } = task.progress;
  const silent = useSilence(task);
  const stop = () => {
    setStopping(true);
    send(`/v1/tasks/${task.task_id}/cancel`).then(
      () => (toast("Stopped: no more simulated searches"), again()),
      (problem: Error) => (setStopping(false), toast(problem.message, "bad")),
    );
  };
  return (
    <div class="going" role="group" aria-label="The simulation that runs">
      <progress max={100} {...(percent === null || task.status === "PENDING" ? {} : { value: percent })} aria-label="Progress of the simulation" />
      <p>
        <Explain facts={{ title: "Progress", sentence: "Searches that simulated users have made, of those that were asked for.", unit: "simulated searches", n: "1 simulation", words: ["task"] }}>
          {done > 0 ? `${count(done)} of ${count(total)} simulated searches` : "Getting ready: measuring the static order first"}
        </Explain>
        {per_second !== null && done > 0 && <span class="soft">, {per_second < 10 ? per_second.toFixed(1) : Math.round(per_second)} a second{seconds_left !== null && `, about ${duration(seconds_left)} left`}</span>}
        {task.message && <span class="soft">, {task.message}</span>}
      </p>
      <span class="acts">
        <a href={hrefOf("live")}>Watch them live</a>
        <button type="button" class="quiet" disabled={stopping} onClick={stop}>Stop</button>
      </span>
      {silent > SILENT_S && <p class="problem soft-warn">No word from it for {duration(silent)}: it may have ended with the server. Stop it to begin another one.</p>}
    </div>
  );
}

const SILENT_S = 60;

/** Seconds since the last report, counted on. */
function useSilence(task: Simulation): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  return (now - Date.parse(task.updated_at)) / 1000;
}

function Ended({ task }: { task: Simulation }) {
  if (task.status === "FAILED") {
    return (
      <div class="problem" role="alert">
        <p><strong>The simulation failed{task.progress.done > 0 ? ` after ${counted(task.progress.done, "search", "searches")}` : ""}: {task.error ?? "no reason was told"}</strong></p>
        {lastMeasured(task) && <p>What was measured until then:</p>}
      </div>
    );
  }
  if (task.status === "CANCELED") return <p class="note">Stopped after {counted(task.progress.done, "simulated search", "simulated searches")} of {count(task.progress.total)}.</p>;
  return null;
}

/** Below so many searches a stranger wonders how it can be better already. */
const FEW = 200;

/** Verdict, how much, how sure, from how many, on what. */
function Answer({ task, last }: { task: Simulation; last: Measured | null }) {
  const found = task.outputs[0];
  if (!last) {
    return <p class="answer calm" role="status"><b>Not known yet</b>: {isRunning(task) ? "nothing has been measured after a search. The first point comes after some dozens of searches." : "it ended before anything was measured."}</p>;
  }
  const verdict = found?.verdict ?? "not known yet";
  // Worse may mean: than equal weights only. Everything else is told against the static order.
  const rival = verdict === "worse" && last.over_static.high >= 0 ? "equal" : "static";
  const over = rival === "equal" ? last.over_equal : last.over_static;
  const rivals = rival === "equal" ? "equal weights" : "the static order";
  const gain = <Explain facts={factsOf(`Learned minus ${rivals}`, "Compared query by query, so that easy and hard queries do not blur it.", over, last.n, difference)}>{difference(over.mean)} <span class="soft">({difference(over.low)} to {difference(over.high)})</span></Explain>;
  const learned = <Explain facts={factsOf("Learned order", "The order that was served with the weights learned so far.", last.learned, last.n)}><b>{decimal(last.learned.mean)}</b></Explain>;
  const before = <Explain facts={factsOf(rivals, rival === "equal" ? "The same searches, each with the same weight: nothing learned." : "The order before, or without, learning.", last[rival], last.n)}>{decimal(last[rival].mean)}</Explain>;
  const after = <>{isRunning(task) ? "So far, after" : "After"} <b>{counted(last.searches, "simulated search", "simulated searches")}</b></>;
  const basis = <>on <Explain facts={{ title: "Held-out queries", sentence: "Queries that no simulated user has searched. They are run to measure, and teach nothing.", unit: "queries", n: found?.final ? "all that are held out" : `${count(last.n)} of ${count(found?.held_out ?? last.n)}; all of them at the end`, words: ["held-out query"] }}>{count(last.n)} queries</Explain> that no simulated user has searched</>;
  if (!found?.final) {
    return (
      <p class="answer calm" role="status">
        <b>Not known yet</b>: {isRunning(task) ? <>the verdict comes at the end, on all {count(found?.held_out ?? 0)} held-out queries at once. {after}</> : <>it ended before its verdict. {after}</>} the learned order
        {" "}scores {learned} against {before} of {rivals}, {basis}: {gain}.
      </p>
    );
  }
  if (verdict === "not known yet") {
    return (
      <p class="answer calm" role="status">
        <b>Not known yet.</b> {after} the learned order scores {learned} against {before} of {rivals}, {basis}.
        {" "}{doubt(last, gain)}
        {task.inputs[0]?.taste === "none" && " These users like documents by lot, so there is nothing to learn: this is the right answer."}
      </p>
    );
  }
  const shares = last[rival].mean > 0 && relative(rivals, over, last[rival].mean, last.n);
  return (
    <p class={`answer ${verdict === "better" ? "good" : "bad"}`} role="status">
      <b>{verdict === "better" ? "Yes, better." : "No, worse."}</b> {after} the learned order scores {learned} instead of {before} of {rivals}, {basis}: {gain}
      {shares && <>, {shares}</>}. In 95 of 100 such measurements the interval holds the true difference.
      {verdict === "better" && last.searches < FEW && " That is soon: a few clicks move how much words and meaning count, and that changes every list at once. The weights below are still far from sure; more searches make them surer and show whether the gain stays."}
    </p>
  );
}

/** A difference as a share of what the rival scored, which is taken as it was measured. */
function relative(rivals: string, over: Estimate, base: number, n: number): ComponentChildren {
  const percents = [over.low, over.mean, over.high].map((each) => Math.round((100 * each) / base));
  const more = over.mean > 0;
  // "3 % less" has no sign of its own, so neither have its bounds, and they change places.
  const [low, mean, high] = more ? percents : percents.map((each) => -each).reverse();
  const between = `${low} to ${high} %`;
  return (
    <Explain facts={{ title: "The same as a share", sentence: `The difference in per cent of what ${rivals} scored, which is taken as it was measured.`, unit: "%", n: `${count(n)} held-out queries, simulated users`, interval: between, words: ["held-out query"] }}>
      {mean} % {more ? "more" : "less"} <span class="soft">({between})</span>
    </Explain>
  );
}

/** Why the end of a simulation is not known yet. */
function doubt({ over_static, over_equal }: Measured, gain: ComponentChildren): ComponentChildren {
  if (over_static.low <= 0) return <>The difference, {gain}, may be chance: its 95 % interval holds zero.</>;
  if (over_equal.low <= 0) return <>The difference is {gain}, but it is not surely better than the same searches with equal weights, so that it may not be learning that did it.</>;
  return <>The difference is {gain}: too small for so few queries to be sure of.</>;
}

function OnWhat({ task, retriever }: { task: Simulation; retriever: Retriever }) {
  const asked = task.inputs[0];
  const found = task.outputs[0];
  if (!asked) return null;
  const copied = found?.retriever_id && found.retriever_id !== retriever.retriever_id;
  return (
    <p class="note">
      {found?.users ? `${count(found.users)} simulated users` : "Simulated users"}, {asked.taste === "none" ? "who like documents by lot" : "each group with its own kind of document"}
      {asked.searches_per_second !== null && `, ${asked.searches_per_second} searches a second`}, seed {asked.seed}, begun <time dateTime={task.created_at} title={moment(task.created_at)}>{ago(task.created_at)}</time>
      {asked.copy && <>, on a copy{copied && found.retriever_name && <> (<a href={hrefOf("learning", { retriever: found.retriever_name })}>{found.retriever_name}</a>)</>}: it taught this retriever nothing</>}.
      {" "}The <Explain facts={MEASURE}>score</Explain> says how good the first ten results are: 1 when what a user likes stands on top, 0 when none of it is there.
    </p>
  );
}

const pointOf = ({ mean, low, high }: Estimate): Point => ({ value: mean, low, high });

function Quality({ curve, final, to }: { curve: Measured[]; final: Measured | null; to: number }) {
  const lines: Line[] = [
    { key: "learned", mark: "learned", name: "learned", tone: "t-learned", dots: true, points: curve.map((each) => pointOf(each.learned)) },
    { key: "static", mark: "static", name: "static order", tone: "t-static", dash: "9 5", points: curve.map((each) => pointOf(each.static)) },
    { key: "equal", mark: "equal", name: "equal weights", tone: "t-equal", dash: "2 5", points: curve.map((each) => pointOf(each.equal)) },
  ];
  const caption = (each: Measured) => `After ${counted(each.searches, "simulated search", "simulated searches")}, on ${count(each.n)} held-out queries:`;
  return (
    <div>
      <Curve
        lines={lines}
        axis={along(curve.map((each) => each.searches), to, count)}
        scale={unitRange([...lines[0]!.points, ...lines[1]!.points, ...lines[2]!.points])}
        captions={curve.map(caption)}
        label="Quality of the first ten results, 0 to 1, against simulated searches: learned with a 95 % band, static order and equal weights as dashed lines"
        unit={`Score (NDCG@10, 0 to 1) against simulated searches; the band is the 95 % interval over queries. ${final ? `On the way on ${count(curve.at(-1)!.n)} of the queries, for the sentence above at the end on all ${count(final.n)}. Last of the line:` : caption(curve.at(-1)!)}`}
      />
      <details class="fold">
        <summary>The same as a table</summary>
        <Table
          label="Quality after simulated searches"
          rows={curve}
          keyOf={(row) => String(row.searches)}
          most={45}
          columns={[
            { head: "searches", numeric: true, facts: { title: "Simulated searches", sentence: "How many simulated users had made when it was measured.", unit: "simulated searches", n: "1 simulation", words: ["simulation"] }, cell: (row) => count(row.searches) },
            { head: "learned", numeric: true, facts: { ...MEASURE, title: "Learned order" }, cell: (row) => said(row.learned) },
            { head: "static", numeric: true, facts: { ...MEASURE, title: "Static order" }, cell: (row) => said(row.static) },
            { head: "equal weights", numeric: true, facts: { ...MEASURE, title: "Equal weights" }, cell: (row) => said(row.equal) },
            { head: "queries", numeric: true, facts: { title: "Held-out queries", sentence: "Queries that were run to measure this row.", unit: "queries", n: "1 row", words: ["held-out query"] }, cell: (row) => count(row.n) },
          ]}
        />
      </details>
    </div>
  );
}

const said = ({ mean, low, high }: Estimate) => <>{decimal(mean)} <span class="soft">({decimal(low)} to {decimal(high)})</span></>;

const LEAST_REACH = 0.1;

/** What learning adds, beside zero: over the static order, and over the same searches unlearned. */
function Differences({ last }: { last: Measured }) {
  const reach = Math.max(LEAST_REACH, ...[last.over_static, last.over_equal].flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]).map((each) => Math.ceil(each * 20 - 1e-9) / 20));
  const rows: [string, Estimate, string][] = [
    ["learned minus static", last.over_static, "What is gained over the order before learning."],
    ["learned minus equal weights", last.over_equal, "What is gained over the same searches with equal weights: this part is learning, and not only that scores were brought to one scale."],
  ];
  return (
    <section class="differences" aria-label="What learning adds">
      <h3>What learning adds</h3>
      {rows.map(([name, found, sentence]) => (
        <div key={name}>
          <p>{name}: <Explain facts={factsOf(name, sentence, found, last.n, difference)}><b>{difference(found.mean)}</b> <span class="soft">{difference(found.low)} to {difference(found.high)}</span></Explain></p>
          <DifferenceBar {...found} reach={reach} />
        </div>
      ))}
      <p class="scale" aria-hidden="true"><span>{difference(-reach, 2)}</span><span>0: no difference</span><span>{difference(reach, 2)}</span></p>
      <p class="note">Difference of the scores (NDCG@10) with 95 % interval, {count(last.n)} held-out queries after {counted(last.searches, "simulated search", "simulated searches")}. Hollow, when the interval holds 0: not known yet.</p>
    </section>
  );
}

function Taught({ weights, searches, open, n }: { weights: Record<string, Record<string, Estimate>>; searches: Search[]; open: boolean; n: number }) {
  const groups = Object.entries(weights).filter(([, found]) => Object.keys(found).length > 0).slice(0, 12);
  if (!groups.length) return null;
  return (
    <details class="fold" open={open}>
      <summary>Weights that each group of simulated users has taught</summary>
      <Groups simulated searches={searches} groups={groups.map(([name, found]) => ({ key: name, name: name.replace(/_/g, " ") || "no segment", weights: found, n: `draws for ${count(n)} held-out queries of all groups` }))} />
    </details>
  );
}
