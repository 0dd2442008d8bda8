// One document of a list: what it is, who found it, what a click on it was worth.
import { useState } from "preact/hooks";
import { call, Refused, send } from "../../api/client";
import type { Contribution, Document, Execution, Interaction } from "../../api/types";
import { shortened, signed } from "../../format";
import { hrefOf } from "../../router";
import type { Search } from "../../searches";
import { StackedBar } from "../../ui/bars";
import { Explain } from "../../ui/explain";
import { Badge, Table } from "../../ui/parts";
import { toast } from "../../ui/toasts";
import { TEACHES } from "../../words";
import { excerptOf, fieldsOf, Highlighted, titleOf } from "./highlight";
import { visit } from "./run";

const ACTS: [string, string][] = [["long_view", "Read it"], ["purchase", "Buy it"], ["positive_feedback", "Good result"], ["negative_feedback", "Bad result"]];

interface Props {
  document: Document;
  execution: Execution;
  searches: Search[];
  pattern: RegExp | null;
  /** The highest score of the list: as long as the bar. */
  most: number;
  again: () => void;
}

export function Result({ document, execution, searches, pattern, most, again }: Props) {
  const [open, setOpen] = useState(false);
  const [receipts, setReceipts] = useState<Interaction[]>([]);
  const [sending, setSending] = useState(false);
  const { title, field } = titleOf(document);
  const excerpt = excerptOf(document, field, pattern);
  const clicked = receipts.some((each) => each.interaction_type.includes("click"));
  const act = (type: string) => {
    setSending(true);
    const body = { execution_id: execution.execution_id, feature_id: document.document_id, interaction_type: [type], position: document.position, session_id: visit() };
    send<Interaction>("/v1/retrievers/interactions", body)
      .then((receipt) => setReceipts((now) => [...now, receipt]), complain)
      .finally(() => setSending(false));
  };
  const press = () => {
    setOpen((now) => !now || !clicked);
    if (!clicked && !sending) act("click");
  };
  const undo = (receipt: Interaction) =>
    call("DELETE", `/v1/retrievers/interactions/${receipt.interaction_id}`).then(() => {
      setReceipts((now) => now.filter((each) => each !== receipt));
      toast("The interaction is deleted, with what it taught", "good");
    }, complain);
  return (
    <li class={open ? "result open" : "result"}>
      <div class="line">
        <Explain plain facts={{ title: `Place ${document.position + 1}`, sentence: `Position ${document.position} in the log, where counting starts at 0.`, unit: "places", n: "1 execution", words: ["position"] }}>
          <span class="place">{document.position + 1}</span>
        </Explain>
        <h3>
          <button type="button" class="title" aria-expanded={open} onClick={press}>
            <Highlighted text={shortened(title, 400)} pattern={pattern} />
          </button>
        </h3>
      </div>
      {excerpt && <p class="excerpt"><Highlighted text={excerpt} pattern={pattern} /></p>}
      <Credit document={document} searches={searches} most={most} />
      {receipts.map((receipt) => <Receipt key={receipt.interaction_id ?? "twice"} receipt={receipt} searches={searches} undo={() => undo(receipt)} again={again} />)}
      {open && <Details document={document} searches={searches} sending={sending} act={act} />}
    </li>
  );
}

const complain = (error: Error) => toast(`Not done: ${error instanceof Refused ? `${error.message}. ${error.hint}` : error.message}`, "bad");

const pairsOf = (document: Document, searches: Search[]): { search: Search; part: Contribution }[] =>
  searches.flatMap((search) => {
    const part = document.attribution?.find((each) => each.feature_uri === search.uri);
    return part ? [{ search, part }] : [];
  });

/** Who found it, and what each added to the score. */
function Credit({ document, searches, most }: { document: Document; searches: Search[]; most: number }) {
  const pairs = pairsOf(document, searches);
  if (!pairs.length) return null;
  const found = pairs.filter(({ part }) => part.rank !== null);
  return (
    <div class="credit">
      <Explain plain facts={{ title: "Found by", sentence: found.length ? `${found.map(({ search, part }) => `${search.letter} ${search.label} had it at rank ${part.rank}`).join("; ")}. Ranks start at 0.` : "No search listed it; it was scored with the others.", words: ["search", "hit"] }}>
        <span class="badges">{pairs.map(({ search, part }) => <Badge key={search.uri} search={search} faint={part.rank === null} />)}</span>
        <span class="hidden">Found by {found.map(({ search }) => search.label).join(", ")}</span>
      </Explain>
      <Explain plain facts={{
        title: `Score ${document.score.toFixed(3)}`,
        sentence: pairs.map(({ search, part }) => `${search.letter} gives ${part.contribution.toFixed(3)} (weight ${part.weight.toFixed(2)} × ${part.norm_score.toFixed(2)})`).join(", ") + ".",
        unit: "score; the highest possible is 1 when weights are learned", n: "1 document",
        words: ["contribution"],
      }}>
        <StackedBar parts={pairs.map(({ search, part }) => ({ search, value: part.contribution }))} whole={most} />
        <span class="score">{document.score.toFixed(3)}</span>
      </Explain>
    </div>
  );
}

