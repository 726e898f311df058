// Runs the page checks against FLOWGAUGE_URL, or against the stand-in where none is given. Refuses
// to retry: a check passes or it does not. FLOWGAUGE_SHOTS names a folder for pictures; words name the
// checks to run: `FLOWGAUGE_SHOTS=shots node run.mjs pages` makes pictures of every page in both themes.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

const here = path.dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
let stand = null;
let base = process.env.FLOWGAUGE_URL?.replace(/\/$/, "");
if (base === undefined) {
  stand = new Worker(path.join(here, "fixture/worker.mjs"));
  base = await new Promise((told) => stand.once("message", told));
}
process.stdout.write(`page under test: ${base}${stand === null ? "" : " (stand-in)"}\n`);
const checks = readdirSync(path.join(here, "checks")).filter((name) => name.endsWith(".test.mjs") && (wanted.length === 0 || wanted.includes(name.slice(0, -".test.mjs".length)))).map((name) => path.join("checks", name));
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...checks], { cwd: here, stdio: "inherit", env: { ...process.env, FLOWGAUGE_URL: base } });
await stand?.terminate();
process.exitCode = status ?? 1;
