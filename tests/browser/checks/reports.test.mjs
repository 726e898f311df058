// Reports: read on the page, taken away in each format, made now.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { DEADLINE_MS, URL_UNDER_TEST, launch, open, until } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("a report is read here and taken away as Markdown, CSV and JSON", async () => {
  const { page, faults, close } = await open(browser, "/reports?kind=daily&period=current");
  await page.locator("pre.report").getByText("In one sentence").waitFor();
  for (const [format, begin] of [["md", /^# Daily Performance Report/], ["csv", /metric/i], ["json", /"flowgauge\.report\/1"/]]) {
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator(`[data-format=${format}]`).click()]);
    assert.match(file.suggestedFilename(), new RegExp(`^daily-performance-report-[0-9-]+\\.${format}$`));
    assert.match(await readFile(await file.path(), "utf8"), begin);
    await page.locator(`[data-format=${format}]:enabled`).waitFor();
  }
  assert.deepEqual(faults, []);
  await close();
});

test("what a job made and kept is in the archive and comes as a file", async () => {
  const asked = await fetch(`${URL_UNDER_TEST}/api/v1/jobs/report-daily/runs`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ by: "a check" }) });
  assert.ok(asked.ok, await asked.text());
  const kept = async () => (await (await fetch(`${URL_UNDER_TEST}/api/v1/reports`)).json()).archive.find((one) => one.kind === "daily");
  const { files } = await until("a daily report is in the archive", kept, 4 * DEADLINE_MS);
  const { page, faults, close } = await open(browser, "/reports?kind=daily&period=current");
  const archive = page.getByRole("region", { name: "Archive" });
  const link = archive.locator(`[href="${files[0].href}"]`);
  const [file] = await Promise.all([page.waitForEvent("download"), link.click()]);
  assert.equal(file.suggestedFilename(), files[0].name);
  assert.equal((await readFile(await file.path())).length, files[0].bytes);
  assert.deepEqual(faults, []);
  await close();
});

test("a period that is none is refused in the server's words", async () => {
  const { page, close } = await open(browser, "/reports?kind=daily&period=yesteryear");
  await page.getByRole("alert").waitFor();
  assert.notEqual((await page.getByRole("alert").innerText()).trim(), "");
  await close();
});
