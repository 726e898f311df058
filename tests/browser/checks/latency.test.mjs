// From a spike to its cause, back to before it, and the recovery: three presses from the chart to the waterfall.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { URL_UNDER_TEST, launch, open, settled, shoot } from "./browser.mjs";
import { sendTimed } from "./send-call.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const MINUTE_MS = 60_000;
/** Calls of a minute: a value needs 30 of them in the stretch before anything is said about it. */
const CALLS = 24;
const SERVICE = `spike-${process.pid}`;
const where = `where=service%3D${SERVICE}`;
const post = (path, body) => fetch(`${URL_UNDER_TEST}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Half an hour of even traffic; a quarter of an hour ago one model took ten times as long for five minutes. */
async function traffic() {
  const now = Date.now();
  const calls = [];
  for (let minute = 30; minute > 0; minute -= 1) {
    const slow = minute <= 15 && minute > 10;
    for (let i = 0; i < CALLS; i += 1) {
      const large = i % 3 === 0;
      calls.push({ at: now - minute * MINUTE_MS - i * 2_000, ms: large && slow ? 4_000 + 20 * i : 400 + 12 * i, model: large ? "spike-large" : "spike-small", service: SERVICE });
    }
  }
  await sendTimed(URL_UNDER_TEST, calls);
}

test("a dragged spike leads to its slowest request, to what was different, to the change, and back", async () => {
  const change = await post("/api/v1/control/changes", { set: { "/rollouts/response_caching/mode": "shadow" }, author: "Ann", reason: "try the cache in shadow" });
  assert.ok(change.ok, await change.text());
  const { change: made } = await (await fetch(`${URL_UNDER_TEST}/api/v1/control/changes?limit=1`)).json().then(([one]) => ({ change: one }));
  await traffic();
  const { page, faults, close } = await open(browser, `/latency?from=now-30m&to=now&live=0&${where}`);
  await settled(page, "latency");
  const chart = page.locator('[data-chart="Latency over time"]');
  await chart.locator("canvas").waitFor();
  // Press one: a drag over the middle of the chart.
  const over = await chart.locator(".u-over").boundingBox();
  await page.mouse.move(over.x + over.width * 0.48, over.y + 40);
  await page.mouse.down();
  await page.mouse.move(over.x + over.width * 0.7, over.y + 60, { steps: 6 });
  await page.mouse.up();
  await page.waitForURL(/spike_from=.+spike_to=/);
  await page.locator("[data-spike]").waitFor();
  await chart.locator(".stretch").waitFor();
  assert.equal(await chart.locator(".u-select").evaluate((own) => own.clientWidth), 0, "the library's own shade stands in pixels");
  const different = page.getByRole("region", { name: "What is different about them" });
  await different.getByText("spike-large").first().waitFor();
  const slowest = page.getByRole("region", { name: "Slowest requests in it" });
  assert.match(await slowest.locator("tbody tr").first().innerText(), /4\d{3} ms/);
  await shoot(page, "latency-spike");
  // Press two: the slowest request, its waterfall.
  await slowest.locator("tbody a").first().click();
  await page.waitForURL(/\/requests\/[0-9a-f]+/);
  await page.locator("table.waterfall [data-part=total]").waitFor();
  await page.goBack();
  await page.locator("[data-spike]").waitFor();
  // The change was made after the spike here: a window up to now shows it before the last minutes.
  const end = new Date(Date.now() + MINUTE_MS);
  const start = new Date(Date.now() - MINUTE_MS);
  await page.goto(`${URL_UNDER_TEST}/latency?from=now-30m&to=now&live=0&${where}&spike_from=${start.toISOString()}&spike_to=${end.toISOString()}`);
  const preceding = page.locator(`[data-preceding="${made.id}"]`);
  await preceding.getByText("by Ann").waitFor();
  await preceding.getByRole("button", { name: `Undo change ${made.id}…` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Why" }).fill("latency rose after it");
  await dialog.getByRole("textbox", { name: "Your name" }).fill("Ben");
  await dialog.getByRole("button", { name: "Undo", exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
  const [last] = await (await fetch(`${URL_UNDER_TEST}/api/v1/control/changes?limit=1`)).json();
  assert.equal(last.undoes, made.id);
  assert.equal(last.author, "Ben");
  // Recovery: the last minutes are as before.
  await page.goto(`${URL_UNDER_TEST}/latency?from=now-5m&to=now&live=0&${where}`);
  await page.locator('[data-kpi="p50_latency"] .figure-value').getByText(/^[4-7]\d\d ms$/).waitFor();
  assert.deepEqual(faults.filter((fault) => !/status of 400/.test(fault)), []);
  await close();
});

const iso = (ms) => new Date(ms).toISOString();
const latencyAt = (from, to, spike) => `/latency?${new URLSearchParams({ from: iso(from), to: iso(to), live: "0", spike_from: iso(spike[0]), spike_to: iso(spike[1]) })}`;

/** Waits until the shade stands at these shares of the chart. */
const shadedAt = (page, left, right) => page.waitForFunction(([left, right]) => {
  const [over, shade] = [".u-over", ".stretch"].map((one) => document.querySelector(`[data-chart="Latency over time"] ${one}`)?.getBoundingClientRect());
  const share = (x) => (x - over.left) / over.width;
  return shade !== undefined && Math.abs(share(shade.left) - left) < 0.01 && Math.abs(share(shade.right) - right) < 0.01;
}, [left, right]);

test("a stretch stays at its times when the scale moves under it", async () => {
  const end = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const spike = [end - 20 * MINUTE_MS, end - 12 * MINUTE_MS];
  const { page, faults, close } = await open(browser, latencyAt(end - 40 * MINUTE_MS, end, spike));
  await settled(page, "latency");
  await shadedAt(page, 0.5, 0.7);
  await page.setViewportSize({ width: 700, height: 900 });
  await shadedAt(page, 0.5, 0.7);
  // The window changes and the chart stays: as when figures follow the present.
  await page.evaluate((address) => {
    history.pushState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
  }, latencyAt(end - 100 * MINUTE_MS, end, spike));
  await shadedAt(page, 0.8, 0.88);
  await page.getByRole("link", { name: "Leave it" }).click();
  await page.locator(".stretch").waitFor({ state: "detached" });
  assert.deepEqual(faults, []);
  await close();
});

test("the heat map says the cell under its cursor, by keyboard too, and is a table of the same calls", async () => {
  const { page, faults, close } = await open(browser, "/latency?from=now-1h&to=now&live=0");
  const map = page.getByRole("figure", { name: "How latency was spread over time" });
  await map.locator("canvas").waitFor();
  await map.getByRole("application").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowUp");
  const cell = /^\d{4}-\d\d-\d\d \d\d:\d\d, .+ – .+: [\d.,kM]+ calls? of [\d.,kM]+$/;
  assert.match(await map.locator("[data-cell]").innerText(), cell);
  await map.locator("[aria-live]", { hasText: /calls? of/ }).waitFor({ state: "attached" });
  await page.keyboard.press("Escape");
  assert.equal(await map.locator("[data-cell]").innerText(), "");
  const drawn = await map.locator("canvas").evaluate((canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0));
  assert.ok(drawn, "nothing is drawn");
  const card = page.locator("section.card", { has: map });
  await card.getByRole("button", { name: "Show as table" }).click();
  await card.locator(".twin-table tbody tr").first().waitFor();
  assert.match(await card.locator(".twin-table tbody tr").first().innerText(), /%/);
  await page.setViewportSize({ width: 360, height: 800 });
  await page.waitForFunction(() => document.documentElement.scrollWidth <= 360);
  assert.deepEqual(faults, []);
  await close();
});

test("a zoom is taken back with Ctrl+Z, and without one the window doubles", async () => {
  const { page, close } = await open(browser, "/overview?from=now-1h&to=now&live=0");
  await page.locator("figure.chart canvas").waitFor();
  const over = await page.locator(".u-over").first().boundingBox();
  await page.mouse.move(over.x + over.width * 0.5, over.y + 30);
  await page.mouse.down();
  await page.mouse.move(over.x + over.width * 0.75, over.y + 30, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=20\d\d-/);
  await page.keyboard.press("Control+z");
  await page.waitForURL(/from=now-1h/);
  await page.keyboard.press("Control+z");
  await page.waitForURL(/from=now-120m/);
  await close();
});

test("the compared time is drawn, said beside each figure, and in the address", async () => {
  const { page, faults, close } = await open(browser, "/latency?from=now-15m&to=now&live=0");
  await settled(page, "latency");
  await page.getByLabel("Compare with").selectOption("previous");
  await page.waitForURL(/compare=previous/);
  await page.locator('[data-chart="Latency over time"] .legend').getByText("P95, previous period").waitFor();
  await page.locator('[data-kpi="p95_latency"] [data-fact=before]').getByText(/previous period/).waitFor();
  assert.deepEqual(faults, []);
  await close();
});
