// What a person does on the page, in a real browser: node journeys.mjs ADDRESS [FOLDER FOR PICTURES]
// The server needs a retriever `shoes` that learns and finds "red shoes", and nothing learned yet.
// CHROMIUM names the browser, ONLY how the names of those to run begin. Prints a line for each
// journey; the exit status is the number that failed.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { journeys as live } from "./live.mjs";
import { journeys as pages } from "./pages.mjs";
import { watched, WIDE } from "./shared.mjs";
import { journeys as simulate } from "./simulate.mjs";

const journeys = { ...pages, ...live, ...simulate };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
let failed = 0;
for (const [name, journey] of Object.entries(journeys)) {
  if (!name.startsWith(process.env.ONLY ?? "")) continue;
  const context = await browser.newContext(WIDE);
  const page = await watched(context);
  try {
    await journey(page, browser);
    assert.deepEqual(page.wrong, []);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.message}`);
  }
  await context.close();
}
await browser.close();
process.exit(failed);
