// Long work: how far it is, cancel it, begin it again.
import { useEffect } from "preact/hooks";
import { Refused, read, send } from "../api/client";
import type { PageOf, Task } from "../api/types";
import { curl } from "../examples";
import { ago, count, duration, moment, shortened } from "../format";
import { hrefOf } from "../router";
import { useCatalogue } from "../state/catalogue";
import { useFresh } from "../state/fresh";
import { Explain } from "../ui/explain";
import { Card, Empty, Problem, Table, Waiting } from "../ui/parts";
import { titled } from "../ui/title";
import { toast } from "../ui/toasts";
import { meaning } from "../words";

const STATES: Record<string, [string, string]> = {
  PENDING: ["waiting", "plain"],
  IN_PROGRESS: ["running", "busy"],
  COMPLETED: ["done", "good"],
  COMPLETED_WITH_ERRORS: ["done, some failed", "warn"],
  FAILED: ["failed", "bad"],
  CANCELED: ["cancelled", "plain"],
};
const GOES_ON = new Set(["PENDING", "IN_PROGRESS"]);
const MOST = 100;
const SIMULATE = "simulate";

export function TasksPage() {
  const { data, error, again } = useFresh("tasks", (signal) => read<PageOf<Task>>(`/v1/tasks?page_size=${MOST}`, signal), ["task"]);
  useEffect(() => titled("Tasks"), []);
  if (error) return <Problem error={error} again={again} />;
  if (!data) return <Waiting />;
  if (!data.results.length) return <NoTasks />;
  const change = (task: Task, what: "cancel" | "retry") =>
    send<Task>(`/v1/tasks/${task.task_id}/${what}`).then(
      () => {
        toast(what === "cancel" ? "Cancelled: it stops at its next safe place" : "Begun again", "good");
        again();
      },
      (problem: Error) => toast(problem instanceof Refused ? `${problem.message}. ${problem.hint}` : problem.message, "bad"),
    );
  const running = data.results.filter((task) => GOES_ON.has(task.status)).length;
  return (
    <Card title="Tasks" aside={<span class="soft">{running ? `${count(running)} going on` : "nothing going on"}</span>}>
      <p class="note lead">{meaning("task")}</p>
      <Table
        label="Tasks, newest first"
        rows={data.results}
        keyOf={(task) => task.task_id}
        most={25}
        columns={[
          { head: "work", cell: (task) => <><b>{task.task_type.replace(/_/g, " ")}</b> <Subject task={task} /></>, wide: true },
          { head: "state", cell: (task) => <State task={task} /> },
          { head: "progress", cell: (task) => <Progress task={task} />, wide: true },
          { head: "begun", cell: (task) => <time dateTime={task.created_at} title={moment(task.created_at)}>{ago(task.created_at)}</time> },
          {
            head: "change",
            cell: (task) => GOES_ON.has(task.status)
              ? <button type="button" class="quiet" onClick={() => change(task, "cancel")}>Cancel</button>
              : task.status === "FAILED" || task.status === "CANCELED"
                ? (task.is_reported ? <span class="soft">its sender begins it again</span> : <button type="button" class="quiet" onClick={() => change(task, "retry")}>Begin again</button>)
                : <span class="soft">none</span>,
          },
        ]}
      />
      {data.pagination.next_cursor && <p class="note">The newest {MOST} are shown; older ones come from <code>GET /v1/tasks</code>.</p>}
    </Card>
  );
}

/** What a task is about; a simulation leads to its curve. */
function Subject({ task }: { task: Task }) {
  const [input = {}] = task.inputs;
  const retriever = input["retriever_name"];
  if (task.task_type === SIMULATE && typeof retriever === "string") return <><a class="break" href={hrefOf("learning", { retriever })}>{shortened(retriever, 60)}</a> <span class="tag warn">simulated</span></>;
  const found = Object.values(input).find((value) => typeof value === "string");
  return <span class="soft break">{typeof found === "string" ? shortened(found, 60) : ""}</span>;
}

/** What a simulation has found so far, in its own words. */
function finding(task: Task): string {
  const sentence = task.task_type === SIMULATE ? task.outputs[0]?.["sentence"] : "";
  return typeof sentence === "string" && sentence !== task.message ? sentence : "";
}

function State({ task }: { task: Task }) {
  const [words, mood] = STATES[task.status] ?? [task.status.toLowerCase(), "plain"];
  return <span class={`tag ${mood}`}>{words}{task.attempts > 1 && `, attempt ${task.attempts}`}</span>;
}

function Progress({ task }: { task: Task }) {
  const { done, total, unit, percent, per_second, seconds_left } = task.progress;
  const amount = total ? `${count(done)} of ${count(total)} ${unit}` : done ? `${count(done)} ${unit}` : "";
  return (
    <div class="progress">
      {GOES_ON.has(task.status) && <progress max={100} {...(percent === null ? {} : { value: percent })} aria-label={`progress of ${task.task_type}`} />}
      {amount && (
        <Explain facts={{ title: "Progress", sentence: per_second ? `About ${per_second.toFixed(per_second < 10 ? 1 : 0)} a second since this attempt began.` : "How much of the work is done.", unit: unit || "steps", n: "1 task", words: ["task"] }}>
          {amount}
        </Explain>
      )}
      {seconds_left !== null && GOES_ON.has(task.status) && <span class="soft">about {duration(seconds_left)} left</span>}
      {task.error ? <span class="bad">{task.error}</span> : task.message && (GOES_ON.has(task.status) || !finding(task)) && <span class="soft">{task.message}</span>}
      {finding(task) && <span class="soft">{finding(task)}</span>}
      {task.finished_at && <span class="soft">took {duration((Date.parse(task.finished_at) - Date.parse(task.started_at ?? task.created_at)) / 1000)}</span>}
    </div>
  );
}

function NoTasks() {
  const { data } = useCatalogue();
  const name = data?.collections[0]?.collection_name;
  return (
    <Empty title="No tasks yet" {...(name ? { code: curl(`/v1/collections/${encodeURIComponent(name)}/optimize`, undefined, "POST"), label: "begin a task" } : {})}>
      Imports, index building, simulations and other long work show up here, with progress and a way to stop it.
      {name ? ` This builds the index of ${name} for speed:` : " Make a collection first."}
    </Empty>
  );
}
