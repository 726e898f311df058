// Timeline: alerts, changes, rollbacks, deployments, incidents, baselines and notes on one line, and what one
// writes after an incident. Refuses to tell causes: it tells the order.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { kpiText, samples, stamp } from "../format.mjs";
import { go, pageLink, params, withParams } from "../state/address.mjs";
import { rowsOf, useAnswer } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { lookAgain, useChanges } from "../state/changes.mjs";
import { fileName, hand } from "../state/files.mjs";
import { chosen, refresh, windowQuery, zoom } from "../state/window.mjs";
import { lengthText } from "../alerts.mjs";
import { ActDialog } from "../parts/act-dialog.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { useFigures } from "../parts/figures.mjs";
import { Icon } from "../parts/icon.mjs";
import { localInput } from "../parts/time-picker.mjs";
import { Failure } from "../parts/note.mjs";

const KINDS = {
  alert: { title: "Alerts", icon: "warning", tone: "warning" }, incident: { title: "Incidents", icon: "critical", tone: "critical" }, setting: { title: "Settings", icon: "wait", tone: "info" },
  rollback: { title: "Rollbacks", icon: "back", tone: "critical" }, deployment: { title: "Deployments", icon: "off", tone: "info" }, prices: { title: "Prices", icon: "table", tone: "muted" },
  rules: { title: "Rules", icon: "table", tone: "muted" }, program: { title: "flowgauge", icon: "none", tone: "muted" }, baseline: { title: "Baselines", icon: "good", tone: "muted" },
  note: { title: "Notes", icon: "note", tone: "info" },
};
const EPISODES = 100;
const wanted = signal(null);

/** The page. */
export function Timeline() {
  const [again, setAgain] = useState(0);
  const changes = useChanges();
  const filterless = windowQuery({ limit: String(EPISODES) }).replace(/&where=[^&]*/g, "");
  const episodes = useAnswer(`/api/v1/alerts/episodes?${filterless}`, refresh());
  const incidents = useAnswer(`/api/v1/incidents#${again}`, refresh());
  const baselines = useAnswer("/api/v1/baselines/history?limit=100", refresh());
  const figures = useFigures(TOLD);
  const span = figures.window === null ? guessed() : [figures.window.from / 1e6, figures.window.to / 1e6];
  const all = [...changes.map(ofChange), ...rowsOf(episodes.data).map(ofEpisode), ...(incidents.data ?? []).map(ofIncident), ...(baselines.data ?? []).map(ofBaseline)];
  const hidden = params.value.getAll("hide");
  const inside = all.filter((one) => one.at < span[1] && (one.end ?? one.at) >= span[0]).sort((a, b) => b.at - a.at);
  const shown = inside.filter((one) => !hidden.includes(one.kind));
  return html`
    <div class="page-head"><h1>Timeline</h1><span class="muted">what happened, in its order; filters do not apply here</span>
      <span class="page-tools alert-actions">${may("operator") && html`<button type="button" onClick=${() => (wanted.value = NOTE)}>Add a note…</button>
      <button type="button" onClick=${() => (wanted.value = incident(() => setAgain((n) => n + 1)))}>Open an incident…</button>`}
      <button type="button" onClick=${() => hand(fileName(`incident ${stamp(new Date(span[0] * 1000), false)}`, "md"), "text/markdown", markdown(shown, span, figures))}>Export (Markdown)</button></span>
    </div>
    <${Failure} error=${episodes.error ?? incidents.error ?? baselines.error} />
    <${Kinds} inside=${inside} hidden=${hidden} />
    <${Line} events=${shown} span=${span} />
    <${Card} title="Events" hint="the latest first">
      <${DataTable} label="Events" stacked=${true} rows=${shown} empty="Nothing happened in this window: no alert, no change, no deployment. Choose a longer one." keyOf=${(row) => row.kind + row.at + row.text} columns=${[
        { title: "Time", of: (row) => new Date(row.at * 1000).toISOString(), show: (row) => stamp(new Date(row.at * 1000)) },
        { title: "Kind", of: (row) => row.kind, show: (row) => html`<${Kind} kind=${row.kind} />` },
        { title: "What", of: (row) => row.text, show: (row) => (row.href ? html`<a href=${row.href}>${row.text}</a>` : row.text) },
        { title: "Lasted", of: (row) => row.lasted ?? null }, { title: "By", of: (row) => row.by ?? null }, { title: "Why", of: (row) => row.why ?? null },
      ]} />
    <//>
    ${incidents.data !== null && incidents.data.length > 0 && html`<${Incidents} all=${incidents.data} done=${() => setAgain((n) => n + 1)} />`}
    <${ActDialog} id="incident-title" what=${wanted.value} close=${() => (wanted.value = null)}>
      ${wanted.value === NOTE && html`<label>When<input type="datetime-local" name="at" aria-describedby="note-when" max=${localInput(null, 0)} /></label><p class="muted" id="note-when">Left empty, it is about now.</p>`}
      ${wanted.value?.opens && html`<label>How bad<select name="severity"><option value="medium">medium: watch closer</option><option value="high">high: safer limits</option><option value="critical">critical: everything off</option></select></label>
        <label class="check"><input type="checkbox" name="respond" /> also switch what the severity asks for</label>`}
    <//>`;
}

