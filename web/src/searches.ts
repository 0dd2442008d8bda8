// The searches of a retriever: a letter, a colour and a name people can read for each.
import type { Collection, Retriever, Stage } from "./api/types";

export interface Search {
  uri: string;
  letter: string;
  colour: number;
  label: string;
  sentence: string;
}

const KINDS: Record<string, [string, string]> = {
  lexical: ["words", "finds documents by the words of the query (BM25)"],
  dense: ["meaning", "finds documents whose meaning is near the query's (vectors)"],
  field: ["number", "orders documents by a number they carry, whatever the query is"],
};

/** The stage whose searches are fused. */
export function fusingStage(retriever: Retriever): Stage | undefined {
  return retriever.stages.find((stage) => (stage.config?.parameters?.searches?.length ?? 0) > 0);
}

/** Letters and names in the order of the recipe. */
export function searchesOf(retriever: Retriever, collections: Collection[]): Search[] {
  const features = new Map(collections.flatMap((each) => each.features.map((feature) => [feature.feature_uri, feature])));
  const listed = fusingStage(retriever)?.config.parameters.searches?.map((each) => each.feature_uri) ?? [];
  const uris = [...new Set(listed.length ? listed : retriever.feature_dependencies)];
  return uris.map((uri, index) => {
    const feature = features.get(uri);
    const [kind, does] = KINDS[feature?.kind ?? ""] ?? ["search", "is one of the searches of this retriever"];
    const over = feature?.fields.join(", ") || feature?.field || tail(uri);
    return {
      uri,
      letter: String.fromCharCode(65 + (index % 26)),
      colour: index % 7,
      label: `${kind} in ${over}`.replace("number in", "number").replace("search in ", ""),
      sentence: `Search ${String.fromCharCode(65 + (index % 26))} ${does}.`,
    };
  });
}

/** The same for the searches of something logged, also when its retriever is gone or was changed. */
export function searchesLogged(uris: string[], retriever: Retriever | undefined, collections: Collection[]): Search[] {
  const known = retriever ? searchesOf(retriever, collections) : [];
  const missing = uris.filter((uri) => !known.some((search) => search.uri === uri));
  const made = missing.map((uri, n): Search => {
    const place = known.length + n;
    const letter = String.fromCharCode(65 + (place % 26));
    return { uri, letter, colour: place % 7, label: tail(uri), sentence: `Search ${letter} is no longer part of this retriever.` };
  });
  return [...known, ...made].filter((search) => uris.includes(search.uri));
}

/** `desireline://title@v1/bm25` as `title bm25` */
function tail(uri: string): string {
  return uri.replace(/^[\w.+-]+:\/\//, "").replace(/@v\d+/, "").replace(/\//g, " ");
}

/** Inputs that the recipe reads besides the query and the user. */
export function inputsOf(retriever: Retriever): string[] {
  const named = JSON.stringify(retriever.stages).matchAll(/\bINPUT\.(\w+)/g);
  return [...new Set([...named].map((match) => match[1] ?? ""))].filter((name) => name && name !== "query" && name !== "user_id");
}
