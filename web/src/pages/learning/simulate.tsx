// The form that lets simulated users loose on a retriever.
import { useState } from "preact/hooks";
import { simulate } from "../../api/simulation";
import type { Retriever } from "../../api/types";
import { count, duration } from "../../format";
import { Problem } from "../../ui/parts";
import { toast } from "../../ui/toasts";

const PRESETS = [300, 1000, 5000];
const SPEEDS: [number | null, string][] = [[5, "slowly, 5 a second: to watch"], [50, "50 a second"], [null, "as fast as it goes"]];
const MOST_SEARCHES = 100_000;

type Taste = "segments" | "none";
const TASTES: [Taste, string, string][] = [
  ["segments", "each group likes its own kind", "there is something to learn"],
  ["none", "by lot", "nothing to learn: the curve must stay flat"],
];

/** `careful`: a copy is proposed, as real interactions have taught this retriever and no simulation has. */
export function SimulateForm({ retriever, careful, onStarted }: { retriever: Retriever; careful: boolean; onStarted: () => void }) {
  const [searches, setSearches] = useState(1000);
  const [speed, setSpeed] = useState<number | null>(50);
  const [taste, setTaste] = useState<Taste>("segments");
  const [seed, setSeed] = useState(0);
  const [copy, setCopy] = useState<boolean | null>(null);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<Error>();
  const onCopy = copy ?? careful;
  const submit = (event: Event) => {
    event.preventDefault();
    setSending(true);
    setError(undefined);
    simulate({ retriever: retriever.retriever_name, searches, searches_per_second: speed, taste, seed, copy: onCopy }).then(
      () => {
        toast("Simulated users are let loose", "good");
        onStarted();
      },
      (problem: Error) => setError(problem),
    ).finally(() => setSending(false));
  };
  return (
    <form class="simulate" onSubmit={submit} aria-label="Simulate users">
      <div class="row">
        <label class="field"><span>Simulated searches</span><input name="searches" type="number" required min={1} max={MOST_SEARCHES} value={searches} onInput={(event) => setSearches(event.currentTarget.valueAsNumber || 0)} /></label>
        <div class="tabs" role="group" aria-label="Searches, proposed">
          {PRESETS.map((preset) => <button key={preset} type="button" class="quiet" aria-pressed={searches === preset} onClick={() => setSearches(preset)}>{count(preset)}</button>)}
        </div>
      </div>
      <fieldset>
        <legend>How fast</legend>
        {SPEEDS.map(([value, words]) => <label class="check" key={words}><input type="radio" name="speed" checked={speed === value} onChange={() => setSpeed(value)} /><span>{words}</span></label>)}
      </fieldset>
      <fieldset>
        <legend>What they like</legend>
        {TASTES.map(([value, words, so]) => <label class="check" key={value}><input type="radio" name="taste" value={value} checked={taste === value} onChange={() => setTaste(value)} /><span>{words} <span class="soft">({so})</span></span></label>)}
      </fieldset>
      <fieldset>
        <legend>Whom they teach</legend>
        <label class="check"><input type="checkbox" name="copy" checked={onCopy} onChange={(event) => setCopy(event.currentTarget.checked)} /><span>a copy of {retriever.retriever_name} <span class="soft">(off: {retriever.retriever_name} itself; simulated clicks teach it like real ones)</span></span></label>
      </fieldset>
      <details class="fold">
        <summary>More</summary>
        <label class="field"><span>Seed: the same seed makes the same users and searches</span><input name="seed" type="number" min={0} max={2 ** 31 - 1} step={1} value={seed} onInput={(event) => setSeed(event.currentTarget.valueAsNumber || 0)} /></label>
      </details>
      {error && <Problem error={error} />}
      <p class="foot">
        <button type="submit" class="main" disabled={sending}>Simulate users</button>
        {speed !== null && searches > 0 && <span class="soft">takes about {duration(searches / speed)}</span>}
      </p>
    </form>
  );
}
