// Commands to take away, with this server's address and, where keys are in use, a place for the key.
import { access, ADDRESS } from "./api/client";

const header = (): string => (access.get().key ? ' \\\n  -H "Authorization: Bearer $DESIRELINE_KEY"' : "");

/** JSON on one line where it is short, else one entry a line. */
function laid(value: unknown, indent = ""): string {
  const flat = spaced(value);
  if (flat.length + indent.length < 84 || typeof value !== "object" || value === null) return flat;
  const deeper = `${indent}  `;
  const inner = Array.isArray(value) ? value.map((each) => laid(each, deeper)) : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${laid(each, deeper)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return `${open}\n${deeper}${inner.join(`,\n${deeper}`)}\n${indent}${close}`;
}

/** JSON on one line, with a space after each colon and comma. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${spaced(each)}`).join(", ")}}`;
}

const quoted = (body: unknown): string => `'${laid(body).replace(/'/g, "'\\''")}'`;

export const curl = (path: string, body?: unknown, method?: string): string => {
  const data = body === undefined ? "" : ` -d ${quoted(body)}`;
  return `curl -s${method ? ` -X ${method}` : ""} ${ADDRESS}${path}${header()}${data}`;
};

export const FIRST = {
  collection: () =>
    curl("/v1/collections", {
      collection_name: "shoes",
      features: [
        { feature_uri: "desireline://title@v1/bm25", kind: "lexical", fields: ["title"] },
        { feature_uri: "desireline://loved@v1", kind: "field", field: "loved" },
      ],
    }),
  documents: (collection: string) =>
    curl(`/v1/collections/${encodeURIComponent(collection)}/documents/upsert`, {
      documents: [
        { document_id: "1", title: "red running shoes", loved: 12 },
        { document_id: "2", title: "blue shoes for rain", loved: 40 },
        { document_id: "3", title: "red rubber boots", loved: 7 },
      ],
    }),
  retriever: (collection: string, uris: string[]) =>
    curl("/v1/retrievers", {
      retriever_name: "search",
      collection_identifiers: [collection],
      stages: [
        {
          stage_name: "search",
          config: {
            stage_id: "feature_search",
            parameters: {
              fusion: "learned",
              searches: uris.map((feature_uri) => ({ feature_uri, query: "{{INPUT.query}}" })),
              learning_config: { algorithm: "logistic" },
            },
          },
        },
      ],
    }),
  execute: (retriever: string, query = "red shoes") =>
    curl(`/v1/retrievers/${encodeURIComponent(retriever)}/execute`, { inputs: { query, user_id: "ann" }, session_id: "visit-1" }),
  interaction: (execution = "exec_… of the answer", document = "document_id of a result") =>
    curl("/v1/retrievers/interactions", { execution_id: execution, feature_id: document, interaction_type: ["click"], position: 0, user_id: "ann", session_id: "visit-1" }),
  weights: (retriever: string) => curl(`/v1/retrievers/${encodeURIComponent(retriever)}/learned-fusion/weights`),
};

export const python = (retriever: string): string => `from desireline import Client

client = Client(${access.get().key ? 'os.environ["DESIRELINE_KEY"], ' : ""}base_url="${ADDRESS}")
search = client.retriever("${retriever}")
results = search.execute(query="red shoes", user_id="ann", session_id="visit-1")
for document in results.documents:
    print(document.position, document.document_id, round(document.score, 3))

receipt = client.interactions.create_from_result(
    results, position=0, user_id="ann", session_id="visit-1"
)
print(receipt.teaches, receipt.teaches_reason)`.replace(/^/, access.get().key ? "import os\n\n" : "");

export const browser = (retriever: string): string => `const at = "${ADDRESS}/v1/retrievers";
const post = (path, body) =>
  fetch(at + path, { method: "POST", body: JSON.stringify(body) }).then((answer) => answer.json());

const results = await post("/${encodeURIComponent(retriever)}/execute", {
  inputs: { query: "red shoes" }, session_id: "visit-1",
});
await post("/interactions", {
  execution_id: results.execution_id,
  feature_id: results.documents[0].document_id,
  interaction_type: ["click"], position: 0, session_id: "visit-1",
});`;
