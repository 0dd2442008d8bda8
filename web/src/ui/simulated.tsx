// The mark on numbers that simulated users have a part in.
import { counted } from "../format";
import { Explain } from "./explain";

/** Nothing where they made no searches. */
export function Simulated({ searches }: { searches: number }) {
  if (!searches) return null;
  return (
    <Explain plain facts={{
      title: "Simulated users have a part in this",
      sentence: "Programs searched and clicked here like users. What they did stands among what people did: the two are not told apart in what is shown here.",
      unit: "simulated searches", n: `${counted(searches, "simulated search", "simulated searches")}, of the simulations that Tasks lists`,
      words: ["simulation", "simulated user"],
    }}>
      <span class="tag warn">simulated</span>
    </Explain>
  );
}
