// Journeys through the pages: search, receipts, keyboard, explanations, colours, and how all of them look.
import assert from "node:assert/strict";
import { address, clicked, faultless, NARROW, open, pictures, SEARCH, searched, watched, WIDE } from "./shared.mjs";

export const journeys = {
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
    await page.keyboard.press("4");
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
    // One out of sight is scrolled into view by its focus, and explained there.
    await page.setViewportSize({ width: 1280, height: 300 });
    await page.locator("main .explain:visible").last().focus();
    await page.waitForTimeout(200);
    assert.ok(await page.evaluate(() => scrollY > 0 && document.activeElement.getAttribute("aria-describedby") === "tip"));
    await page.evaluate(() => scrollTo(0, 0));
    await page.waitForSelector("[role=tooltip]", { state: "detached" });
  },
  async "one round of answers is enough to go on with"(page) {
    await page.route(/learned-fusion|analytics|tasks/, () => undefined); // asked for then, and never answered
    for (const [fragment, there] of [["#/search", "#query:enabled"], ["#/learning", "select:enabled"], ["#/setup", ".loop .step:enabled"]]) {
      await page.goto(`${address}/${fragment}`);
      await page.waitForSelector(there);
    }
    assert.match(await page.textContent(".loop"), /Search out.*…/);
    await page.click(".loop li:nth-child(2) .step");
    await page.waitForSelector(".unfolded code, .unfolded pre");
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
  async "nothing sticks out at 320 pixels"(_, browser) {
    const page = await watched(await browser.newContext({ ...NARROW, viewport: { width: 320, height: 640 } }));
    for (const fragment of [SEARCH, "#/learning", "#/live", "#/setup", "#/tasks"]) {
      await open(page, fragment);
      await page.waitForTimeout(300);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320, fragment);
    }
    await page.context().close();
  },
  async "axe finds nothing and nothing sticks out, on any page, wide and narrow, light and dark"(_, browser) {
    const execution = await searched("red shoes");
    const act = await clicked(execution);
    for (const fragment of [SEARCH, "#/learning", "#/live", `#/live?interaction=${act.interaction_id}`, `#/live?execution=${execution.execution_id}`, "#/setup", "#/tasks", "#/search", "#/nowhere"]) {
      for (const [shape, colorScheme] of [[WIDE, "light"], [WIDE, "dark"], [NARROW, "light"], [NARROW, "dark"]]) {
        const context = await browser.newContext({ ...shape, colorScheme });
        const page = await watched(context);
        await open(page, fragment);
        await page.waitForTimeout(900);
        const where = `${fragment.replace(/=\w+_\w+/, "")} ${shape.viewport.width} ${colorScheme}`;
        if (pictures) await page.screenshot({ path: `${pictures}/${where.replace(/[^\w]+/g, "-").replace(/^-/, "")}.png`, fullPage: true });
        await faultless(page, where);
        await context.close();
      }
    }
  },
};
