// Asks for the server's key when it wants one. The key stays in this tab.
import { useEffect, useRef } from "preact/hooks";
import { access, useKey } from "../api/client";
import { useStore } from "../state/store";
import { Code } from "./parts";

export function KeyPrompt() {
  const { asked } = useStore(access);
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (asked && !dialog.current?.open) dialog.current?.showModal();
    if (!asked && dialog.current?.open) dialog.current.close();
  }, [asked]);
  const submit = (event: Event) => {
    event.preventDefault();
    const key = input.current?.value.trim() ?? "";
    if (!key) return;
    if (input.current) input.current.value = "";
    useKey(key);
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="key-title" onClose={() => access.set((now) => ({ ...now, asked: "" }))}>
      <h2 id="key-title">This server asks for a key</h2>
      <p role="status">{asked}</p>
      <form onSubmit={submit}>
        <label class="field"><span>Key</span><input ref={input} type="password" autocomplete="off" required placeholder="sk_…" /></label>
        <p class="note">It is kept in this tab only, and forgotten when the tab is closed. Without one, make it where the server runs:</p>
        <Code label="make a key" text="desireline keys create --scope admin" />
        <p class="foot">
          <button type="submit" class="main">Use it</button>
          <button type="button" class="quiet" onClick={() => dialog.current?.close()}>Not now</button>
        </p>
      </form>
    </dialog>
  );
}
