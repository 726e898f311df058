// What open pages cost the server: so many live streams, alone and with the questions a live page asks, and the share of a core the
// process takes meanwhile. Ends with 1 where that is over the limit.
//
//   node bench/page/streams.mjs PID [http://127.0.0.1:4000 [pages [seconds]]]
//
// `FLOWGAUGE_KEY` is sent where the server asks for one. Linux: times of the process are read from /proc.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";

const [pid, base = "http://127.0.0.1:4000", pages = "50", seconds = "30"] = process.argv.slice(2);
if (!/^\d+$/.test(pid ?? "")) throw new Error("name the server's process: streams.mjs PID [base [pages [seconds]]]");
/** What is promised for 50 open pages. */
const MOST_SHARE = 0.05;
/** A live page asks for its figures so often. */
const EVERY_MS = 5_000;
const FIGURES = "request_count,p50_latency,p95_latency,ttft_p50,error_rate,total_cost";
const TICKS = Number(execFileSync("getconf", ["CLK_TCK"]).toString());
const headers = process.env.FLOWGAUGE_KEY === undefined ? {} : { authorization: `Bearer ${process.env.FLOWGAUGE_KEY}` };
const count = Number(pages);
const length = Number(seconds) * 1_000;

/** Seconds of processor the server has had. */
function used() {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

const rest = (ms) => new Promise((go) => setTimeout(go, ms));

async function measured(name) {
  const [before, begun] = [used(), performance.now()];
  await rest(length);
  const share = (used() - before) / ((performance.now() - begun) / 1_000);
  process.stdout.write(`${name.padEnd(44)} ${(100 * share).toFixed(2).padStart(6)} % of a core\n`);
  return share;
}

let events = 0;
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const stream = () => new Promise((opened, failed) => {
  const request = get(`${base}/api/v1/live`, { agent, headers }, (response) => {
    if (response.statusCode !== 200) failed(new Error(`/api/v1/live answered ${response.statusCode}`));
    response.on("data", (part) => (events += part.toString().split("\n\n").length - 1));
    opened(request);
  });
  request.on("error", failed);
});

/** Asks as a page does; the answer is read to its end. */
const ask = () => new Promise((done, failed) => {
  get(`${base}/api/v1/kpis?since=5m&kpi=${FIGURES}`, { agent, headers }, (response) => {
    if (response.statusCode !== 200) failed(new Error(`/api/v1/kpis answered ${response.statusCode}`));
    response.resume().on("end", done);
  }).on("error", failed);
});

const idle = await measured("nobody looks");
const streams = await Promise.all(Array.from({ length: count }, stream));
await rest(2_000);
events = 0;
const streaming = await measured(`${count} live streams`);
process.stdout.write(`${"".padEnd(44)} ${(events / count / Number(seconds)).toFixed(2)} events a second each\n`);
const timers = streams.map((_, i) => setTimeout(() => timers.push(setInterval(ask, EVERY_MS)), (i * EVERY_MS) / count));
await rest(EVERY_MS);
const whole = await measured(`${count} live pages: streams and their figures`);
timers.forEach(clearInterval);
streams.forEach((one) => one.destroy());
agent.destroy();
const cost = whole - idle;
process.stdout.write(`${count} pages cost ${(100 * cost).toFixed(2)} % of a core; at most ${100 * MOST_SHARE} % is promised\n`);
process.exitCode = cost <= MOST_SHARE && streaming >= 0 ? 0 : 1;
process.exit();
