// Regressions: what got worse against a baseline, by how much, how sure, since when; and what was
// changed before it. Refuses a verdict without its interval, its n and its corrected p.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { NONE, count, inUnit, stamp } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { send, useAnswer } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { changeLine, changesIn, useChanges } from "../state/changes.mjs";
import { ActDialog } from "../parts/act-dialog.mjs";
import { Chart } from "../parts/chart.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";
import { TableTwin } from "../parts/table-twin.mjs";

/** The detector hears hours; checks are asked for by hand or by a schedule. */
const EVERY_MS = 30_000;
const METRICS = { latency_regression: ["P95 latency", "latency_p95", "ms"], token_regression: ["Tokens per request", "token_count", "tokens"], cost_regression: ["Cost per request", "cost", "usd"], quality_regression: ["Quality", "quality_score", "percent"] };
const SERIES = Object.fromEntries(Object.values(METRICS).map(([title, series]) => [series, title]));
const VERDICTS = { regressed: ["regressed", "critical", "critical"], ok: ["no regression", "good", "good"], no_regression: ["no regression", "good", "good"], improved: ["improved", "good", "good"], insufficient_data: ["too little data", "muted", "none"], inconclusive: ["not decided", "muted", "none"] };
/** Days one looks at a regression's course. */
const COURSE_DAYS = 7;
const wanted = signal(null);

/** The page. */
export function Regressions() {
  const [again, setAgain] = useState(0);
  const checks = useAnswer(`/api/v1/regressions?limit=20#${again}`, null);
  const watch = useAnswer("/api/v1/regressions/watch", EVERY_MS);
  const baselines = useAnswer(`/api/v1/baselines#${again}`, EVERY_MS);
  const refreshed = () => setAgain((n) => n + 1);
  const promoted = baselines.data?.find((one) => one.standing === "promoted") ?? null;
  return html`
    <div class="page-head"><h1>Regressions</h1><span class="muted">against what is usual, with effect, interval and corrected p</span></div>
    <${Failure} error=${checks.error ?? watch.error ?? baselines.error} />
    ${baselines.data !== null && promoted === null && html`<${NoBaseline} candidates=${baselines.data} done=${refreshed} />`}
    ${promoted !== null && html`<${Latest} checks=${checks.data ?? []} done=${refreshed} />`}
    ${promoted !== null && html`<${Overlay} />`}
    ${watch.data !== null && html`<${Watch} watch=${watch.data} />`}
    ${checks.data !== null && checks.data.length > 0 && html`<${Earlier} checks=${checks.data} />`}
    ${baselines.data !== null && html`<${Baselines} all=${baselines.data} done=${refreshed} />`}
    <${ActDialog} id="baseline-title" what=${wanted.value} close=${() => (wanted.value = null)} />`;
}

const proposal = (done) => ({
  title: "Propose a baseline", doer: "Propose", url: "/api/v1/baselines", hint: "Learns from the last four weeks, without stretches in which an alert was open. It is a candidate until it is promoted.",
  body: (why, by) => ({ by, why }), done,
});
const change = (name, word, done) => ({
  title: `${word[0].toUpperCase()}${word.slice(1)} ${name}`, doer: word[0].toUpperCase() + word.slice(1), url: `/api/v1/baselines/${encodeURIComponent(name)}`,
  hint: word === "promote" ? "From now on this is what is usual. Refused while an alert or a regression is open, so that bad times never become usual." : "A pinned baseline stays until it is unpinned.",
  body: (why, by) => ({ change: word, by, why }), done,
});

function NoBaseline({ candidates, done }) {
  const candidate = candidates.find((one) => one.standing === "candidate");
  return html`
    <section class="empty" data-empty>
      <h2>${candidate === undefined ? "No baseline yet" : "A baseline waits to be promoted"}</h2>
      <p>A regression is a difference from what was usual; that is learned from days without alerts. ${candidate === undefined ? "" : `${candidate.name} was learned from ${count(candidate.whole.requests)} requests.`}</p>
      <p>${!may("operator") ? "A key that may operate is needed for it." : candidate === undefined ? html`<button type="button" class="primary" onClick=${() => (wanted.value = proposal(done))}>Propose one…</button>` : html`<button type="button" class="primary" onClick=${() => (wanted.value = change(candidate.name, "promote", done))}>Promote ${candidate.name}…</button>`}</p>
    </section>`;
}

