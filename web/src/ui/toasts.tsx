// Short words about what just happened, at the edge of the page.
import { store, useStore } from "../state/store";

export interface Toast {
  id: number;
  text: string;
  mood: "good" | "bad" | "plain";
}

const shown = store<Toast[]>([]);
let last = 0;

export function toast(text: string, mood: Toast["mood"] = "plain"): void {
  last += 1;
  const id = last;
  shown.set((now) => [...now.slice(-2), { id, text, mood }]);
  setTimeout(() => shown.set((now) => now.filter((each) => each.id !== id)), mood === "bad" ? 9000 : 4000);
}

export function Toasts() {
  const all = useStore(shown);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {all.map((each) => (
        <div key={each.id} class={`toast ${each.mood}`}>
          {each.text}
        </div>
      ))}
    </div>
  );
}
