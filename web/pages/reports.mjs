// Reports: each kind for a period, read here or taken away in any format; what is made by itself, and
// what came of it. Refuses to compute: a report is the server's.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { count, stamp } from "../format.mjs";
import { params, replaceParams } from "../state/address.mjs";
import { problemOf, request, useAnswer } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { hand } from "../state/files.mjs";
import { ActDialog } from "../parts/act-dialog.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";

const KINDS = { daily: "Daily", weekly: "Weekly", monthly: "Monthly", cost: "Cost", executive: "Executive" };
const FORMATS = [["pdf", "PDF"], ["html", "HTML"], ["md", "Markdown"], ["csv", "CSV"], ["json", "JSON"], ["txt", "Text"]];
/** Runs move by the minute. */
const EVERY_MS = 10_000;
const RUNS = 50;
const ARCHIVE_MS = 60_000;
const wanted = signal(null);

/** The page. */
export function Reports() {
  const [again, setAgain] = useState(0);
  const jobs = useAnswer(`/api/v1/jobs#${again}`, EVERY_MS);
  const kept = useAnswer(`/api/v1/reports#${again}`, ARCHIVE_MS);
  const runs = useAnswer(`/api/v1/jobs/history?limit=${RUNS}#${again}`, EVERY_MS);
  return html`
    <div class="page-head"><h1>Reports</h1><span class="muted">from what is stored at this moment; the same inputs give the same report</span></div>
    <${Failure} error=${jobs.error ?? runs.error ?? kept.error} />
    <${Made} />
    ${jobs.data !== null && html`<${Schedules} jobs=${jobs.data} done=${() => setAgain((n) => n + 1)} />`}
    ${kept.data !== null && html`<${Archive} all=${kept.data.archive} />`}
    ${runs.data !== null && html`<${Runs} runs=${runs.data} />`}
    <${ActDialog} id="run-title" what=${wanted.value} close=${() => (wanted.value = null)}>
      ${wanted.value !== null && html`<label>Period, empty for the last complete one<input name="period" maxlength="40" placeholder="2026-11-23" /></label>`}
    <//>`;
}

const kindOf = () => (Object.hasOwn(KINDS, params.value.get("kind") ?? "") ? params.value.get("kind") : "daily");
const query = (extra) => new URLSearchParams({ ...extra, ...(params.value.get("period") ? { period: params.value.get("period") } : {}) }).toString();

function Made() {
  const kind = kindOf();
  const period = params.value.get("period") ?? "";
  const told = useText(`/api/v1/reports/${kind}?${query({ format: "txt" })}`);
  const set = (event) => {
    event.preventDefault();
    replaceParams({ period: new FormData(event.target).get("period").trim() });
  };
  return html`
    <section class="card">
      <form class="filters-flat" onSubmit=${set}>
        <label>Report<select value=${kind} onChange=${(event) => replaceParams({ kind: event.target.value, period: null })}>${Object.entries(KINDS).map(([word, title]) => html`<option key=${word} value=${word}>${title}</option>`)}</select></label>
        <label>Period<input name="period" key=${period} value=${period} list="periods" maxlength="40" placeholder="last complete one" /></label>
        <datalist id="periods"><option value="current"></option></datalist>
        <button>Show</button>
        <${Download} kind=${kind} name=${told.data === null ? kind : firstLine(told.data)} />
      </form>
      <${Failure} error=${told.error} />
      ${told.data === null && told.error === null && html`<p class="muted" role="status">Making it…</p>`}
      ${told.data !== null && html`<p class="muted">${told.requests === null ? "" : `About ${count(told.requests)} requests. `}${/PARTIAL/.test(told.data) ? "The period is not over: figures will change. " : ""}${period === "current" ? "" : html`For the running period write <code>current</code>.`}</p><pre class="report" tabindex="0" aria-label=${`${KINDS[kind]} report`}>${told.data}</pre>`}
    </section>`;
}

const firstLine = (text) => text.split("\n", 1)[0];

/** A text of the API, asked once for each address. */
function useText(url) {
  const [state, setState] = useState({ url: null, data: null, error: null, requests: null });
  if (state.url !== url) {
    setState({ url, data: null, error: null, requests: null });
    take(url).then(async ({ response, problem }) => {
      const data = problem === null ? await response.text() : null;
      const requests = Number(response?.headers.get("x-flowgauge-requests") ?? Number.NaN);
      setState((now) => (now.url === url ? { url, data, error: problem, requests: Number.isNaN(requests) ? null : requests } : now));
    });
  }
  return state.url === url ? state : { data: null, error: null, requests: null };
}

/** An answer, or the server's own words. */
async function take(url) {
  try {
    const response = await request("GET", url);
    return { response, problem: response.ok ? null : await problemOf(response) };
  } catch (error) {
    return { response: null, problem: error.message };
  }
}

