// Journeys about simulated users. The server needs a retriever `shop` that learns, with documents
// enough to ask for, and `shoes`, with too few.
import assert from "node:assert/strict";
import { faultless, NARROW, open, pictures, WIDE } from "./shared.mjs";

const CARD = "#better";
const text = (page, selector) => page.textContent(`${CARD} ${selector}`);

/** The card as it is now, wide and narrow, light and dark. */
async function looked(page, state) {
  for (const { viewport } of [NARROW, WIDE]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(150);
      if (pictures) await page.locator(CARD).screenshot({ path: `${pictures}/simulation-${state}-${viewport.width}-${colorScheme}.png` });
      await faultless(page, `${state} ${viewport.width} ${colorScheme}`);
    }
  }
}

/** Fills the form and sends it. */
async function begin(page, { searches, speed, taste = "segments" }) {
  if (await page.locator(`${CARD} .fold.form:not([open])`).count()) await page.click(`${CARD} .fold.form > summary`);
  await page.fill(`${CARD} input[name=searches]`, String(searches));
  await page.check(`${CARD} label:has-text("${speed}") input[name=speed]`);
  await page.check(`${CARD} input[name=taste][value=${taste}]`);
  assert.equal(await page.isChecked(`${CARD} input[name=copy]`), false); // nothing real is in danger
  await page.click(`${CARD} button[type=submit]`);
}

export const journeys = {
  async "simulate users: points, a sentence, moving weights, and a way to stop"(page) {
    await open(page, "#/learning?retriever=shop");
    assert.match(await text(page, ".empty"), /Not known yet/);
    await looked(page, "nobody");
    await begin(page, { searches: 3000, speed: "50 a second" });
    await page.waitForFunction((card) => document.querySelectorAll(`${card} .curve circle.dot`).length > 1, CARD, { timeout: 40_000 });
    assert.match(await text(page, ".going"), /of 3,000 simulated searches/);
    assert.match(await text(page, ".answer"), /simulated search/);
    assert.match(await page.textContent(CARD), /simulated/);
    await page.waitForFunction(() => Number(document.querySelector(".stat .figure")?.textContent) > 0);
    await page.reload();
    await page.waitForSelector(`${CARD} .going`); // and no form: one simulation at a time
    assert.equal(await page.locator(`${CARD} form`).count(), 0);
    await looked(page, "running");
    await page.click(`${CARD} button:has-text("Stop")`);
    await page.waitForSelector(`${CARD} :text("Stopped after")`);
    await page.waitForSelector(`${CARD} .fold.form`);
    await looked(page, "stopped");
    for (const fragment of ["#/setup", "#/tasks", "#/live?kinds=task", "#/search?retriever=shop&q=paper", "#/learning?retriever=shop"]) {
      await open(page, fragment);
      await page.waitForSelector("main >> text=simulated"); // wherever something rests on it
    }
  },
  async "simulate users: taste none is not known yet, and the curve is read with keys"(page) {
    await open(page, "#/learning?retriever=shop");
    await begin(page, { searches: 120, speed: "as fast as it goes", taste: "none" });
    await page.waitForSelector(`${CARD} .going`);
    await page.waitForSelector(`${CARD} .going`, { state: "detached", timeout: 60_000 });
    assert.match(await text(page, ".answer"), /Not known yet\. After 120 simulated searches .* on \d+ queries that no simulated user has searched/);
    await page.focus(`${CARD} .plot`);
    await page.keyboard.press("ArrowRight");
    assert.match(await text(page, "figcaption"), /After 0 simulated searches, on \d+ held-out queries:.*learned: 0\.\d{3}/);
    await looked(page, "ended");
    assert.equal(await page.locator(`${CARD} header option`).count(), 2);
  },
  async "simulate users: what cannot be simulated says why"(page) {
    await open(page, "#/learning?retriever=shoes");
    await page.fill(`${CARD} input[name=searches]`, "50");
    await page.click(`${CARD} button[type=submit]`);
    await page.waitForSelector(`${CARD} .problem`, { timeout: 30_000 });
    assert.match(await text(page, ".problem"), /too few|queries|documents/);
    await looked(page, "failed");
  },
};