function guessed() {
  const window = chosen();
  const to = window.to === null ? Date.now() : Date.parse(window.to);
  return [(to - window.minutes * 60_000) / 1000, to / 1000];
}

const seconds = (text) => Date.parse(text) / 1000;
const isRollback = (change) => /kill|rollback/i.test(`${change.text} ${change.reason ?? ""}`);
const ofChange = (one) => ({ kind: one.kind === "setting" && isRollback(one) ? "rollback" : one.kind, at: one.at, text: one.id === null ? one.text : `change ${one.id}: ${one.text}`, by: one.by, why: one.reason, href: one.id === null ? null : pageLink("/control") });
const ofEpisode = (one) => ({
  kind: "alert", at: seconds(one.fired), end: one.ended === null ? Date.now() / 1000 : seconds(one.ended), text: `${one.rule} fired (${one.severity})${one.peak_text ? `, peak ${one.peak_text}` : ""}`,
  lasted: one.ended === null ? "still open" : lengthText(seconds(one.ended) - seconds(one.fired)), by: one.acked_by ?? null, why: one.actions?.join("; ") || null, href: pageLink(`/alerts/${encodeURIComponent(one.id)}`),
});
const ofIncident = (one) => ({ kind: "incident", at: seconds(one.opened), end: one.closed === null ? Date.now() / 1000 : seconds(one.closed), text: `incident ${one.id} (${one.severity}): ${one.note}`, lasted: one.closed === null ? "still open" : lengthText(seconds(one.closed) - seconds(one.opened)), by: one.by });
const ofBaseline = (one) => ({ kind: "baseline", at: seconds(one.at), text: `baseline ${one.name} ${one.what}`, by: one.by, why: one.why, href: pageLink("/regressions") });

const NOTE = {
  title: "Add a note", doer: "Add", url: "/api/v1/history", hint: "It stands on the timeline, as a mark on every chart over its time, and in reports. Notes stay.", asks: "What happened", most: 1000, done: lookAgain,
  body: (text, author, form) => ({ text, author, ...(form.get("at") === "" ? {} : { at: new Date(form.get("at")).toISOString() }) }),
};

const incident = (done) => ({
  opens: true, title: "Open an incident", doer: "Open", url: "/api/v1/incidents", hint: "It stands in the timeline until it is closed, and its report tells what was done.", done,
  body: (note, author, form) => ({ severity: form.get("severity"), note, author, respond: form.get("respond") !== null }),
});
const closing = (one, done) => ({ title: `Close incident ${one.id}`, doer: "Close", url: `/api/v1/incidents/${one.id}/close`, hint: "What it switched stays as it is.", body: (note, author) => ({ note, author }), done });

function Kind({ kind }) {
  const { title, icon, tone } = KINDS[kind] ?? { title: kind, icon: "none", tone: "muted" };
  return html`<span class=${`status tone-${tone}`}><${Icon} name=${icon} />${title.toLowerCase()}</span>`;
}

/** Kinds that happened, each to be hidden. */
function Kinds({ inside, hidden }) {
  const there = Object.keys(KINDS).filter((kind) => inside.some((one) => one.kind === kind));
  if (there.length === 0) return null;
  const flip = (kind) => go(withParams({ hide: hidden.includes(kind) ? hidden.filter((one) => one !== kind) : [...hidden, kind] }));
  return html`
    <div class="alert-actions" role="group" aria-label="Kinds shown">${there.map((kind) => html`
      <button type="button" key=${kind} aria-pressed=${!hidden.includes(kind)} class="toggle" onClick=${() => flip(kind)}><${Icon} name=${KINDS[kind].icon} />${KINDS[kind].title} <span class="muted number">${inside.filter((one) => one.kind === kind).length}</span></button>`)}</div>`;
}

