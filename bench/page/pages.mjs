// How long each page takes until it can be used, and its slowest request, over the data a server has. Prints a table; ends with 1
// where a page or a request is over its limit.
//
//   node bench/page/pages.mjs [http://127.0.0.1:4000 [from [to]]]
//
// `from` and `to` are unix milliseconds or RFC 3339, the last day unless given. `FLOWGAUGE_KEY` is sent where the server asks for
// one. Needs the modules of tests/browser (`tests/browser/run.sh` installs them) and a Chromium (`CHROMIUM`).
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../tests/browser/package.json", import.meta.url))("playwright-core");
const [base = "http://127.0.0.1:4000", from = "now-24h", to = "now"] = process.argv.slice(2);
/** What is promised: a page within a second, a request within 200 ms. */
const PAGE_MS = 1_000;
const REQUEST_MS = 200;
/** A page is done when nothing was asked for so long. */
const QUIET_MS = 1_500;
const DEADLINE_MS = 60_000;
const FIGURES = "dl.figures [data-kpi], main .empty";
/** A page can be used once this is there. */
const READY = {
  overview: ".tile[data-kpi]", live: "dl.figures [data-kpi]", latency: FIGURES, requests: "main .empty, main table.requests", cost: FIGURES, quality: FIGURES, cache: FIGURES,
  regressions: "[data-empty], [data-regressed]", alerts: "main [data-verdict]", timeline: "main section.card h2", control: "main [data-standing]", reports: "[data-format]",
  sql: ".schema summary", settings: "main dl.facts", setup: "[data-door]",
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const key = process.env.FLOWGAUGE_KEY;
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
if (key !== undefined) {
  const login = await context.request.post(`${base}/api/v1/session`, { data: { key } });
  if (!login.ok()) throw new Error(`${base} refused the key: ${await login.text()}`);
}
const query = new URLSearchParams({ from, to, live: "0" });
await visit("setup");
process.stdout.write(`${"page".padEnd(12)} ${"usable".padStart(9)} ${"requests".padStart(8)} ${"slowest".padStart(9)}  which\n`);
let over = 0;
for (const name of Object.keys(READY)) {
  const { usable, asked } = await visit(name);
  asked.sort((a, b) => b.ms - a.ms);
  const slow = asked.filter((one) => one.ms > REQUEST_MS);
  const shown = slow.length > 0 ? slow : asked.slice(0, 1);
  process.stdout.write(`${name.padEnd(12)} ${ms(usable)} ${String(asked.length).padStart(8)} ${ms(shown[0]?.ms ?? 0)}  ${shown.map((one) => `${Math.round(one.ms)} ${one.url}`).join("\n" + " ".repeat(42))}\n`);
  over += slow.length + (usable > PAGE_MS ? 1 : 0);
}
await browser.close();
process.stdout.write(over === 0 ? `all pages within ${PAGE_MS} ms, all requests within ${REQUEST_MS} ms\n` : `${over} over their limits\n`);
process.exitCode = over === 0 ? 0 : 1;

/** Opens a page; when it could be used, and each request to the API with the server's time to its first byte. */
async function visit(name) {
  const page = await context.newPage();
  const asked = [];
  let last = performance.now();
  page.on("request", () => (last = performance.now()));
  page.on("requestfinished", (request) => {
    last = performance.now();
    const url = new URL(request.url());
    const { requestStart, responseStart } = request.timing();
    if (url.pathname.startsWith("/api/")) asked.push({ url: decodeURIComponent(url.pathname + url.search).slice(0, 160), ms: responseStart - requestStart });
  });
  const begun = performance.now();
  await page.goto(`${base}/${name}?${query}`, { waitUntil: "commit" });
  await page.locator(READY[name]).first().waitFor({ state: "attached", timeout: DEADLINE_MS });
  const usable = performance.now() - begun;
  while (performance.now() - last < QUIET_MS && performance.now() - begun < DEADLINE_MS) await new Promise((go) => setTimeout(go, 50));
  await page.close();
  return { usable, asked };
}

function ms(value) {
  return `${Math.round(value)} ms`.padStart(9);
}
