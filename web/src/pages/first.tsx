// What to do on a server that has nothing to search yet. Shared by the pages that need a retriever.
import type { Catalogue } from "../state/catalogue";
import { FIRST } from "../examples";
import { hrefOf } from "../router";
import { Empty } from "../ui/parts";

/** The next missing thing: a collection, its documents, or a retriever. */
export function NothingYet({ catalogue }: { catalogue: Catalogue }) {
  const [collection] = catalogue.collections;
  const filled = catalogue.collections.find((each) => each.document_count > 0);
  const more = <> All steps are on <a href={hrefOf("setup")}>Setup</a>; this page notices by itself.</>;
  if (!collection) {
    return <Empty title="Nothing to search yet" code={FIRST.collection()} label="make a collection">First make a collection: a named set of documents, and what makes them searchable.{more}</Empty>;
  }
  if (!filled) {
    return <Empty title={`No documents in ${collection.collection_name} yet`} code={FIRST.documents(collection.collection_name)} label="send documents">A document is a JSON object with an id and whatever fields you have.{more}</Empty>;
  }
  const uris = filled.features.map((each) => each.feature_uri);
  return <Empty title="No retriever yet" code={FIRST.retriever(filled.collection_name, uris)} label="make a retriever">A retriever says which searches to run over {filled.collection_name}, and how to make one list of them.{more}</Empty>;
}
