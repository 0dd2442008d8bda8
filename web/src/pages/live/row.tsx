// One thing that happened, on one line, as a link to more about it.
import { clock, count, counted, milliseconds, percent, shortened, signed } from "../../format";
import type { Happening, LiveExecution, LiveInteraction, LiveLesson, LiveTask, LiveWeights } from "../../state/live";
import { LESSONS, PURPOSES, WHOSE } from "../../words";

/** How a name of the address is reached; `open` keeps the filters of the page. */
export type Opener = (what: "execution" | "interaction", id: string) => string;

export const words = (name: string): string => name.toLowerCase().replace(/_/g, " ");
const acts = (types: string[]): string => words(types.join(", "));

function Execution({ what }: { what: LiveExecution }) {
  return (
    <>
      {what.query ? <b class="asked">{shortened(what.query, 160)}</b> : <span class="soft">no text</span>}{" "}
      <span class="soft">{counted(what.results, "document")}, {milliseconds(what.total_ms)}, {what.served ? `learned weights, ${WHOSE[what.context_level] ?? what.context_level}` : "static order"}</span>
    </>
  );
}

function Interaction({ what }: { what: LiveInteraction }) {
  return (
    <>
      <b>{acts(what.interaction_type)}</b> on <span class="break">{shortened(what.document_id, 60)}</span>{" "}
      <span class="soft">{what.position === null ? "" : `position ${what.position}, `}reward {signed(what.reward)}{what.teaches === false ? ", teaches nothing" : ""}</span>
    </>
  );
}

function Lesson({ what }: { what: LiveLesson }) {
  return <>{LESSONS[what.lesson] ?? words(what.lesson)} <span class="soft">{counted(what.shown, "document")} taught, {count(what.rewarded)} with a reward</span></>;
}

function Weights({ what }: { what: LiveWeights }) {
  const shares = Object.entries(what.weights).map(([uri, weight]) => `${uri.replace(/^[\w.+-]+:\/\//, "").replace(/@v\d+\/?/, " ").trim()} ${percent(weight)}`);
  return <>Weights moved <span class="soft">everyone's now {shares.slice(0, 4).join(", ")}{shares.length > 4 && " …"}, after {counted(what.lessons, "lesson")}</span></>;
}

function Task({ what }: { what: LiveTask }) {
  return <>{words(what.task_type)} {words(what.status)} <span class="soft">{what.total ? `${count(what.done)} of ${count(what.total)} ${what.unit}` : ""} {shortened(what.message, 120)}</span></>;
}

function Line({ what }: { what: Happening }) {
  switch (what.kind) {
    case "execution":
      return <Execution what={what} />;
    case "interaction":
      return <Interaction what={what} />;
    case "lesson":
      return <Lesson what={what} />;
    case "weights":
      return <Weights what={what} />;
    case "task":
      return <Task what={what} />;
  }
}

function targetOf(what: Happening, open: Opener): string {
  if (what.kind === "interaction") return open("interaction", what.interaction_id);
  if (what.kind === "execution") return open("execution", what.execution_id);
  if (what.kind === "lesson" && what.execution_id) return open("execution", what.execution_id);
  if (what.kind === "task") return "#/tasks";
  return `#/learning?retriever=${encodeURIComponent(what.retriever_name)}`;
}

/** Who and what for, after the line. */
function Marks({ what }: { what: Happening }) {
  const user = "user_id" in what ? what.user_id : "";
  const purpose = what.kind === "execution" && what.purpose !== "traffic" && !what.simulated ? what.purpose : "";
  return (
    <span class="marks">
      {what.simulated && <span class="tag warn">simulated</span>}
      {purpose && <span class="tag" title={PURPOSES[purpose]}>{words(purpose)}</span>}
      {what.kind === "execution" && what.segment && <span class="tag">{shortened(what.segment, 24)}</span>}
      {user && <span class="who">{shortened(user, 24)}</span>}
    </span>
  );
}

export function Row({ what, open, current }: { what: Happening; open: Opener; current: boolean }) {
  return (
    <li>
      <a class={`happened is-${what.kind}`} href={targetOf(what, open)} aria-current={current ? "true" : undefined}>
        <time dateTime={what.at}>{clock(what.at)}</time>
        <span class="kind">{what.kind}</span>
        <span class="said"><Line what={what} /></span>
        <Marks what={what} />
      </a>
    </li>
  );
}
