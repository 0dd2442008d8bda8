// What the clicks have taught: weights, how sure, along which route, and what else happened.
import { useEffect, useState } from "preact/hooks";
import { read, retrieverPath } from "../../api/client";
import { isUnknown, type Happening, type Retriever, type Stats, type Weights } from "../../api/types";
import { curl } from "../../examples";
import { ago, count, counted, moment, percent } from "../../format";
import { go, type Place } from "../../router";
import { fusingStage, searchesOf, type Search } from "../../searches";
import { useAsked } from "../../state/asking";
import { chosen, remember, useCatalogue, type Catalogue } from "../../state/catalogue";
import { useFresh } from "../../state/fresh";
import { Densities } from "../../ui/density";
import { Card, Empty, Problem, Stat, Table, Waiting } from "../../ui/parts";
import { RetrieverPicker } from "../../ui/picker";
import { Simulated } from "../../ui/simulated";
import { titled } from "../../ui/title";
import { HAPPENINGS, WHOSE } from "../../words";
import { NothingYet } from "../first";
import { Believed } from "./believed";
import { Better } from "./better";
import { Changes } from "./changes";
import { RouteCard } from "./route";
import { taughtBy, useSimulations } from "./simulations";

export function LearningPage({ place }: { place: Place }) {
  const { data, error, again } = useCatalogue(15_000);
  if (error) return <Problem error={error} again={again} />;
  if (!data) return <Waiting lines={6} />;
  if (!data.retrievers.length) return <NothingYet catalogue={data} />;
  const retriever = chosen(data.retrievers, place.params.get("retriever"));
  if (!retriever) {
    return <Empty title={`There is no retriever “${place.params.get("retriever")?.slice(0, 80)}”`}>It may have been deleted or renamed. <a href="#/learning">Look at another one</a>.</Empty>;
  }
  return <Learning key={retriever.retriever_id} retriever={retriever} catalogue={data} />;
}

function Learning({ retriever, catalogue }: { retriever: Retriever; catalogue: Catalogue }) {
  const name = retriever.retriever_name;
  const searches = searchesOf(retriever, catalogue.collections);
  const learns = retriever.fusion === "learned";
  const found = useFresh(
    learns ? `learned ${name}` : "",
    async (signal) => {
      const [weights, stats] = await Promise.all([
        read<Weights>(retrieverPath(name, "/learned-fusion/weights"), signal),
        read<Stats>(retrieverPath(name, "/learned-fusion/stats"), signal),
      ]);
      return { weights, stats };
    },
    ["weights"],
    (each) => each.retriever_id === retriever.retriever_id,
  );
  const simulations = useSimulations(retriever);
  const simulated = taughtBy(simulations, retriever);
  useEffect(() => remember(retriever), [retriever]);
  useEffect(() => titled(name, "Learning"), [name]);
  return (
    <>
      <div class="row small">
        <RetrieverPicker retrievers={catalogue.retrievers} value={retriever} onPick={(picked) => go("learning", { retriever: picked })} />
      </div>
      {!learns && <NotLearning retriever={retriever} />}
      {found.error && <Problem error={found.error} again={found.again} />}
      {learns && !found.data && !found.error && <Waiting lines={6} />}
      {found.data && (
        <>
          <Numbers stats={found.data.stats} weights={found.data.weights} />
          {simulated > 0 && <p class="note"><Simulated searches={simulated} /> Simulated users made {counted(simulated, "search", "searches")} here: what they clicked is in these numbers and in all that follows, and is not told apart from what people clicked.</p>}
          <Better retriever={retriever} weights={found.data.weights} searches={searches} simulations={simulations} />
          <div class="halves">
            <Believed retriever={retriever} weights={found.data.weights} searches={searches} simulated={simulated} />
            <Shapes weights={found.data.weights} searches={searches} simulated={simulated} />
          </div>
        </>
      )}
      {learns && !found.error && (
        // Asked for at once with what stands above, and seen with it.
        <div class={found.data ? "rest" : "rest unseen"}>
          <Changes retriever={retriever} searches={searches} simulated={simulated} />
          <RouteCard name={name} searches={searches} simulated={simulated} />
          <Happenings name={name} simulated={simulated} />
        </div>
      )}
    </>
  );
}

function NotLearning({ retriever }: { retriever: Retriever }) {
  const stage = fusingStage(retriever);
  const body = { stages: [{ stage_name: stage?.stage_name ?? "search", config: { stage_id: "feature_search", parameters: { fusion: "learned" } } }] };
  return (
    <Empty title={`${retriever.retriever_name} does not learn`} {...(stage ? { code: curl(retrieverPath(retriever.retriever_name), body, "PATCH"), label: "let it learn" } : {})}>
      {stage
        ? `Its lists are fused with “${retriever.fusion ?? "none"}”, by fixed rules. With learned fusion the weights of its searches follow what people click; until somebody does, the order stays as it is.`
        : "It has no stage that fuses several searches, so there are no weights to learn."}
    </Empty>
  );
}

