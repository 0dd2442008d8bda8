// Which retriever a page is about: a list to choose from, and where it is long a field that finds.
import { useId } from "preact/hooks";
import type { Retriever } from "../api/types";

/** More than these are found by typing. */
const FEW = 20;

interface Props {
  retrievers: Retriever[];
  /** None: all of them. */
  value: Retriever | undefined;
  onPick: (name: string) => void;
  /** What stands for all of them, where that can be chosen. */
  all?: string | undefined;
}

export function RetrieverPicker({ retrievers, value, onPick, all }: Props) {
  return (
    <label class="field">
      <span>Retriever</span>
      {retrievers.length > FEW ? <Typed retrievers={retrievers} value={value} onPick={onPick} all={all} /> : (
        <select value={value?.retriever_name ?? ""} onChange={(event) => onPick(event.currentTarget.value)}>
          {all && <option value="">{all}</option>}
          {retrievers.map((each) => (
            <option key={each.retriever_id} value={each.retriever_name}>
              {each.retriever_name}{each.fusion === "learned" ? " (learns)" : ""}
            </option>
          ))}
        </select>
      )}
    </label>
  );
}

/** The browser's own list below a field; what is no name changes nothing. */
function Typed({ retrievers, value, onPick, all }: Props) {
  const id = useId();
  const now = value?.retriever_name ?? "";
  return (
    <>
      <input
        list={id}
        key={now}
        defaultValue={now}
        autocomplete="off"
        placeholder={all ?? `${retrievers.length} to find among`}
        onFocus={(event) => event.currentTarget.select()}
        onInput={(event) => {
          // Chosen from the list, not typed.
          if ((event as InputEvent).inputType === "insertReplacementText" || !("inputType" in event)) onPick(event.currentTarget.value);
        }}
        onChange={(event) => {
          const typed = event.currentTarget.value.trim();
          if (typed !== now && ((all && !typed) || retrievers.some((each) => each.retriever_name === typed))) onPick(typed);
          else event.currentTarget.value = now;
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            event.preventDefault(); // no search is sent
            event.currentTarget.blur();
          }
        }}
      />
      <datalist id={id}>{retrievers.map((each) => <option key={each.retriever_id} value={each.retriever_name}>{each.fusion === "learned" ? "learns" : ""}</option>)}</datalist>
    </>
  );
}