function Receipt({ receipt, searches, undo, again }: { receipt: Interaction; searches: Search[]; undo: () => void; again: () => void }) {
  const credited = searches.find((search) => search.uri === receipt.feature_uri);
  const reward = receipt.metadata.reward_value ?? 0;
  const teaches = receipt.teaches ? (TEACHES[receipt.teaches_reason] ?? "It teaches.") : capital(receipt.warning ?? "it teaches nothing");
  return (
    <div class={`receipt ${receipt.teaches ? "good" : "plain"}`} role="status">
      <p>
        <strong>{receipt.deduplicated ? "Already recorded" : "Recorded"}: {receipt.interaction_type.join(", ").replace(/_/g, " ")}</strong>
        {" · "}
        <Explain facts={{ title: "Reward", sentence: "What this act is worth to the learner; a plain click is worth 1.", unit: "clicks", n: "1 interaction", words: ["reward", "interaction"] }}>reward {signed(reward)}</Explain>
        {credited && <> · <Explain plain facts={{ title: "Attribution", sentence: `This act is credited to ${credited.label}, which gave this document the largest part of its score (${receipt.attribution}).`, unit: credited.uri, words: ["search", "lesson"] }}>credited to <Badge search={credited} /> {credited.label}</Explain></>}
      </p>
      <p>{teaches}</p>
      <p class="foot">
        {receipt.interaction_id && <a href={hrefOf("live", { interaction: receipt.interaction_id })}>Follow it</a>}
        {receipt.teaches && <button type="button" class="quiet" onClick={again}>Search again, so that it closes</button>}
        {receipt.interaction_id && <button type="button" class="quiet" onClick={undo}>Undo</button>}
      </p>
    </div>
  );
}

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function Details({ document, searches, sending, act }: { document: Document; searches: Search[]; sending: boolean; act: (type: string) => void }) {
  const pairs = pairsOf(document, searches);
  return (
    <div class="details">
      <p class="acts">
        <span class="soft">As a user, also:</span>
        {ACTS.map(([type, words]) => <button key={type} type="button" class="quiet" disabled={sending} onClick={() => act(type)} title={`records ${type}`}>{words}</button>)}
      </p>
      {pairs.length > 0 && (
        <Table
          label="What each search said about this document"
          keyOf={({ search }) => search.uri}
          rows={pairs}
          columns={[
            { head: "search", cell: ({ search }) => <><Badge search={search} /> {search.label}</>, wide: true },
            { head: "rank", numeric: true, facts: { title: "Rank", sentence: "Where this search had the document in its own list; counting starts at 0.", unit: "places", n: "1 search", words: ["rank"] }, cell: ({ part }) => part.rank ?? "not listed" },
            { head: "own score", numeric: true, facts: { title: "Own score", sentence: "What this search says about the document, on its own scale; scales of two searches cannot be compared.", unit: "the search's own", n: "1 search", words: ["hit"] }, cell: ({ part }) => part.raw_score?.toFixed(3) ?? "none" },
            { head: "normalised", numeric: true, facts: { title: "Normalised score", sentence: "The own score brought to a common scale over all candidates.", unit: "0 to 1 under learned fusion", n: "all candidates", words: ["fusion"] }, cell: ({ part }) => part.norm_score.toFixed(3) },
            { head: "weight", numeric: true, facts: { title: "Weight", sentence: "How much this search counts in this execution.", unit: "share; all together 1 under learned fusion", n: "1 execution", words: ["weights"] }, cell: ({ part }) => part.weight.toFixed(3) },
            { head: "adds", numeric: true, facts: { title: "Contribution", sentence: "Weight times normalised score; the contributions add up to the score.", unit: "score", n: "1 document", words: ["contribution"] }, cell: ({ part }) => part.contribution.toFixed(3) },
          ]}
        />
      )}
      <dl class="fields">
        <dt>document_id</dt>
        <dd>{document.document_id}</dd>
        {fieldsOf(document).map(([name, value]) => [
          <dt key={`${name}t`}>{name}</dt>,
          <dd key={`${name}d`} tabIndex={long(value) ? 0 : undefined} class={long(value) ? "long" : undefined}>{typeof value === "string" ? value : JSON.stringify(value)}</dd>,
        ])}
      </dl>
    </div>
  );
}

const long = (value: unknown): boolean => typeof value === "string" && value.length > 400;
