// Journeys through the live page: what happens is seen, held, filtered and followed to the end.
import assert from "node:assert/strict";
import { address, clicked, NARROW, open, searched, sent, watched } from "./shared.mjs";

const row = (text) => `.tail .happened:has-text("${text}")`;

const COLLECTION = { collection_name: "many", features: [{ feature_uri: "own://many", kind: "lexical", fields: ["title"] }] };
const STAGE = { config: { stage_id: "feature_search", parameters: { fusion: "rrf", searches: [{ feature_uri: "own://many", query: "{{INPUT.query}}" }] } } };

export const journeys = {
  async "live: a search by a program is seen within two seconds"(page) {
    await open(page, "#/live");
    await page.waitForSelector(".watching .tag.good");
    await searched("green shoes of a program");
    await page.waitForSelector(row("green shoes of a program"), { timeout: 2000 });
    assert.match(await page.textContent(".rates .stat .note"), /\d in /);
  },
  async "live: pause, and go on"(page) {
    await open(page, "#/live");
    await page.waitForSelector(".watching .tag.good");
    await page.click("text=Pause");
    await searched("blue shoes while paused");
    await page.waitForSelector("text=/Paused: \\d+ more since/");
    assert.equal(await page.locator(row("blue shoes while paused")).count(), 0);
    await page.click("text=Resume");
    await page.waitForSelector(row("blue shoes while paused"));
  },
  async "live: rows stand still under the mouse"(page) {
    await searched("red shoes before");
    await open(page, "#/live");
    await page.hover(".tail li:first-child");
    await page.waitForSelector("text=/Held while you read/");
    await searched("red shoes behind the mouse");
    await page.waitForSelector("text=/Held while you read: \\d+ more since/");
    await page.mouse.move(5, 5);
    await page.waitForSelector(row("red shoes behind the mouse"));
  },
  async "live: filters stand in the address"(page) {
    await clicked(await searched("red shoes to filter"));
    await open(page, "#/live?kinds=interaction");
    await page.waitForSelector(".tail .is-interaction");
    assert.equal(await page.locator(".tail .is-execution").count(), 0);
    await page.click(".filters >> text=Executions");
    await page.waitForSelector(".tail .is-execution");
    assert.match(page.url(), /kinds=execution%2Cinteraction/);
  },
  async "live: an interaction is followed from receipt to posterior, by keyboard"(page) {
    const session_id = "visit-followed";
    const first = await sent("/v1/retrievers/shoes/execute", { inputs: { query: "red shoes" }, session_id });
    await sent("/v1/retrievers/interactions", { execution_id: first.execution_id, feature_id: first.documents[1].document_id, interaction_type: ["click"], position: 1, session_id });
    await open(page, "#/live?kinds=interaction");
    await page.focus(".tail .is-interaction");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".path li:nth-child(4).is-done");
    assert.match(await page.textContent(".path li:nth-child(5)"), /waiting/);
    await sent("/v1/retrievers/shoes/execute", { inputs: { query: "red shoes again" }, session_id }); // the first one closes
    await page.waitForSelector(".path li:nth-child(6).is-done");
    assert.ok((await page.locator(".path .pairs .pair .share").count()) >= 2);
  },
  async "live: a receipt leads to its interaction, an execution to its list"(page) {
    await open(page, "#/search?retriever=shoes&q=red+shoes");
    await page.click(".result:nth-child(1) .title");
    await page.click("text=Follow it");
    await page.waitForSelector(".path .is-done");
    await page.click("text=its execution");
    await page.waitForSelector(".shown li");
    await page.click("text=Search this again");
    await page.waitForSelector(".result");
  },
  async "live: what is simulated says so"(page) {
    const execution = await sent("/v1/retrievers/shoes/execute", { inputs: { query: "shoes of nobody" }, purpose: "simulation" });
    await open(page, "#/live");
    await page.waitForSelector(`${row("shoes of nobody")} >> text=simulated`);
    await open(page, `#/live?execution=${execution.execution_id}`);
    await page.waitForSelector("#opened >> text=simulated");
  },
  async "live: on a narrow screen what is opened comes into view"(_, browser) {
    for (let n = 0; n < 30; n += 1) await searched("red shoes");
    const page = await watched(await browser.newContext(NARROW));
    await open(page, "#/live?kinds=execution");
    await page.click(".tail li:nth-child(25) a");
    await page.waitForSelector("#opened .shown");
    assert.ok(await page.evaluate(() => Math.abs(document.getElementById("opened").getBoundingClientRect().top) < innerHeight / 2));
    assert.equal(await page.evaluate(() => document.activeElement.id), "opened");
    assert.equal(await page.locator(".tail li").count(), 25); // no page of a hundred rows of three lines
    await page.keyboard.press("Escape"); // and the focus is where it was
    await page.waitForFunction(() => document.activeElement === document.querySelector(".tail li:nth-child(25) a"));
    assert.equal(await page.locator("#opened").count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  },
  async "one of many retrievers is found by typing"(page) {
    const { namespace_id } = await sent("/v1/namespaces", { namespace_name: "crowded" });
    const there = { "x-namespace": namespace_id };
    try {
      await sent("/v1/collections", COLLECTION, there);
      for (let n = 0; n < 22; n += 1) await sent("/v1/retrievers", { retriever_name: `retriever ${n}`, collection_identifiers: ["many"], stages: [STAGE] }, there);
      await sent("/v1/collections/many/documents/upsert", { documents: [{ document_id: "1", title: "one" }] }, there);
      await page.addInitScript((id) => sessionStorage.setItem("desireline.namespace", id), namespace_id);
      await open(page, "#/search");
      await page.fill(".field input[list]", "retriever 17");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => /retriever=retriever\+17/.test(location.hash));
      await page.fill(".field input[list]", "no such one");
      await page.keyboard.press("Enter");
      assert.equal(await page.inputValue(".field input[list]"), "retriever 17");
    } finally {
      await fetch(`${address}/v1/namespaces/${namespace_id}`, { method: "DELETE" });
    }
  },
  async "the namespace is chosen, kept for this tab, and goes with every request"(page) {
    const made = await sent("/v1/namespaces", { namespace_name: "second" });
    try {
      await open(page, "#/setup");
      await page.selectOption(".namespace select", { label: "second" });
      await page.waitForSelector("text=No collection yet");
      await open(page, "#/live");
      await page.waitForSelector("text=Nothing has happened yet");
      await searched("not of this namespace");
      await page.waitForTimeout(600);
      assert.equal(await page.locator(".tail li").count(), 0);
      await page.reload();
      await page.selectOption(".namespace select", { label: "default" });
      await page.waitForSelector(row("not of this namespace"));
    } finally {
      await fetch(`${address}/v1/namespaces/${made.namespace_id}`, { method: "DELETE" });
    }
  },
};