function Latest({ checks, done }) {
  const [own, setOwn] = useState(null);
  const [failed, setFailed] = useState(null);
  const [busy, setBusy] = useState(false);
  const check = async () => {
    setBusy(true);
    const { data, problem } = await send("POST", "/api/v1/regressions", { alert: false });
    setBusy(false);
    setOwn(data);
    setFailed(problem);
    done();
  };
  const shown = own ?? checks[0] ?? null;
  const [tone, icon] = shown === null ? ["muted", "none"] : shown.regressed ? ["critical", "critical"] : shown.lacks_data ? ["muted", "none"] : ["good", "good"];
  return html`
    <div class=${`verdict verdict-${tone}`} data-regressed=${shown?.regressed ?? null}><p role="status"><${Icon} name=${icon} /><span class="break">${shown === null ? "No check has run yet." : shown.verdict}</span></p></div>
    <p class="alert-actions">${may("operator") && html`<button type="button" disabled=${busy} onClick=${check}>${busy ? "Comparing…" : "Compare the last 7 days now"}</button>`}${shown !== null && html`<span class="muted">${own === null ? "last check" : "just compared, not kept"}: ${stamp(new Date(shown.from), false)} – ${stamp(new Date(shown.to), false)} against ${shown.against}</span>`}</p>
    <${Failure} error=${failed} />
    ${shown !== null && html`<${Found} check=${shown} />`}`;
}

function Found({ check }) {
  const rows = Object.entries(METRICS).filter(([name]) => check.report[name] !== undefined).map(([name, [title]]) => ({ title, ...check.report[name] }));
  const near = changesIn(useChanges(), [Date.parse(check.from) / 1000, Date.parse(check.to) / 1000]);
  return html`
    <${Card} title="What was compared" hint="effect relative to the baseline; p corrected for how many were tested (Holm)">
      <${DataTable} label="What was compared" rows=${rows} columns=${[
        { title: "Metric", of: (row) => row.title }, { title: "Verdict", of: (row) => row.verdict, show: (row) => html`<${Verdict} word=${row.verdict} />` },
        { title: "Effect", right: true, of: (row) => row.effect, show: (row) => relative(row.effect) }, { title: "Interval", right: true, of: (row) => row.ci_low, show: (row) => (row.ci_low === null ? NONE : `${relative(row.ci_low)} to ${relative(row.ci_high)}`), definition: "Where the true effect lies with the confidence asked for" },
        { title: "p corrected", right: true, of: (row) => row.q_value, show: (row) => (row.q_value === null ? NONE : row.q_value < 0.001 ? "<0.001" : row.q_value.toFixed(3)) },
        { title: "Points now", right: true, of: (row) => row.n_current, show: (row) => count(row.n_current) }, { title: "Points before", right: true, of: (row) => row.n_baseline, show: (row) => count(row.n_baseline) },
        { title: "Could be seen", right: true, of: (row) => row.mde, show: (row) => relative(row.mde), definition: "The smallest effect this comparison would find" },
        { title: "Why", of: (row) => row.reason ?? row.caveat },
      ]} />
      ${check.regressed && html`<p><b>Changes in this time:</b> ${near.length === 0 ? "none; the cause lies outside." : ""}</p><ul class="moved">${near.slice(0, 8).map((one) => html`<li key=${one.at + one.text} class="break">${changeLine(one)}</li>`)}</ul><p><a class="button" href=${pageLink("/control")}>Roll back…</a></p>`}
    <//>`;
}

function Verdict({ word }) {
  const [text, tone, icon] = VERDICTS[word] ?? [String(word).replaceAll("_", " "), "muted", "none"];
  return html`<span class=${`status tone-${tone}`}><${Icon} name=${icon} />${text}</span>`;
}

const relative = (value) => (value === null || value === undefined ? NONE : `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(100 * value).toFixed(1)} %`);

/** The last days and the baseline's level, metric by metric. */
function Overlay() {
  const course = useAnswer(`/api/v1/regressions/period?days=${COURSE_DAYS}`, EVERY_MS);
  const baseline = useAnswer("/api/v1/baselines/promoted");
  if (course.data === null || baseline.data === null) return html`<${Failure} error=${course.error ?? baseline.error} />`;
  const level = baseline.data.whole;
  const levels = { latency_p95: level.latency_p95, token_count: level.tokens, cost: level.cost, quality_score: level.quality };
  return html`<div class="columns">${Object.values(METRICS).map(([title, series, unit]) => html`<${Course} key=${series} title=${title} unit=${unit} series=${series} told=${course.data} values=${course.data[series]} level=${levels[series]} old=${baseline.data.period?.[series]} />`)}</div>`;
}

function Course({ title, unit, told, series: name, values, level, old }) {
  if (!Array.isArray(values) || values.length === 0) return html`<${Card} title=${title}><p class="muted">No hour with enough calls in the last ${COURSE_DAYS} days.</p><//>`;
  const times = timesOf(told, name);
  const cell = (value, i) => ({ value: value ?? null, n: told.counts?.[name]?.[i] ?? null, unknown: value === null ? "too_few" : null });
  const series = [{ label: `last ${COURSE_DAYS} days`, cells: values.map(cell) }];
  if (level !== null && level !== undefined) series.push({ label: "baseline", colour: 1, dash: [10, 4], cells: values.map(() => ({ value: level, n: whole(old), unknown: null })) });
  const text = (value) => inUnit(value, unit);
  return html`
    <${Card} title=${title} hint=${`one point an hour${Array.isArray(old) ? `; baseline of ${count(old.length)} points` : ""}`}>
      <${Chart} label=${`${title} against the baseline`} times=${times} series=${series} text=${text} window=${[times[0], times.at(-1) + 1]} height=${170} />
      <${TableTwin} caption=${`${title} against the baseline`} head=${["Time", ...series.map((one) => one.label)]} rows=${times.map((at, i) => [stamp(new Date(at * 1000), false), ...series.map(({ cells }) => (cells[i].value === null ? "–" : text(cells[i].value)))]).reverse()} />
    <//>`;
}

