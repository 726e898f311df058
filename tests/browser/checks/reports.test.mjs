// Reports: read on the page, taken away in each format, made now.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.mjs";

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

test("a period that is none is refused in the server's words", async () => {
  const { page, close } = await open(browser, "/reports?kind=daily&period=yesteryear");
  await page.getByRole("alert").waitFor();
  assert.notEqual((await page.getByRole("alert").innerText()).trim(), "");
  await close();
});
