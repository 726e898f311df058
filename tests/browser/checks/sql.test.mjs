// SQL: the guide's queries run as they are, an answer is a table, a chart, a file and a link; a mistake has a place.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const title of ["Latency trends", "Token usage", "Quality by intent"]) {
  test(`the guide's "${title}" runs`, async () => {
    const { page, faults, close } = await open(browser, "/sql");
    await settled(page, "sql");
    await page.getByRole("button", { name: title }).click();
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("heading", { name: "Answer" }).waitFor();
    assert.match(page.url(), /q=/);
    assert.deepEqual(faults, []);
    await close();
  });
}

test("an answer over time is a chart too, and a copied address asks the same", async () => {
  const { page, faults, close } = await open(browser, "/sql");
  const sql = "SELECT date_trunc('hour', timestamp) AS t, count(*) AS n FROM performance_metrics GROUP BY 1 ORDER BY 1";
  await page.getByRole("textbox", { name: "Statement" }).fill(sql);
  await page.keyboard.press("Control+Enter");
  await page.getByRole("link", { name: "chart", exact: true }).click();
  await page.locator("figure.chart canvas").waitFor();
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await page.locator("figure.chart canvas").waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Statement" }).inputValue(), sql);
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV", exact: true }).click()]);
  assert.match(await readFile(await file.path(), "utf8"), /^t,n\r?\n/);
  assert.deepEqual(faults, []);
  await close();
});

test("a mistake is told in the server's words and the cursor stands at its place", async () => {
  const { page, close } = await open(browser, "/sql");
  const statement = page.getByRole("textbox", { name: "Statement" });
  await statement.fill("SELECT 1;\nSELEC 2");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await statement.fill("  selec 1");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("alert").getByText("line 1, column 3").waitFor();
  assert.equal(await statement.evaluate((field) => field.selectionStart), 2);
  await close();
});

test("the tables and their columns are there to be put into the statement", async () => {
  const { page, close } = await open(browser, "/sql");
  await settled(page, "sql");
  await page.locator(".schema summary", { hasText: "performance_metrics" }).click();
  await page.getByRole("textbox", { name: "Statement" }).fill("SELECT ");
  await page.locator(".schema").getByRole("button", { name: "latency", exact: true }).click();
  assert.equal(await page.getByRole("textbox", { name: "Statement" }).inputValue(), "SELECT latency");
  await close();
});

test("the plan of a statement is shown as text, and its address asks for the plan again", async () => {
  const { page, faults, close } = await open(browser, "/sql");
  await page.getByRole("textbox", { name: "Statement" }).fill("SELECT count(*) AS n FROM performance_metrics");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.getByRole("heading", { name: "Plan", exact: true }).waitFor();
  assert.match(await page.locator("pre.report").first().innerText(), /Aggregate/i);
  assert.match(page.url(), /plan=1/);
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
  await page.reload();
  await page.getByRole("heading", { name: "Plan", exact: true }).waitFor();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("heading", { name: "Answer" }).waitFor();
  assert.doesNotMatch(page.url(), /plan=/);
  assert.deepEqual(faults, []);
  await close();
});

test("a statement is saved under a name by keys alone, is there after a reload as text, and is forgotten", async () => {
  const { page, faults, close } = await open(browser, "/sql", { width: 360 });
  const statement = page.getByRole("textbox", { name: "Statement" });
  await statement.fill("SELECT 41 + 1 AS answer");
  await page.getByRole("textbox", { name: "Name" }).focus();
  await page.keyboard.type("mine <b>bold</b>");
  await page.keyboard.press("Enter");
  await page.getByText("Saved as mine <b>bold</b>").waitFor();
  await page.reload();
  await statement.fill("SELECT 2");
  const saved = page.getByRole("list", { name: "Saved statements" });
  assert.equal(await saved.locator("b").count(), 0, "it is text");
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the phone");
  await saved.getByRole("button", { name: "mine <b>bold</b>", exact: true }).press("Enter");
  assert.equal(await statement.inputValue(), "SELECT 41 + 1 AS answer");
  await saved.getByRole("button", { name: "Forget mine <b>bold</b>" }).press("Enter");
  await saved.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => localStorage.getItem("flowgauge.queries")), null);
  assert.deepEqual(faults, []);
  await close();
});