const whole = (old) => (Array.isArray(old) ? old.length : null);

/** Unix seconds of the values. */
const timesOf = (told, name) => told.timestamps[name].map((at) => (typeof at === "string" ? Date.parse(at) / 1000 : at > 1e12 ? at / 1e6 : at));

function Watch({ watch }) {
  const rows = watch.metrics.flatMap((one) => (one.alarms.length === 0 ? [{ ...one, alarm: null }] : one.alarms.map((alarm) => ({ ...one, alarm }))));
  return html`
    <${Card} title="Heard by the hour" hint=${watch.budget ?? "the online detector is off"}>
      <${DataTable} label="Heard by the hour" rows=${rows} columns=${[
        { title: "Metric", of: (row) => SERIES[row.metric] ?? row.metric },
        { title: "Now", of: (row) => (row.learning ? "learning" : row.regressed ? "regressed" : "as usual"), show: (row) => html`<${Verdict} word=${row.learning ? "learning what is usual" : row.regressed ? "regressed" : "ok"} />` },
        { title: "Hours heard", right: true, of: (row) => row.hours, show: (row) => count(row.hours) }, { title: "Last 6 h against a week before", right: true, of: (row) => row.effect, show: (row) => relative(row.effect) },
        { title: "Alarm since", of: (row) => row.alarm?.hour, show: (row) => (row.alarm === null ? NONE : stamp(new Date(row.alarm.hour), false)) }, { title: "Stage", of: (row) => row.alarm?.stage },
        { title: "Evidence / needed", right: true, of: (row) => row.alarm?.evidence, show: (row) => (row.alarm === null ? NONE : `${row.alarm.evidence.toFixed(1)} / ${row.alarm.needed.toFixed(1)}`) },
      ]} />
    <//>`;
}

const Earlier = ({ checks }) => html`
  <${Card} title="Earlier checks">
    <${DataTable} label="Earlier checks" rows=${checks} columns=${[
      { title: "At", of: (row) => row.at, show: (row) => stamp(new Date(row.at), false) }, { title: "Against", of: (row) => row.against }, { title: "Found", of: (row) => row.verdict },
      { title: "Confirmed", of: (row) => row.confirmed.map((name) => SERIES[name] ?? name).join(", ") || null }, { title: "Once more", of: (row) => row.waiting.map((name) => SERIES[name] ?? name).join(", ") || null, definition: "One more check that agrees raises an alert" },
    ]} />
  <//>`;

function Baselines({ all, done }) {
  const can = { candidate: "promote", retired: "promote", promoted: null };
  return html`
    <${Card} title="Baselines" tools=${may("operator") && html`<button type="button" onClick=${() => (wanted.value = proposal(done))}>Propose…</button>`}>
      <${DataTable} label="Baselines" rows=${all} empty="None yet." columns=${[
        { title: "Name", of: (row) => row.name }, { title: "Standing", of: (row) => row.standing + (row.pinned ? ", pinned" : "") }, { title: "Learned from", of: (row) => row.from, show: (row) => row.file ?? `${stamp(new Date(row.from), false)} – ${stamp(new Date(row.to), false)}` },
        { title: "Requests", right: true, of: (row) => row.whole.requests, show: (row) => count(row.whole.requests) }, { title: "P95", right: true, of: (row) => row.whole.latency_p95, show: (row) => inUnit(row.whole.latency_p95, "ms") },
        { title: "Tokens", right: true, of: (row) => row.whole.tokens, show: (row) => inUnit(row.whole.tokens, "tokens") }, { title: "Cost", right: true, of: (row) => row.whole.cost, show: (row) => inUnit(row.whole.cost, "usd") }, { title: "Quality", right: true, of: (row) => row.whole.quality, show: (row) => (row.whole.quality === null ? NONE : inUnit(row.whole.quality, "percent")) },
        { title: "Made by", of: (row) => row.made_by },
        { title: "", name: "Change", of: () => null, show: (row) => may("operator") && can[row.standing] && html`<button type="button" onClick=${() => (wanted.value = change(row.name, can[row.standing], done))}>Accept as new baseline…<span class="visually-hidden">: ${row.name}</span></button>` },
      ]} />
    <//>`;
}
