// Which retriever a page is about.
import type { Retriever } from "../api/types";

export function RetrieverPicker({ retrievers, value, onPick }: { retrievers: Retriever[]; value: Retriever; onPick: (name: string) => void }) {
  return (
    <label class="field">
      <span>Retriever</span>
      <select value={value.retriever_name} onChange={(event) => onPick(event.currentTarget.value)}>
        {retrievers.map((each) => (
          <option key={each.retriever_id} value={each.retriever_name}>
            {each.retriever_name}{each.fusion === "learned" ? " (learns)" : ""}
          </option>
        ))}
      </select>
    </label>
  );
}
