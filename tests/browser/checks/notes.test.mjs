// Notes: one is added on Timeline with its time, stands there as text, and marks every chart over its time.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, open, settled, shoot } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Ten minutes ago as the field takes it: whole minutes of local time. */
function tenMinutesAgo() {
  const at = new Date(Date.now() - 600_000);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

for (const theme of ["light", "dark"]) {
  test(`a note is added, stands on the timeline as text and on charts as a mark, in ${theme}`, async () => {
    const text = `load <b>test</b> ${process.pid} ${theme}`;
    const { page, faults, close } = await open(browser, "/timeline?since=1h", { theme });
    await settled(page, "timeline");
    await page.getByRole("button", { name: "Add a note…" }).click();
    const dialog = page.getByRole("dialog", { name: "Add a note" });
    await dialog.getByLabel("What happened").fill(text);
    await dialog.getByLabel("Your name").fill("Ann");
    const at = tenMinutesAgo();
    await dialog.getByLabel("When").fill(at);
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
    await shoot(page, `note-dialog-${theme}`);
    const asked = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/api/v1/history"));
    await dialog.getByRole("button", { name: "Add" }).click();
    assert.deepEqual((await asked).postDataJSON(), { text, author: "Ann", at: new Date(at).toISOString() });
    const line = page.getByRole("region", { name: "Events" }).locator("tbody tr", { hasText: text });
    await line.waitFor();
    assert.match(await line.innerText(), /note[\s\S]*Ann/);
    assert.equal(await line.locator("b").count(), 0, "it is text");
    await page.getByRole("group", { name: "Kinds shown" }).getByRole("button", { name: /^Notes/ }).waitFor();
    await shoot(page, `timeline-note-${theme}`);
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Latency" }).click();
    await settled(page, "latency");
    const marks = page.locator('[data-chart="Latency over time"] details', { hasText: "in this window" });
    await marks.locator("summary").click();
    await marks.locator("li", { hasText: text }).first().waitFor();
    assert.deepEqual(faults, []);
    await close();
  });
}

test("without a text or a name nothing is sent", async () => {
  const { page, faults, close } = await open(browser, "/timeline?since=1h");
  await settled(page, "timeline");
  const sent = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
  await page.getByRole("button", { name: "Add a note…" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a note" });
  await dialog.getByLabel("Your name").fill("Ann");
  await dialog.getByRole("button", { name: "Add" }).click();
  assert.ok(await dialog.isVisible());
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.deepEqual([sent, faults], [[], []]);
  await close();
});
