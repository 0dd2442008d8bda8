// What a person does on the page, in a real browser: node journeys.mjs ADDRESS [FOLDER FOR PICTURES]
// The server needs a retriever `shoes` that learns and finds "red shoes", and nothing learned yet.
// CHROMIUM names the browser. Prints a line for each journey; the exit status is the number that failed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [address, pictures] = process.argv.slice(2);
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDE = { viewport: { width: 1280, height: 900 } };
const NARROW = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const SEARCH = "#/search?retriever=shoes&q=red+shoes";

const journeys = {
  async "search, click, receipt, and the weights move"(page) {
    await open(page, "#/search?retriever=shoes");
    await page.fill("#query", "red shoes");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".result mark");
    assert.match(await page.title(), /^red shoes · Search · desireline$/);
    assert.match(await page.textContent(".why"), /Nothing has been learned yet/);
    await page.click(".result:nth-child(2) .title");
    assert.match(await page.textContent(".receipt"), /Recorded: click · reward \+1\.0 · credited to/);
    await page.click("text=Search again");
    await page.waitForFunction(() => /what happened in this visit/.test(document.querySelector(".why")?.textContent ?? ""));
    await page.waitForSelector(".why .share .whisker");
    await page.keyboard.press("2");
    await page.waitForSelector(".density .line");
    assert.equal(await page.textContent(".stat:nth-child(2) .figure"), "1");
  },
  async "an interaction is undone"(page) {
    await open(page, SEARCH);
    await page.click(".result:nth-child(3) .title");
    await page.click("text=Undo");
    await page.waitForSelector(".toast.good");
    assert.equal(await page.locator(".receipt").count(), 0);
  },
  async "keyboard only, and the back button logs nothing twice"(page) {
    await open(page, "#/tasks");
    await page.keyboard.press("/");
    await page.waitForFunction(() => document.activeElement?.id === "query");
    await page.keyboard.type("red shoes");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".result");
    for (const key of ["j", "j", "k", "Enter"]) await page.keyboard.press(key);
    await page.waitForSelector(".result:nth-child(1) .receipt");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape");
    await page.keyboard.press("3");
    await page.waitForSelector(".loop");
    let runs = 0;
    page.on("request", (request) => (runs += request.url().endsWith("/execute") ? 1 : 0));
    await page.goBack();
    await page.waitForSelector(".result");
    assert.equal(await page.inputValue("#query"), "red shoes");
    assert.equal(runs, 0);
  },
  async "numbers explain themselves on focus"(page) {
    await open(page, "#/learning?retriever=shoes");
    await page.focus(".stat .explain");
    assert.match(await page.textContent("[role=tooltip]"), /Lessons.*unit.*from.*lesson/s);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("[role=tooltip]").count(), 0);
  },
  async "light and dark"(page) {
    await open(page, "#/setup");
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.keyboard.press("t");
    assert.notEqual(await paper(), light);
    await page.keyboard.press("t");
    assert.equal(await paper(), light);
  },
  async "axe finds nothing and nothing sticks out, on any page, wide and narrow, light and dark"(_, browser) {
    for (const fragment of [SEARCH, "#/learning", "#/setup", "#/tasks", "#/search", "#/nowhere"]) {
      for (const [shape, colorScheme] of [[WIDE, "light"], [WIDE, "dark"], [NARROW, "light"], [NARROW, "dark"]]) {
        const context = await browser.newContext({ ...shape, colorScheme });
        const page = await watched(context);
        await open(page, fragment);
        await page.waitForTimeout(900);
        const where = `${fragment} ${shape.viewport.width} ${colorScheme}`;
        if (pictures) await page.screenshot({ path: `${pictures}/${where.replace(/[^\w]+/g, "-").replace(/^-/, "")}.png`, fullPage: true });
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, where);
        const session = await context.newCDPSession(page); // past the content security policy
        await session.send("Runtime.evaluate", { expression: AXE });
        const found = await page.evaluate(async () => (await window.axe.run()).violations.map((each) => `${each.id}: ${each.nodes[0].target}`));
        assert.deepEqual(found, [], where);
        await context.close();
      }
    }
  },
};

const open = (page, fragment) => page.goto(`${address}/${fragment}`, { waitUntil: "networkidle" });

/** A page on which errors of the script or the policy end the journey. */
async function watched(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  return page;
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
let failed = 0;
for (const [name, journey] of Object.entries(journeys)) {
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