function Download({ kind, name }) {
  const [said, setSaid] = useState({ busy: null, problem: null });
  const get = async (format) => {
    setSaid({ busy: format, problem: null });
    const { response, problem } = await take(`/api/v1/reports/${kind}?${query({ format })}`);
    if (problem === null) hand(`${name.toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/-+/g, "-")}.${format}`, response.headers.get("content-type") ?? "", await response.blob());
    setSaid({ busy: null, problem });
  };
  return html`
    <span class="downloads" role="group" aria-label="Download as">${FORMATS.map(([format, title]) => html`<button type="button" key=${format} data-format=${format} disabled=${said.busy !== null} onClick=${() => get(format)}>${title}</button>`)}</span>
    <span role="status" class=${said.problem === null ? "muted" : "tone-critical break"}>${said.problem ?? (said.busy === null ? "" : "making it…")}</span>`;
}

const STATES = { done: ["good", "good"], failed: ["critical", "critical"], running: ["info", "wait"], waiting: ["muted", "wait"], skipped: ["muted", "none"] };
const State = ({ word }) => html`<span class=${`status tone-${(STATES[word] ?? STATES.skipped)[0]}`}><${Icon} name=${(STATES[word] ?? STATES.skipped)[1]} />${word.replaceAll("_", " ")}</span>`;

const run = (job, done) => ({
  title: `Run ${job.job}`, doer: "Run", url: `/api/v1/jobs/${encodeURIComponent(job.job)}/runs`, done,
  hint: `${job.about[0].toUpperCase()}${job.about.slice(1)}, once for its period and channels${job.channels.length > 0 ? `: it is sent to ${job.channels.join(", ")}` : "; no channel is named, so nothing is sent"}.`,
  body: (reason, author, form) => ({ by: `${author}: ${reason}`, ...(form.get("period").trim() === "" ? {} : { period: form.get("period").trim() }) }),
});

const Schedules = ({ jobs, done }) => html`
  <${Card} title="Made by itself" hint="schedules stand in the configuration">
    <${DataTable} label="Made by itself" rows=${jobs} columns=${[
      { title: "Job", of: (row) => row.job }, { title: "About", of: (row) => row.about }, { title: "When", of: (row) => row.when ?? row.schedule, show: (row) => row.when ?? row.schedule ?? html`<span class="muted">not scheduled</span>` },
      { title: "To", of: (row) => row.channels.join(", ") || null }, { title: "Next", of: (row) => row.next, show: (row) => (row.next === null ? "–" : stamp(new Date(row.next), false)) },
      { title: "Last", of: (row) => row.last?.due, show: (row) => (row.last === null ? "–" : html`${stamp(new Date(row.last.ended ?? row.last.due), false)} <${State} word=${row.last.state} />`) },
      { title: "", name: "Run", of: () => null, show: (row) => may("operator") && html`<button type="button" onClick=${() => (wanted.value = run(row, done))}>Run now…<span class="visually-hidden">: ${row.job}</span></button>` },
    ]} />
  <//>`;

const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Files that jobs made, each under its own address. */
const Archive = ({ all }) => html`
  <${Card} title="Archive" hint="made by jobs and kept, the latest period first">
    <${DataTable} label="Archive" rows=${all} keyOf=${(row) => row.kind + row.period} empty="No report was kept yet: a job of the list above keeps what it makes." columns=${[
      { title: "Report", of: (row) => row.kind, show: (row) => KINDS[row.kind] ?? row.kind }, { title: "Period", of: (row) => row.period },
      { title: "Made", of: (row) => row.files[0].made, show: (row) => (row.files[0].made === null ? "–" : stamp(new Date(row.files[0].made), false)) },
      { title: "Files", of: (row) => row.files.map((file) => file.name).join(" "), show: (row) => html`<span class="alert-actions">${row.files.map((file) => html`<a key=${file.name} class="button" href=${file.href} download=${file.name} data-kept=${file.format}>${file.format}<span class="visually-hidden"> of ${row.kind}, ${row.period}</span> <span class="muted">${size(file.bytes)}</span></a>`)}</span>` },
    ]} />
  <//>`;

const Runs = ({ runs }) => html`
  <${Card} title="Runs and delivery" hint="the latest first">
    <${DataTable} label="Runs and delivery" rows=${runs} keyOf=${(row) => row.id} empty="Nothing has been made yet: run a job now, or give it a schedule." columns=${[
      { title: "Due", of: (row) => row.due, show: (row) => stamp(new Date(row.due), false) }, { title: "Job", of: (row) => row.job }, { title: "Period", of: (row) => row.period }, { title: "State", of: (row) => row.state, show: (row) => html`<${State} word=${row.state} />` },
      { title: "Steps", of: (row) => row.steps.map((step) => `${step.step}: ${step.state}${step.detail ? ` (${step.detail})` : ""}`).join("; ") || null }, { title: "To", of: (row) => row.channels.join(", ") || null },
      { title: "Attempts", right: true, of: (row) => row.attempts }, { title: "By", of: (row) => row.by }, { title: "Note", of: (row) => row.note || null },
    ]} />
  <//>`;
