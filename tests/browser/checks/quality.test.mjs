// Whether evaluators agree, the quality of each request, and how sure a change is, against the stand-in: figures with intervals, and words where there are none.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { fixture } from "../fixture/server.mjs";
import { launch, open, settled, shoot } from "./browser.mjs";

let browser;
let server;
let base;
before(async () => {
  browser = await launch();
  server = fixture({});
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${server.address().port}`;
});
after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

for (const [theme, width] of [["light", 1280], ["dark", 360]]) {
  test(`evaluators that scored the same calls are held against each other, in ${theme} at ${width} px`, async () => {
    const { page, faults, close } = await open(browser, "/quality", { base, theme, width });
    await settled(page, "quality");
    const table = page.getByRole("region", { name: "Whether evaluators agree" });
    const rows = table.locator("tbody tr");
    await rows.first().waitFor();
    assert.match(await rows.nth(0).innerText(), /relevance 1\s+<b>people<\/b>\s+60\s+−4\.3 \(−7\.1 to −1\.4\)\s+0\.71 \(0\.55 to 0\.82\)/);
    assert.match(await rows.nth(1).innerText(), /\+2\.0 \(−1\.5 to \+5\.5\)\s+one of them always says the same/);
    assert.match(await rows.nth(2).innerText(), /4\s+n too small\s+n too small/);
    await page.getByText("From the 50,000 latest scores of this window. Evaluators with fewer scores, left out: 1.").waitFor();
    await shoot(page, `quality-agreement-${theme}-${width}`);
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
    assert.deepEqual(faults, []);
    await close();
  });
}

test("each request in the list has its quality or a dash, and the list can be taken away", async () => {
  const { page, faults, close } = await open(browser, "/requests?live=0", { base });
  const cells = page.locator("table.requests [data-quality]");
  await cells.first().waitFor();
  const texts = await cells.allInnerTexts();
  assert.ok(texts.includes("–") && texts.some((text) => /^\d+\.\d$/.test(text)), texts.join(" "));
  const judged = cells.filter({ hasNotText: "–" }).first();
  assert.equal(await judged.getAttribute("title"), "by relevance <i>1</i>");
  await page.getByRole("button", { name: "Export" }).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV of Requests" }).click()]);
  const stream = await file.createReadStream();
  const parts = [];
  for await (const part of stream) parts.push(part);
  const [head, ...rows] = Buffer.concat(parts).toString("utf8").trim().split(/\r?\n/);
  assert.match(head, /Cost nano-dollars,Quality,Quality by,Done,Request/);
  assert.equal(rows.length, 50);
  assert.ok(rows.some((row) => row.includes("relevance <i>1</i>")));
  assert.deepEqual(faults, []);
  await close();
});

test("a tile tells its change against another time with an interval where the server knows one, and asks no more for it", async () => {
  const { page, faults, close } = await open(browser, "/overview?live=0&compare=previous", { base });
  const before = (name) => page.locator(`.tile[data-kpi=${name}] [data-fact=before]`);
  const told = () => before("p95_latency").filter({ hasText: "(" }).waitFor();
  await told();
  const asked = [];
  page.on("request", (request) => request.url().includes("/api/v1/kpis?") && asked.push(request.url()));
  await page.reload();
  await told();
  assert.equal(await before("p95_latency").innerText(), "previous period 1688 ms, +4.2 % (1.1 to 7.3)");
  assert.equal(await before("error_rate").innerText(), "previous period 0.62%, −12.5 % (−30.0 to 9.3)");
  assert.equal(await before("total_cost").innerText(), "previous period $4.82, ±0.0 %");
  assert.equal(await before("quality_score").innerText(), "previous period: not known");
  assert.equal(asked.length, 2, asked.join(" "));
  assert.deepEqual(faults, []);
  await close();
});