const WIDTH = 1000;
const ROW = 24;

/** All of it on a line a kind. A press zooms to a quarter of the window around it. */
function Line({ events, span }) {
  const kinds = Object.keys(KINDS).filter((kind) => events.some((one) => one.kind === kind));
  if (kinds.length === 0) return null;
  const x = (at) => Math.max(0, Math.min(WIDTH, ((at - span[0]) / (span[1] - span[0])) * WIDTH));
  const near = (at) => zoom(at - (span[1] - span[0]) / 8, Math.min(Date.now() / 1000, at + (span[1] - span[0]) / 8));
  return html`
    <section class="card">
      <figure class="chart" role="figure" aria-label="Events on a line; the table below lists them">
        <div class="lanes">${kinds.map((kind) => html`
          <span key=${kind} class="lane-name">${KINDS[kind].title}</span>
          <svg key=${`${kind}-line`} class=${`lane tone-${KINDS[kind].tone}`} viewBox=${`0 0 ${WIDTH} ${ROW}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <line class="rail" x1="0" x2=${WIDTH} y1=${ROW / 2} y2=${ROW / 2} />
            ${events.filter((one) => one.kind === kind).map((one) => html`<rect key=${one.at + one.text} x=${x(one.at) - 2} y="4" width=${Math.max(4, x(one.end ?? one.at) - x(one.at))} height=${ROW - 8} onClick=${() => near(one.at)}><title>${one.text}</title></rect>`)}
          </svg>`)}
          <span></span><span class="lane-ends muted number"><span>${stamp(new Date(span[0] * 1000), false)}</span><span>${stamp(new Date(span[1] * 1000), false)}</span></span>
        </div>
      </figure>
    </section>`;
}

const Incidents = ({ all, done }) => html`
  <${Card} title="Incidents" hint="each with its report">
    <${DataTable} label="Incidents" rows=${all} columns=${[
      { title: "Incident", of: (row) => row.id }, { title: "How bad", of: (row) => row.severity }, { title: "Opened", of: (row) => row.opened, show: (row) => stamp(new Date(row.opened), false) }, { title: "By", of: (row) => row.by }, { title: "Why", of: (row) => row.note },
      { title: "Closed", of: (row) => row.closed, show: (row) => (row.closed === null ? may("operator") && html`<button type="button" onClick=${() => (wanted.value = closing(row, done))}>Close…<span class="visually-hidden"> incident ${row.id}</span></button>` : stamp(new Date(row.closed), false)) },
      { title: "Report", of: () => null, show: (row) => html`<a href=${`/api/v1/incidents/${row.id}/report`} download=${`incident-${row.id}.md`}>Markdown<span class="visually-hidden"> of incident ${row.id}</span></a>` },
    ]} />
  <//>`;

const TOLD = ["p95_latency", "error_rate", "tokens_per_request", "total_cost", "quality_score", "cache_hit_rate"];
/** Text of others inside Markdown: no table is broken, no markup begins. */
const plain = (text) => String(text ?? "").replace(/[\\`*_{}[\]<>|#]/g, "\\$&").replace(/\s+/g, " ");

/** What one writes after an incident: window, figures, what happened, and room for what a person knows. */
function markdown(events, span, figures) {
  const iso = (at) => new Date(at * 1000).toISOString().slice(0, 19).concat("Z");
  const table = TOLD.map((name) => figures.kpis.get(name)).filter((kpi) => kpi !== undefined).map((kpi) => `| ${plain(kpi.title)} | ${plain(kpiText(kpi))} (${samples(kpi.n)}) | ${plain(kpi.target ?? "–")} | ${plain(kpi.state.replaceAll("_", " "))} |`);
  const lines = [...events].reverse().map((one) => `| ${iso(one.at)} | ${one.kind} | ${plain(one.text)} | ${plain(one.lasted)} | ${plain(one.by)} | ${plain(one.why)} |`);
  return [
    `# Incident ${iso(span[0])} to ${iso(span[1])}`, "", "## Figures of the window", "", "| Metric | Value | Target | Status |", "|---|---|---|---|", ...table, "",
    "## What happened", "", "| Time (UTC) | Kind | What | Lasted | By | Why |", "|---|---|---|---|---|---|", ...lines, "",
    "## What we know", "", "- Impact:", "- Cause:", "- What helped:", "- What we change:", "", `Window: ${location.href}`, "",
  ].join("\n");
}
