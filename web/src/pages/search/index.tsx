// Search as a user would, see who found what, click, read the receipt.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Retriever } from "../../api/types";
import { count, counted } from "../../format";
import { go, type Place } from "../../router";
import { inputsOf, searchesOf } from "../../searches";
import { chosen, remember, useCatalogue, type Catalogue } from "../../state/catalogue";
import { Explain } from "../../ui/explain";
import { Simulated } from "../../ui/simulated";
import { titled } from "../../ui/title";
import { Badge, Empty, Problem, Waiting } from "../../ui/parts";
import { RetrieverPicker } from "../../ui/picker";
import { FIRST } from "../../examples";
import { NothingYet } from "../first";
import { useTaught } from "../learning/simulations";
import { patternOf } from "./highlight";
import { Result } from "./result";
import { keyOf, useRun, type Question } from "./run";
import { Why } from "./why";

export function SearchPage({ place }: { place: Place }) {
  const { data, error, again } = useCatalogue(15_000);
  if (error) return <Problem error={error} again={again} />;
  if (!data) return <Waiting lines={5} />;
  const retriever = chosen(data.retrievers, place.params.get("retriever"));
  if (!data.retrievers.length) return <NothingYet catalogue={data} />;
  if (!retriever) {
    return (
      <Empty title={`There is no retriever “${place.params.get("retriever")?.slice(0, 80)}”`}>
        It may have been deleted or renamed. <a href="#/search">Use another one</a>.
      </Empty>
    );
  }
  return <Searching key={retriever.retriever_id} retriever={retriever} catalogue={data} params={place.params} />;
}

function asked(retriever: Retriever, params: URLSearchParams): Question | null {
  const query = params.get("q") ?? "";
  if (!query.trim()) return null;
  const inputs = Object.fromEntries(inputsOf(retriever).map((name) => [name, params.get(`in.${name}`) ?? ""] as const).filter(([, value]) => value));
  return { retriever: retriever.retriever_name, query, user: params.get("user") ?? "", inputs, teaches: params.get("teach") !== "no" };
}

function Searching({ retriever, catalogue, params }: { retriever: Retriever; catalogue: Catalogue; params: URLSearchParams }) {
  const question = asked(retriever, params);
  const run = useRun(question);
  const simulated = useTaught(retriever);
  const searches = searchesOf(retriever, catalogue.collections);
  useEffect(() => remember(retriever), [retriever]);
  useEffect(() => titled(question ? question.query : "", "Search"), [question?.query]);
  const shown = run.question && question && run.question.retriever === question.retriever;
  return (
    <>
      <Form retriever={retriever} catalogue={catalogue} params={params} busy={run.busy} again={run.again} />
      {!question && <Invitation retriever={retriever} searches={searches.length} />}
      {question && shown && run.error && <Problem error={run.error} again={run.again} />}
      {question && !run.answer && !run.error && <Waiting lines={6} />}
      {question && shown && run.answer && run.question && (
        <div class={run.busy ? "two stale" : "two"} aria-busy={run.busy}>
          <section aria-label="Results" class="results">
            <h2 class="hidden">Results</h2>
            <p class="summary" role="status">
              {run.answer.documents.length === 0 ? "No document was found" : <Explain facts={{ title: "Documents", sentence: "The list that was made, shown and logged as one execution; clicks refer to it.", unit: "documents", n: "1 execution", words: ["execution", "impression"] }}>{counted(run.answer.documents.length, "document")}</Explain>}
              {run.answer.documents.length > 0 && <span>for “{run.question.query.slice(0, 80)}{run.question.query.length > 80 ? "…" : ""}”</span>}
              {run.answer.learned_fusion_context?.served && <Simulated searches={simulated} />}
              {!run.question.teaches && <span class="tag">teaches nothing</span>}
              <span class="legend">{searches.map((search) => <span key={search.uri}><Badge search={search} /> {search.label}</span>)}</span>
            </p>
            {run.answer.documents.length === 0 ? (
              <Empty title="Nothing found">
                Try fewer or other words. {count(catalogue.collections.filter((each) => retriever.collection_identifiers.length === 0 || retriever.collection_identifiers.includes(each.collection_name) || retriever.collection_identifiers.includes(each.collection_id)).reduce((sum, each) => sum + each.document_count, 0))} documents can be found by this retriever.
              </Empty>
            ) : (
              <ol>
                {run.answer.documents.map((document) => (
                  <Result
                    key={`${run.answer!.execution_id} ${document.document_id}`}
                    document={document}
                    execution={run.answer!}
                    searches={searches}
                    pattern={patternOf(run.question!.query)}
                    most={Math.max(...run.answer!.documents.map((each) => sumOf(each.attribution ?? [])))}
                    again={run.again}
                  />
                ))}
              </ol>
            )}
          </section>
          <Why question={run.question} execution={run.answer} searches={searches} fusion={retriever.fusion ?? ""} simulated={simulated} />
        </div>
      )}
    </>
  );
}

