// Takes the pictures of the documentation: node pictures.mjs ADDRESS FOLDER [RETRIEVER]
// Simulated users search the server, or have: it waits until there is a curve. CHROMIUM names the
// browser. What never gets ready is skipped loudly; the exit status is how many pictures were.
import { mkdirSync, statSync } from "node:fs";
import { chromium } from "playwright-core";
import { address, open, pictures as folder, sent } from "./shared.mjs";

const retriever = encodeURIComponent(process.argv[4] ?? "demo-learned");
const MOST_BYTES = 200_000;
const CURVE_MS = 300_000;
const READY_MS = 20_000;

// The page of each, and what must be on it.
const PICTURES = {
  search: { at: `#/search?retriever=${retriever}&q=create+temporary+directory&teach=no`, ready: [".result"] },
  simulate: { at: `#/learning?retriever=${retriever}`, ready: ["#better .evidence svg"], wait: CURVE_MS },
  live: { at: "#/live", ready: [".tail li"], before: crowd },
};

/** Something to watch: users on a copy, slow enough to read. */
async function crowd() {
  await sent("/v1/simulations", { retriever: decodeURIComponent(retriever), searches: 400, searches_per_second: 10, copy: true });
  await new Promise((resolve) => setTimeout(resolve, 30_000)); // it measures the static order first
}

async function take(page, name, colorScheme) {
  const { at, ready, wait = READY_MS, before } = PICTURES[name];
  if (before && colorScheme === "light") await before();
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await open(page, at);
  for (const part of ready) await page.locator(part).first().waitFor({ timeout: wait });
  if (name === "simulate") await page.locator("#better").evaluate((card) => {
    card.style.scrollMarginTop = "-20px"; // right below the bar, without a rest of what stands above
    card.scrollIntoView({ block: "start" });
  });
  await page.waitForTimeout(1000); // bars and curves take their places
  const path = `${folder}/${name}-${colorScheme}.png`;
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > MOST_BYTES) throw new Error(`${size} bytes, more than ${MOST_BYTES}`);
  console.log(`taken    ${path}, ${Math.round(size / 1000)} kB`);
}

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
let skipped = 0;
for (const name of Object.keys(PICTURES)) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 });
    page.setDefaultTimeout(READY_MS);
    await take(page, name, colorScheme).catch((error) => {
      skipped += 1;
      console.error(`SKIPPED  ${name}-${colorScheme}: ${error.message.split("\n")[0]}`);
    });
    await page.close();
  }
}
await browser.close();
process.exit(skipped);
