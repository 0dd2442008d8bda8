// One execution read back from the log: the query, what was shown, the weights as drawn, what followed.
import { read, send } from "../../api/client";
import type { Choice, Document, Interaction, PageOf } from "../../api/types";
import { ago, count, counted, milliseconds, moment, percent, shortened } from "../../format";
import { hrefOf } from "../../router";
import { searchesLogged, type Search } from "../../searches";
import type { Catalogue } from "../../state/catalogue";
import { useFresh } from "../../state/fresh";
import { ShareBar, StackedBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Problem, SearchName, Waiting } from "../../ui/parts";
import { LEVELS, REASONS } from "../../words";
import { Opened } from "./opened";
import { words } from "./row";

interface Logged {
  execution_id: string;
  retriever_id: string;
  created_at: string;
  purpose: string;
  inputs: Record<string, unknown>;
  documents: Document[];
  pagination: { total: number };
  stage_statistics: { total_time_ms: number };
  learned_fusion_context?: Choice;
}

const MOST = 20;

async function askedFor(id: string, signal: AbortSignal): Promise<{ logged: Logged; acts: Interaction[] }> {
  const [logged, acts] = await Promise.all([
    read<Logged>(`/v1/retrievers/executions/${encodeURIComponent(id)}`, signal),
    send<PageOf<Interaction>>("/v1/retrievers/interactions/list", { execution_id: id, limit: MOST }, signal),
  ]);
  return { logged, acts: acts.results };
}

interface Props {
  id: string;
  catalogue: Catalogue;
  /** The page without this beside it. */
  closed: string;
  open: (interaction: string) => string;
}

export function OpenExecution({ id, catalogue, closed, open }: Props) {
  const { data, error, again } = useFresh(`execution ${id}`, (signal) => askedFor(id, signal), ["interaction"], (each) => each.kind === "interaction" && each.execution_id === id);
  return (
    <Opened title="Execution" closed={closed}>
      {error && <Problem error={error} again={again} />}
      {!data && !error && <Waiting lines={6} />}
      {data && <Shown {...data} catalogue={catalogue} open={open} />}
    </Opened>
  );
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value));

function Shown({ logged, acts, catalogue, open }: { logged: Logged; acts: Interaction[]; catalogue: Catalogue; open: (interaction: string) => string }) {
  const retriever = catalogue.retrievers.find((each) => each.retriever_id === logged.retriever_id);
  const choice = logged.learned_fusion_context;
  const uris = choice?.feature_uris ?? logged.documents[0]?.attribution?.map((part) => part.feature_uri) ?? [];
  const searches = searchesLogged(uris, retriever, catalogue.collections);
  const query = textOf(logged.inputs["query"]);
  const user = textOf(logged.inputs["user_id"]);
  return (
    <>
      <p class="facts">
        <b class="break">{query ? `“${shortened(query, 300)}”` : "no query text"}</b>
        <span class="soft break">{user ? `by ${shortened(user, 60)}` : "anonymous"}, <time dateTime={logged.created_at} title={moment(logged.created_at)}>{ago(logged.created_at)}</time></span>
        {logged.purpose === "simulation" ? <span class="tag warn">simulated</span> : logged.purpose !== "traffic" && <span class="tag">{words(logged.purpose)}</span>}
        <Explain facts={{ title: "Time on the server", sentence: "From the request's arrival to the answer.", unit: "milliseconds", n: "1 execution", words: ["execution"] }}>{milliseconds(logged.stage_statistics.total_time_ms)}</Explain>
      </p>
      {retriever && query && <p class="foot"><a href={hrefOf("search", { retriever: retriever.retriever_name, q: query, user, teach: "no" })}>Search this again</a></p>}
      {choice ? <Drawn choice={choice} searches={searches} /> : <p class="note">No weights were drawn: this list is fused by fixed rules.</p>}
      <h3>Shown</h3>
      <List logged={logged} searches={searches} />
      <h3>What followed</h3>
      {acts.length === 0 && <p class="note">Nobody has acted on it yet.</p>}
      <ul class="plain">
        {acts.map((act) => act.interaction_id && (
          <li key={act.interaction_id}><a class="break" href={open(act.interaction_id)}>{words(act.interaction_type.join(", "))} on {shortened(act.document_id, 60)}</a></li>
        ))}
      </ul>
      {acts.length >= MOST && <p class="note">The newest {MOST}.</p>}
    </>
  );
}

function Drawn({ choice, searches }: { choice: Choice; searches: Search[] }) {
  const level = choice.context_level;
  const drawn = level !== "prior";
  return (
    <>
      <p class="note">{choice.served ? `Served with learned weights, drawn from ${LEVELS[level] ?? level}.` : (REASONS[choice.reason ?? ""] ?? "The static order was served.")}{drawn && !choice.served ? " Drawn, but not served:" : ""}</p>
      {drawn && (
        <ul class="weights">
          {searches.map((search) => {
            const weight = choice.sampled_weights[search.uri] ?? 0;
            return (
              <li key={search.uri}>
                <SearchName search={search} />
                <Explain facts={{ title: `Weight of ${search.label}`, sentence: `${percent(weight)} of the score came from this search: one draw out of what was believed then.`, unit: "share of the score; all together 100 %", n: "1 draw", interval: "none: it is a draw, not an estimate", words: ["draw", "weights"] }}>{percent(weight)}</Explain>
                <ShareBar search={search} value={weight} />
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

function List({ logged, searches }: { logged: Logged; searches: Search[] }) {
  const shown = logged.documents.slice(0, MOST);
  const most = Math.max(...shown.map((each) => each.score), 0);
  if (!shown.length) return <p class="note">No document was found.</p>;
  return (
    <>
      <ol class="shown">
        {shown.map((document) => {
          const parts = searches.flatMap((search) => {
            const part = document.attribution?.find((each) => each.feature_uri === search.uri);
            return part ? [{ search, value: part.contribution }] : [];
          });
          return (
            <li key={document.document_id}>
              <span class="soft">{document.position + 1}</span>
              <span class="break">{shortened(document.document_id, 80)}</span>
              <Explain plain facts={{ title: `Score ${document.score.toFixed(3)}`, sentence: `${parts.map(({ search, value }) => `${search.letter} gave ${value.toFixed(3)}`).join(", ") || "No search is named"}. Position ${document.position} in the log.`, unit: "score", n: "1 document", words: ["contribution", "position"] }}>
                <span class="score">{document.score.toFixed(3)}</span>
              </Explain>
              <StackedBar parts={parts} whole={most} />
            </li>
          );
        })}
      </ol>
      {logged.documents.length > shown.length && <p class="note">The first {count(shown.length)} of {counted(logged.documents.length, "document")}.</p>}
    </>
  );
}
