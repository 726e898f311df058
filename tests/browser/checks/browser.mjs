// A browser for the checks, and pages that report what went wrong in them. Refuses to download one:
// the system's Chromium is used.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Where the page under test is. */
export const URL_UNDER_TEST = process.env.FLOWGAUGE_URL;
/** Pages with an address of their own. */
export const PAGES = [
  "overview", "live", "latency", "requests", "cost", "quality", "cache", "regressions", "alerts", "timeline", "control", "reports", "sql", "settings", "setup",
];
/** Waits end here; none is waited out in a passing run. A machine with other work may need more. */
export const DEADLINE_MS = Number(process.env.FLOWGAUGE_DEADLINE_MS ?? 15_000);
const POLL_MS = 50;

export const launch = () => chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });

/** A page whose `faults` collects console errors, CSP reports, failed requests and requests to others. */
export async function open(browser, address, { width = 1280, theme = "light", base = URL_UNDER_TEST } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, reducedMotion: "no-preference" });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("request", (request) => !request.url().startsWith(base) && faults.push(`request to others: ${request.url()}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(base + address);
  await page.locator("main h1").first().waitFor({ state: "attached" });
  return { page, faults, close: () => context.close() };
}

/** Waits until the page has its first answers. */
export async function settled(page, name) {
  const figures = "dl.figures [data-kpi], main .empty";
  const sign = {
    overview: ".tile[data-kpi]", live: "dl.figures [data-kpi]", latency: figures, requests: "main .empty, main table.requests", cost: figures, quality: figures, cache: figures,
    regressions: "[data-empty], [data-regressed]", alerts: "main [data-verdict]", timeline: "main section.card h2", control: "main [data-standing]", reports: "[data-format]", sql: ".schema summary",
    settings: "main dl.facts", setup: "[data-door]",
  }[name];
  await page.locator(sign).first().waitFor({ state: "attached" });
}

/** What `ask` answers once it answers something, asked again until the deadline. (`waitForFunction` does not
 * wait for a promise: it takes the promise itself for a yes.) */
export async function until(told, ask, deadlineMs = DEADLINE_MS) {
  for (const end = Date.now() + deadlineMs; Date.now() < end; await pause(POLL_MS)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${told}: not within ${deadlineMs} ms`);
}

/** Keeps a picture where FLOWGAUGE_SHOTS says. */
export async function shoot(page, name) {
  const folder = process.env.FLOWGAUGE_SHOTS;
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