function Numbers({ stats, weights }: { stats: Stats; weights: Weights }) {
  const share = stats.rollout_pct / 100;
  const served = !stats.enabled ? "off" : stats.shadow_mode ? "shadow" : percent(share, 0);
  const sentence = !stats.enabled
    ? "Learning is switched off: everyone is served the static order."
    : stats.shadow_mode
      ? "Learned weights are computed and logged, the static order is served."
      : `This share of users is served learned weights${stats.rollout_override ? ", by a live override" : ""}; the others the static order.`;
  return (
    <dl class="stats">
      <Stat label="Lessons" value={count(stats.lessons)} note="closed searches" facts={{ title: "Lessons", sentence: "Searches that have closed, and taught what was clicked and what was passed over.", unit: "lessons", n: "all that are kept", words: ["lesson", "closing"] }} />
      <Stat label="Interactions" value={count(weights.total_interactions)} note="behind everyone's weights" facts={{ title: "Interactions", sentence: "Acts of users on results that everyone's weights rest on.", unit: "interactions", n: "all that are kept", words: ["interaction"] }} />
      <Stat label="Users known" value={count(stats.total_learners)} note={`${count(weights.learner_count)} with own weights`} facts={{ title: "Users known", sentence: "Users who taught something; those with enough interactions are served weights of their own.", unit: "users", n: `${count(stats.total_learners)} users, ${count(stats.opted_out_users)} opted out`, words: ["context level"] }} />
      <Stat label="Served learned" value={served} note={stats.enabled && !stats.shadow_mode ? "of users" : "static order served"} facts={{ title: "Rollout", sentence, unit: "share of users", n: "set by the configuration, not measured", words: ["rollout", "kill switch", "shadow"] }} />
    </dl>
  );
}

function Shapes({ weights, searches, simulated }: { weights: Weights; searches: Search[]; simulated: number }) {
  const beta = Object.values(weights.feature_weights).some((each) => each.alpha > 0);
  if (isUnknown(weights)) {
    return (
      <Card title="How sure">
        <Empty title="Not known yet">As soon as somebody clicks, a curve for each search shows where its weight may lie: wide at first, narrow with evidence.</Empty>
      </Card>
    );
  }
  return (
    <Card title="How sure" aside={<Simulated searches={simulated} />}>
      <p class="note lead">
        {beta
          ? "For each search, how likely each engagement rate is: a Beta density. Weights are drawn from these and made to add up to 100 %. It is surer of itself than it should be: what is shown follows the weights, and the counts know nothing of it."
          : "For each search, where its best weight is believed to lie: a normal shape through the mean and the 95 % interval. Searches draw their weights from a range around the same mean, which exploration makes narrower or wider."}
        {" "}Narrow and tall is sure, wide and flat is not. Heights are compressed by a square root.
      </p>
      <Densities searches={searches} weights={weights.feature_weights} label={`Shape of what is believed about each weight: ${searches.map((search) => `${search.label} around ${percent(weights.feature_weights[search.uri]?.weight ?? 0)}`).join(", ")}`} />
      <p class="legend">{searches.map((search) => <span key={search.uri}><i class={`swatch c${search.colour}`} /> {search.letter} {search.label}</span>)}</p>
    </Card>
  );
}

const MOST = 200;

function Happenings({ name, simulated }: { name: string; simulated: number }) {
  const [kind, setKind] = useState("");
  const { data, error, again } = useAsked(
    `activity ${name} ${kind}`,
    (signal) => read<{ events: Happening[]; warning: string | null }>(retrieverPath(name, `/learned-fusion/activity?limit=${MOST}&hours=720${kind ? `&event_type=${kind}` : ""}`), signal),
    10_000,
  );
  return (
    <Card title="What happened" aside={<>
      {data && data.events.length > 0 && <Simulated searches={simulated} />}
      <label class="field inline">
        <span>Only</span>
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          <option value="">everything</option>
          {Object.entries(HAPPENINGS).map(([value, words]) => <option key={value} value={value}>{words}</option>)}
        </select>
      </label>
    </>}>
      {error && <Problem error={error} again={again} />}
      {!data && !error && <Waiting />}
      {data?.warning && <p class="problem soft-warn">{data.warning}</p>}
      {data && !data.events.length && <Empty title="Nothing in the last 30 days">Switches, rollouts, opt-outs and users who get weights of their own are listed here.</Empty>}
      {data && data.events.length > 0 && (
        <Table
          label="What happened, newest first"
          rows={data.events}
          keyOf={(each) => `${each.timestamp} ${each.event_type} ${each.user_id}`}
          most={10}
          columns={[
            { head: "when", cell: (each) => <time dateTime={each.timestamp} title={moment(each.timestamp)}>{ago(each.timestamp)}</time> },
            { head: "what", cell: (each) => HAPPENINGS[each.event_type] ?? each.event_type.replace(/_/g, " ") },
            { head: "who", cell: (each) => <span class="break">{each.user_id ?? "everyone"}</span> },
            { head: "detail", cell: (each) => <span class="soft break">{detail(each)}</span>, wide: true },
          ]}
        />
      )}
    </Card>
  );
}

const whose = (level: string): string => WHOSE[level] ?? level;

function detail({ details }: Happening): string {
  if (typeof details["from"] === "string" && typeof details["to"] === "string") return `weights: ${whose(details["from"])} before, ${whose(details["to"])} now`;
  const shown = Object.entries(details).filter(([name, value]) => name !== "context_key" && value !== null && value !== "");
  return shown.map(([name, value]) => `${name.replace(/_/g, " ")} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`).join(", ") || "–";
}
