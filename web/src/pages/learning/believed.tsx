// What is believed about the weights: for everyone, for each segment, for one user.
import { useState } from "preact/hooks";
import { read, retrieverPath } from "../../api/client";
import type { Exploration } from "../../api/learning";
import { isUnknown, type Retriever, type UserWeights, type Weights } from "../../api/types";
import { count, interval, percent } from "../../format";
import { inputsOf, type Search } from "../../searches";
import { useFresh } from "../../state/fresh";
import { ShareBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Card, Problem, SearchName } from "../../ui/parts";
import { Simulated } from "../../ui/simulated";
import { LEVELS } from "../../words";
import { Exploring, Segments } from "./segments";

/** Servers before it was added leave it out. */
interface Explored {
  exploration?: Exploration | null;
}

interface Row {
  search: Search;
  value: number;
  low?: number | undefined;
  high?: number | undefined;
}

function WeightRows({ rows, n, whose, unknown = false }: { rows: Row[]; n: string; whose: string; unknown?: boolean }) {
  return (
    <ul class="weights">
      {rows.map(({ search, value, low, high }) => {
        const known = low !== undefined && high !== undefined;
        return (
          <li key={search.uri}>
            <SearchName search={search} />
            <Explain facts={{
              title: `Weight of ${search.label}`,
              sentence: unknown ? `Nothing has been learned ${whose}: each search counts the same.` : `${percent(value)} of the score is believed to be best from this search, ${whose}.`,
              unit: "share of the score; all together 100 %", n,
              interval: known ? interval(low, high) : unknown ? "not known yet" : "not told for this level",
              words: ["weights", "interval"],
            }}>
              {percent(value)}
            </Explain>
            <ShareBar search={search} value={value} low={low} high={high} />
            <span class="note">{known ? interval(low, high) : unknown ? "not known yet" : ""}</span>
          </li>
        );
      })}
    </ul>
  );
}

export function Everyone({ weights, searches }: { weights: Weights & Explored; searches: Search[] }) {
  const unknown = isUnknown(weights);
  const rows = searches.flatMap((search) => {
    const found = weights.feature_weights[search.uri];
    if (!found) return [];
    return [unknown ? { search, value: found.weight } : { search, value: found.weight, low: found.low, high: found.high }];
  });
  const n = weights.total_interactions;
  return (
    <>
      <WeightRows rows={rows} n={`${count(n)} interactions`} whose="for everyone" unknown={unknown} />
      {!unknown && weights.exploration && <p class="note"><Exploring exploration={weights.exploration} /></p>}
      {unknown && <p class="note">{searches.length < 2 ? "One search alone: there is nothing to weigh." : "Equal weights stand here until somebody clicks; searches are served in the static order meanwhile."}</p>}
    </>
  );
}

export function OneUser({ retriever, searches }: { retriever: Retriever; searches: Search[] }) {
  const [asked, setAsked] = useState<{ user: string; inputs: Record<string, string> } | null>(null);
  const inputs = inputsOf(retriever);
  const name = retriever.retriever_name;
  const { data, error, again } = useFresh(
    asked ? `user ${name} ${JSON.stringify(asked)}` : "",
    (signal) => read<UserWeights & Explored>(retrieverPath(name, `/learned-fusion/weights/${encodeURIComponent(asked!.user)}?${new URLSearchParams(asked!.inputs)}`), signal),
    ["weights"],
    (each) => each.retriever_id === retriever.retriever_id,
  );
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(event.currentTarget as HTMLFormElement)].map(([key, value]) => [key, String(value).trim()]));
    const { user = "", ...rest } = fields;
    setAsked(user ? { user, inputs: Object.fromEntries(Object.entries(rest).filter(([, value]) => value)) } : null);
  };
  return (
    <>
      <form class="row small" onSubmit={submit} aria-label="Weights of a user">
        <label class="field"><span>User</span><input name="user" autocomplete="off" required maxLength={512} placeholder="user id" /></label>
        {inputs.map((input) => <label class="field" key={input}><span>{input.replace(/_/g, " ")}</span><input name={input} autocomplete="off" placeholder="none" /></label>)}
        <button type="submit" class="main">Look</button>
      </form>
      {!asked && <p class="note">Somebody without evidence of their own is served what is believed about their segment, else about everyone.</p>}
      {error && <Problem error={error} again={again} />}
      {data && (
        <>
          <p>
            <b class="break">{data.user_id}</b> is served from{" "}
            <Explain facts={{ title: `Level: ${data.resolved_level}`, sentence: `Served from ${LEVELS[data.resolved_level] ?? data.resolved_level}.`, unit: "level", n: `${count(data.interaction_count)} interactions of this user`, words: ["context level"] }}>{LEVELS[data.resolved_level] ?? data.resolved_level}</Explain>
            , with {count(data.interaction_count)} interactions of their own.
          </p>
          <WeightRows
            n={`${count(data.interaction_count)} interactions of this user, and the levels above`}
            whose={`for ${data.user_id.slice(0, 40)}`}
            rows={searches.map((search) => ({ search, value: data.mean_weights[search.uri] ?? 0, low: data.intervals?.[search.uri]?.[0], high: data.intervals?.[search.uri]?.[1] }))}
          />
          {data.exploration && <p class="note"><Exploring exploration={data.exploration} /></p>}
        </>
      )}
    </>
  );
}

export function Believed({ retriever, weights, searches, simulated }: { retriever: Retriever; weights: Weights; searches: Search[]; simulated: number }) {
  const [whose, setWhose] = useState("everyone");
  return (
    <Card title="Weights" aside={<>
      <Simulated searches={simulated} />
      <div class="tabs" role="group" aria-label="Whose weights">
        {["everyone", "segments", "one user"].map((each) => <button key={each} type="button" class="quiet" aria-pressed={whose === each} onClick={() => setWhose(each)}>{each}</button>)}
      </div>
    </>}>
      {whose === "everyone" && <Everyone weights={weights} searches={searches} />}
      {whose === "segments" && <Segments retriever={retriever} searches={searches} />}
      {whose === "one user" && <OneUser retriever={retriever} searches={searches} />}
    </Card>
  );
}
