// Which namespace the whole page works in. Seen only where there is a choice: without keys; a key
// belongs to one namespace.
import { useEffect } from "preact/hooks";
import { access, read, Refused, useNamespace } from "../api/client";
import type { PageOf } from "../api/types";
import { go, place } from "../router";
import { useAsked } from "../state/asking";
import { useStore } from "../state/store";

interface Namespace {
  namespace_id: string;
  namespace_name: string;
}

const MOST = 200;

export function NamespacePicker() {
  const { key, namespace } = useStore(access);
  const { data, error } = useAsked(key ? "" : "namespaces", (signal) => read<PageOf<Namespace>>(`/v1/namespaces?page_size=${MOST}`, signal), 60_000);
  const gone = error instanceof Refused && error.code === "namespace_not_found";
  useEffect(() => {
    if (gone) useNamespace(""); // deleted since it was chosen
  }, [gone]);
  if (key || !data || (data.results.length < 2)) return null;
  const pick = (id: string) => {
    useNamespace(id);
    const { page } = place.get();
    if (page !== "unknown") go(page); // what the address names is in the namespace before
  };
  return (
    <label class="namespace">
      <span class="hidden">Namespace</span>
      <select value={namespace} title="Namespace: the boundary between data sets" onChange={(event) => pick(event.currentTarget.value)}>
        {data.results.map((each) => <option key={each.namespace_id} value={each.namespace_name === "default" ? "" : each.namespace_id}>{each.namespace_name}</option>)}
      </select>
    </label>
  );
}
