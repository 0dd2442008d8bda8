// The simulations of a retriever, newest first, and the one that is looked at, as fresh as it can be.
import { useEffect, useState } from "preact/hooks";
import { read, send } from "../../api/client";
import { isRunning, type Simulation } from "../../api/simulation";
import type { PageOf, Retriever } from "../../api/types";
import type { Asked } from "../../state/asking";
import { useFresh } from "../../state/fresh";

const ASKED = 30;
const MOST = 10;
export const KIND = "simulate";

export interface Simulations {
  /** undefined until the server has answered. */
  all: Simulation[] | undefined;
  /** One of this retriever or of a copy of it. */
  shown: Simulation | undefined;
  /** Whichever runs now, of any retriever. */
  running: Simulation | undefined;
  error: Error | undefined;
  pick: (task_id: string) => void;
  again: () => void;
}

const isOf = (retriever: Retriever) => (task: Simulation): boolean =>
  [task.inputs[0]?.retriever_id, task.outputs[0]?.retriever_id].includes(retriever.retriever_id) || task.inputs[0]?.retriever === retriever.retriever_name;

/** Simulated searches that taught this retriever itself, as far as they are listed. */
export function taughtBy({ all = [] }: Pick<Simulations, "all">, { retriever_id }: Retriever): number {
  const itself = all.filter((task) => (task.outputs[0]?.retriever_id ?? (task.inputs[0]?.copy ? "" : task.inputs[0]?.retriever_id)) === retriever_id);
  return itself.reduce((sum, task) => sum + task.progress.done, 0);
}

function useListed(retriever: Retriever | undefined): Asked<PageOf<Simulation>> {
  const list: Asked<PageOf<Simulation>> = useFresh(
    retriever?.fusion === "learned" ? "simulations" : "",
    (signal) => send<PageOf<Simulation>>("/v1/tasks/list", { task_type: KIND, page_size: ASKED }, signal),
    ["task"],
    (each) => each.kind === "task" && each.task_type === KIND && (!isRunning(each) || !list.data?.results.some(({ task_id }) => task_id === each.task_id)),
  );
  return list;
}

/** Simulated searches that taught a retriever; 0 while that is not known. */
export function useTaught(retriever: Retriever | undefined): number {
  const { data } = useListed(retriever);
  return retriever && data ? taughtBy({ all: data.results }, retriever) : 0;
}

export function useSimulations(retriever: Retriever): Simulations {
  const [picked, pick] = useState("");
  const list = useListed(retriever);
  const all = list.data?.results.filter(isOf(retriever)).slice(0, MOST);
  const chosen = all?.find((task) => task.task_id === picked) ?? all?.find(isRunning) ?? all?.[0];
  const id = chosen && isRunning(chosen) ? chosen.task_id : "";
  const one = useFresh(id && `simulation ${id}`, (signal) => read<Simulation>(`/v1/tasks/${id}`, signal), ["task"], (each) => each.kind === "task" && each.task_id === id);
  const shown = id && one.data ? one.data : chosen;
  const ended = Boolean(id && one.data && !isRunning(one.data));
  useEffect(() => {
    if (ended) list.soon();
  }, [ended]);
  return {
    all, shown, pick,
    running: ended ? undefined : list.data?.results.find(isRunning),
    error: list.error,
    again: () => {
      pick("");
      list.again();
      one.again();
    },
  };
}
