// One way to the server: JSON in and out, the key of this tab, whether the server answers at all.
import { store } from "../state/store";

const KEY = "desireline.key";
const NAMESPACE = "desireline.namespace";

/** A refusal in the server's own words. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  constructor(status: number, code: string, message: string, hint: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** The server did not answer. */
export class Away extends Error {}

export type Link = "up" | "away";
/** Whether the last request was answered, and how often the server came back or the key changed. */
export const link = store<{ state: Link; epoch: number }>({ state: "up", epoch: 0 });

/** Key and namespace in use, kept for this tab only ("": the default one); `asked` shows the prompt, with the reason. */
export const access = store<{ key: string; namespace: string; asked: string }>({
  key: sessionStorage.getItem(KEY) ?? "",
  namespace: sessionStorage.getItem(NAMESPACE) ?? "",
  asked: "",
});

/** The server's address as a browser or a program reaches it, without a slash at the end. */
export const ADDRESS = new URL(".", document.baseURI).href.replace(/\/$/, "");

/** Both at once: a key belongs to one namespace, so another key means the one it belongs to. */
function enter(key: string, namespace: string): void {
  for (const [name, value] of [[KEY, key], [NAMESPACE, namespace]] as const) {
    if (value) sessionStorage.setItem(name, value);
    else sessionStorage.removeItem(name);
  }
  access.set({ key, namespace, asked: "" });
  link.set((now) => ({ ...now, epoch: now.epoch + 1 }));
}

export const useKey = (key: string): void => enter(key, "");
export const useNamespace = (namespace: string): void => enter(access.get().key, namespace);

export function askForKey(reason: string): void {
  access.set((now) => ({ ...now, asked: reason }));
}

/** The answer as it comes, of whatever status. Throws `Away` where there is none. */
export async function answered(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers ?? { "content-type": "application/json" });
  const { key, namespace } = access.get();
  if (key) headers.set("authorization", `Bearer ${key}`);
  if (namespace) headers.set("x-namespace", namespace);
  try {
    const answer = await fetch(`${ADDRESS}${path}`, { ...init, headers });
    if (link.get().state === "away") link.set((now) => ({ state: "up", epoch: now.epoch + 1 }));
    return answer;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    if (link.get().state === "up") {
      link.set((now) => ({ ...now, state: "away" }));
      void comeBack();
    }
    throw new Away("The server does not answer.");
  }
}

/** Ask until it answers: every second at first, every five later. */
async function comeBack(): Promise<void> {
  for (let turn = 0; link.get().state === "away"; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 1000 + 500 * turn)));
    await answered("/healthz", {}).catch(() => undefined);
  }
}

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, ...(signal ? { signal } : {}) };
  if (body !== undefined) init.body = JSON.stringify(body);
  const answer = await answered(path, init);
  const text = await answer.text();
  if (answer.ok) return (text ? JSON.parse(text) : null) as T;
  const refused = refusal(answer.status, text);
  if (answer.status === 401) askForKey(refused.message);
  throw refused;
}

function refusal(status: number, text: string): Refused {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint: string } };
    return new Refused(status, error.code, error.message, error.hint);
  } catch {
    return new Refused(status, "unreadable", `The server answered ${status}.`, "Look into the server's log.");
  }
}

export const read = <T>(path: string, signal?: AbortSignal): Promise<T> => call<T>("GET", path, undefined, signal);
export const send = <T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> => call<T>("POST", path, body, signal);

/** `/v1/retrievers/{name}…`: names hold any characters but a slash. */
export const retrieverPath = (name: string, tail = ""): string => `/v1/retrievers/${encodeURIComponent(name)}${tail}`;
