// Running a retriever for the address's question. An answer is kept for the back button, so that
// going back logs no second execution.
import { useEffect, useState } from "preact/hooks";
import { access, Away, link, retrieverPath, send } from "../../api/client";
import type { Execution } from "../../api/types";
import { useStore } from "../../state/store";

export interface Question {
  retriever: string;
  query: string;
  user: string;
  inputs: Record<string, string>;
  /** Whether the server may learn from it. */
  teaches: boolean;
}

const VISIT = "desireline.visit";

/** This tab's visit: weights stay put within it until somebody acts. */
export function visit(): string {
  const kept = sessionStorage.getItem(VISIT);
  if (kept) return kept;
  const bytes = [...crypto.getRandomValues(new Uint8Array(6))];
  const made = `dashboard_${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  sessionStorage.setItem(VISIT, made);
  return made;
}

/** The body of the execute request. */
export function bodyOf(question: Question): Record<string, unknown> {
  const inputs = Object.fromEntries(Object.entries(question.inputs).filter(([, value]) => value));
  const user = question.user ? { user_id: question.user } : {};
  return { inputs: { query: question.query, ...user, ...inputs }, session_id: visit(), ...(question.teaches ? {} : { purpose: "test" }) };
}

export const keyOf = (question: Question): string => JSON.stringify(question);

const answers = new Map<string, Execution>();
access.watch(() => answers.clear()); // of another key, or another namespace

function keep(key: string, answer: Execution): void {
  answers.delete(key);
  answers.set(key, answer);
  const oldest = answers.keys().next().value;
  if (answers.size > 20 && oldest !== undefined) answers.delete(oldest);
}

export interface Run {
  /** The question of the answer; another than the present one while that is under way. */
  question?: Question;
  answer?: Execution;
  error?: Error;
  busy: boolean;
  again: () => void;
}

export function useRun(question: Question | null): Run {
  const [state, setState] = useState<{ question?: Question; answer?: Execution; error?: Error; busy: boolean }>({ busy: false });
  const { epoch } = useStore(link);
  const [turn, setTurn] = useState(0);
  const key = question ? keyOf(question) : "";
  useEffect(() => {
    if (!question) {
      setState({ busy: false });
      return undefined;
    }
    const kept = answers.get(key);
    if (kept) {
      setState({ question, answer: kept, busy: false });
      return undefined;
    }
    const going = new AbortController();
    setState((now) => ({ ...now, busy: true }));
    send<Execution>(retrieverPath(question.retriever, "/execute"), bodyOf(question), going.signal).then(
      (answer) => {
        keep(key, answer);
        if (!going.signal.aborted) setState({ question, answer, busy: false });
      },
      (error: Error) => {
        if (going.signal.aborted) return;
        setState((now) => (error instanceof Away && now.answer ? { ...now, busy: false } : { question, error, busy: false }));
      },
    );
    return () => going.abort();
  }, [key, turn, epoch]);
  const again = () => {
    answers.delete(key);
    setTurn((now) => now + 1);
  };
  return { ...state, again };
}