const sumOf = (parts: { contribution: number }[]): number => parts.reduce((sum, part) => sum + part.contribution, 0);

function Form({ retriever, catalogue, params, busy, again }: { retriever: Retriever; catalogue: Catalogue; params: URLSearchParams; busy: boolean; again: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [teach, setTeach] = useState(params.get("teach") !== "no");
  const inputs = inputsOf(retriever);
  const address = params.toString();
  useEffect(() => {
    // What stands in the address stands in the form, also after the back button.
    const fields = form.current?.elements;
    for (const name of ["q", "user", ...inputs.map((input) => `in.${input}`)]) {
      const field = fields?.namedItem(name);
      if (field instanceof HTMLInputElement) field.value = params.get(name) ?? "";
    }
    setTeach(params.get("teach") !== "no");
    if (!params.get("q") && matchMedia("(pointer: fine)").matches) (fields?.namedItem("q") as HTMLInputElement | null)?.focus({ preventScroll: true });
  }, [address]);
  const wanted = (name = retriever.retriever_name): Record<string, string> => {
    const data = new FormData(form.current!);
    const fields = Object.fromEntries([...data].map(([key, value]) => [key, String(value).trim()]));
    return { ...fields, retriever: name, teach: teach ? "" : "no" };
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const next = wanted();
    const same = keyOf(asked(retriever, new URLSearchParams(next)) ?? ({} as Question)) === keyOf(asked(retriever, params) ?? ({} as Question));
    (document.activeElement as HTMLElement | null)?.blur(); // so that j and k walk at once
    if (same) again();
    else go("search", next);
  };
  return (
    <form class="ask" ref={form} onSubmit={submit} role="search" aria-label="Search">
      <div class="row">
        <label class="field grow">
          <span>Query</span>
          <input name="q" type="search" id="query" autocomplete="off" maxLength={10_000} placeholder="What are you looking for?" enterkeyhint="search" />
        </label>
        <button type="submit" class="main" aria-busy={busy}>Search</button>
      </div>
      <div class="row small">
        <RetrieverPicker retrievers={catalogue.retrievers} value={retriever} onPick={(name) => go("search", wanted(name))} />
        <label class="field">
          <span>As user</span>
          <input name="user" autocomplete="off" placeholder="anonymous" maxLength={512} />
        </label>
        {inputs.map((input) => (
          <label class="field" key={input}>
            <span>{input.replace(/_/g, " ")}</span>
            <input name={`in.${input}`} autocomplete="off" placeholder="none" maxLength={512} />
          </label>
        ))}
        <label class="check" title="Off: the search is logged with purpose test, and nothing is learned from it">
          <input type="checkbox" checked={teach} onChange={(event) => setTeach(event.currentTarget.checked)} />
          <span>Let it teach</span>
        </label>
      </div>
    </form>
  );
}

function Invitation({ retriever, searches }: { retriever: Retriever; searches: number }) {
  return (
    <Empty title={`Search with “${retriever.retriever_name}”`} code={FIRST.execute(retriever.retriever_name)} label="search with curl">
      {searches > 1 ? `${counted(searches, "search", "searches")} look for your words, each in its own way, and one list is made of theirs. ` : ""}
      Click a result as a user would: you see what the click is worth and what it teaches.
      Press <kbd>/</kbd> to type, <kbd>j</kbd> and <kbd>k</kbd> to walk, <kbd>Enter</kbd> to click, <kbd>?</kbd> for all keys. The same from a program:
    </Empty>
  );
}
