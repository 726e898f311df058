// Where keys are in force the page is a login first; what a key may not do is not offered, and refused where it is asked for anyway.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { URL_UNDER_TEST, launch, open, settled, shoot } from "./browser.mjs";

let browser;
const keys = {};

async function keyApi(method, path, body = null, key = keys.admin?.key) {
  const headers = { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
  const response = await fetch(`${URL_UNDER_TEST}/api/v1/keys${path}`, { method, headers, body: body === null ? null : JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

before(async () => {
  browser = await launch();
  for (const scope of ["admin", "viewer", "operator"]) keys[scope] = await keyApi("POST", "", { name: `check ${scope}`, scope });
});
after(async () => {
  for (const scope of ["viewer", "operator", "admin"]) if (keys[scope] !== undefined) await keyApi("DELETE", `/${keys[scope].id}`);
  await browser.close();
});

/** Faults but for the refusals a check asked for. */
const unexpected = (faults) => faults.filter((fault) => !/status of 40[13]/.test(fault));

async function logIn(page, scope) {
  await page.getByLabel("Key", { exact: true }).fill(keys[scope].key);
  await page.getByRole("button", { name: "Log in" }).click();
}

for (const theme of ["light", "dark"]) {
  test(`without a session every address is a login without barriers in ${theme}, and a wrong key is told so`, async () => {
    const { page, faults, close } = await open(browser, "/latency?from=now-6h&to=now", { theme, width: 360 });
    await page.getByRole("heading", { name: "Log in to flowgauge" }).waitFor();
    await page.getByLabel("Key", { exact: true }).fill("fg_wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("not known, has expired or was revoked").waitFor();
    await shoot(page, `login-${theme}-360`);
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map((v) => v.id), []);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
    await logIn(page, "viewer");
    await settled(page, "latency");
    assert.match(page.url(), /\/latency\?from=now-6h/);
    assert.deepEqual(unexpected(faults), []);
    await close();
  });
}

test("a viewer reads and is offered no switch, is refused one by the server, and logs out", async () => {
  const { page, faults, close } = await open(browser, "/control");
  await logIn(page, "viewer");
  await settled(page, "control");
  await page.locator("[data-read-only]").waitFor();
  assert.equal(await page.getByRole("button", { name: /Roll back|Set…/ }).count(), 0);
  assert.equal(await page.evaluate(() => document.cookie), "", "no script can read the cookie");
  const ask = (withToken) => page.evaluate(async (withToken) => {
    const { csrf } = await (await fetch("/api/v1/session")).json();
    const headers = { "content-type": "application/json", ...(withToken ? { "x-flowgauge-csrf": csrf } : {}) };
    const response = await fetch("/api/v1/control/rollback", { method: "POST", headers, body: JSON.stringify({ all: true, author: "Eve", reason: "a check" }) });
    return `${response.status} ${(await response.json()).detail}`;
  }, withToken);
  assert.match(await ask(false), /^403 .*x-flowgauge-csrf/);
  assert.match(await ask(true), /^403 .*needs operator/);
  await page.goto(`${URL_UNDER_TEST}/live`);
  await page.getByRole("status").getByText("connected", { exact: true }).waitFor();
  await page.goto(`${URL_UNDER_TEST}/settings`);
  await page.getByText("Logged in with key check viewer, which may read").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Access keys" }).count(), 0);
  await shoot(page, "settings-viewer");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /request id/ }).fill("log out");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Log in to flowgauge" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Log in to flowgauge" }).waitFor();
  assert.deepEqual(unexpected(faults), []);
  await close();
});

test("an operator rolls back and lifts the switch with a session, and the key is named in the change", async () => {
  const { page, faults, close } = await open(browser, "/control");
  await logIn(page, "operator");
  await settled(page, "control");
  const say = async (opener, doer) => {
    await page.getByRole("button", { name: opener }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Why" }).fill("a check of sessions");
    assert.equal(await dialog.getByRole("textbox", { name: "Your name" }).inputValue(), "check operator");
    await dialog.getByRole("button", { name: doer, exact: true }).click();
    await dialog.waitFor({ state: "hidden" });
  };
  await say("Roll back all…", "Roll back");
  await page.locator('[data-standing="warning"]').getByText("Rolled back: all four are off").waitFor();
  await page.locator("[data-change]").first().getByText(/by check operator: a check of sessions/).waitFor();
  await say("Lift the switch…", "Lift");
  await page.locator('[data-standing="muted"]').waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test("a key revoked while its page is open makes the page a login, at the same address", async () => {
  const passing = await keyApi("POST", "", { name: "check passing", scope: "viewer" });
  const { page, close } = await open(browser, "/live");
  await page.getByLabel("Key", { exact: true }).fill(passing.key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("status").getByText("connected", { exact: true }).waitFor();
  await keyApi("DELETE", `/${passing.id}`);
  await page.getByRole("heading", { name: "Log in to flowgauge" }).waitFor();
  assert.match(page.url(), /\/live$/);
  await close();
});
