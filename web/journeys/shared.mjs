// What the journeys share: shapes of a window, opening a page, asking the server without one.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export const [address, pictures] = process.argv.slice(2);
export const WIDE = { viewport: { width: 1280, height: 900 } };
export const NARROW = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const SEARCH = "#/search?retriever=shoes&q=red+shoes";

/** Opens a page and waits for what it shows; the network is never idle, as the live feed stays open. */
export async function open(page, fragment) {
  await page.goto(`${address}/${fragment}`);
  const shown = () => document.querySelector("main h1") && document.querySelectorAll("main > *").length > 1 && !document.querySelector(".waiting");
  await page.waitForFunction(shown).catch(async (error) => {
    throw new Error(`${fragment} does not come: ${error.message.split("\n")[0]} ${await page.textContent("main")}`);
  });
}

/** A page on which errors of the script or the policy end the journey. */
export async function watched(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  return page;
}

/** A request of a program beside the page; fails with the server's words. */
export async function sent(path, body, headers = {}) {
  const init = body === undefined ? { headers } : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } };
  const answer = await fetch(address + path, init);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

export const searched = (query, inputs = {}, headers = {}) => sent("/v1/retrievers/shoes/execute", { inputs: { query, ...inputs } }, headers);

export const clicked = (execution, place = 0) =>
  sent("/v1/retrievers/interactions", { execution_id: execution.execution_id, feature_id: execution.documents[place].document_id, interaction_type: ["click"], position: place });

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Nothing sticks out and axe finds nothing. */
export async function faultless(page, where) {
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), page.viewportSize().width, where);
  const session = await page.context().newCDPSession(page); // past the content security policy
  await session.send("Runtime.evaluate", { expression: AXE });
  const found = await page.evaluate(async () => (await window.axe.run()).violations.map((each) => `${each.id}: ${each.nodes[0].target}`));
  assert.deepEqual(found, [], where);
}
