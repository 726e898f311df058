// Quality: what evaluators and users think of the answers, by intent and over time. Refuses to mix
// evaluators: each figure names its own, and none without its n.
import { html } from "../html.mjs";
import { NONE, count, interval, percent, points, samples, stamp } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { rowsOf, useAnswer } from "../state/answers.mjs";
import { filters, refresh, windowQuery } from "../state/window.mjs";
import { Breakdown } from "../parts/breakdown.mjs";
import { Snippet } from "../parts/copy.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Diagnosis, Sheet } from "../parts/diagnosis.mjs";
import { Figures, useFigures } from "../parts/figures.mjs";
import { Failure } from "../parts/note.mjs";
import { SeriesChart, targetOf } from "../parts/series-chart.mjs";
import { Tabs } from "../parts/tabs.mjs";

const FIGURES = [
  { name: "quality_score", label: "Quality" }, { name: "quality_regression", label: "Fall against the baseline" }, { name: "user_satisfaction", label: "User satisfaction" },
  { name: "satisfied_users", label: "Ratings of 4 and 5" }, { name: "cost_per_quality_unit", label: "Cost per quality unit" },
];
const COLUMNS = [
  { name: "quality_score", label: "Quality", unit: "percent" }, { name: "user_satisfaction", label: "Satisfaction", unit: "rating" }, { name: "satisfied_users", label: "4 and 5", unit: "percent" }, { name: "request_count", label: "Requests", unit: "count" },
];
/** Scores looked through for the worst: a page of the API. */
const SCORES = 200;
const WORST = 10;

/** The page. */
export function Quality() {
  const figures = useFigures(FIGURES);
  const scored = (figures.kpis.get("quality_score")?.n ?? 0) > 0 || (figures.kpis.get("user_satisfaction")?.n ?? 0) > 0;
  return html`
    <div class="page-head"><h1>Quality</h1><span class="muted">0–100 by evaluators, 1–5 by users</span></div>
    <${Failure} error=${figures.error} />
    <${Figures} label="Quality in this window" names=${FIGURES} figures=${figures} />
    ${figures.loaded && !scored && html`<${HowToSend} />`}
    <${SeriesChart} title="Quality over time" unit="percent" target=${targetOf(figures.kpis.get("quality_score"), "quality")} lines=${[{ name: "quality_score", label: "quality", baseline: figures.baseline?.whole.quality }]} />
    <${Breakdown} dim="intent" title="By intent" columns=${COLUMNS} />
    <${Breakdown} dim="model" title="By model" columns=${COLUMNS} />
    <${Trends} />
    <${Feedback} />
    <${Worst} />
    <${Agreement} />
    <${Covered} />
    <${Online} />`;
}

function HowToSend() {
  const curl = `curl -X POST ${location.origin}/api/v1/scores -H 'content-type: application/json' \\\n  -d '{"request_id": "REQUEST_ID", "evaluator": "mine", "evaluator_version": "1", "score": 0.9}'`;
  const rating = `curl -X POST ${location.origin}/api/v1/feedback -H 'content-type: application/json' \\\n  -d '{"request_id": "REQUEST_ID", "rating": 5}'`;
  const event = "span.add_event('gen_ai.evaluation.result', {\n  'gen_ai.evaluation.name': 'mine', 'gen_ai.evaluation.score.value': 0.9})";
  const tabs = [["Evaluation", curl], ["Rating of a user", rating], ["OpenTelemetry event", event]].map(([title, code]) => ({ title, body: html`<${Snippet} key=${title} label=${title} code=${code} />` }));
  return html`<section class="card" data-empty><h2>No answer was scored in this window</h2><p class="muted">Send what you know, or let flowgauge score a share of the answers. <a href="/api/v1/openapi.yaml" target="_blank" rel="noopener">All fields</a></p><${Tabs} label="Ways to send scores" tabs=${tabs} /></section>`;
}

function Trends() {
  const { data, error } = useAnswer(`/api/v1/diagnoses/quality_trends?${windowQuery()}`, refresh());
  const fall = useAnswer(`/api/v1/diagnoses/quality_regress?${windowQuery()}`, refresh());
  return html`
    <h2 class="part-title">What moved</h2>
    <${Failure} error=${error ?? fall.error} />
    ${data !== null && html`<${Diagnosis} told=${data} />`}
    ${fall.data !== null && fall.data.sentence !== data?.sentence && html`<${Diagnosis} told=${fall.data} />`}
    ${data !== null && html`<${Sheet} told=${data} title="against before" label="By intent against before" hint="fall in percent with its interval; p corrected for how many were tested" empty="No intent has enough evaluations by one evaluator in both times." />`}`;
}

const STARS = ["1", "2", "3", "4", "5"];

function Feedback() {
  const { data, error } = useAnswer(`/api/v1/feedback?${windowQuery()}`, refresh());
  const rows = data === null ? [] : [{ ...data.whole, key: ["all"] }, ...data.groups].filter((row) => row.n > 0);
  return html`
    <${Card} title="What users say" hint="ratings of 1 to 5; thumbs count as 1 and 5">
      <${Failure} error=${error} />
      ${data !== null && html`<${DataTable} label="Ratings of users" rows=${rows} empty="No user rated an answer in this window." columns=${[
        { title: "Intent", of: (row) => row.key[0], show: (row) => row.key[0] || html`<span class="muted">not reported</span>` },
        { title: "Mean", right: true, of: (row) => row.mean, show: (row) => html`${row.mean === null ? NONE : row.mean.toFixed(2)} <small class="muted">${samples(row.n)}</small>` },
        { title: "4 and 5", right: true, of: (row) => row.satisfied, show: (row) => (row.satisfied === null ? NONE : percent(100 * row.satisfied)) },
        ...STARS.map((star, i) => ({ title: star, right: true, of: (row) => row.ratings[i], show: (row) => count(row.ratings[i]) })),
        { title: "Thumbs", right: true, of: (row) => row.thumbs },
      ]} />`}
    <//>`;
}

function Worst() {
  const query = new URLSearchParams(windowQuery({ limit: String(SCORES) }));
  query.delete("where");
  const { data, error } = useAnswer(`/api/v1/scores?${query}`, refresh());
  const rows = rowsOf(data).filter((one) => one.quality !== null || one.rating !== null).sort((a, b) => goodness(a) - goodness(b)).slice(0, WORST);
  return html`
    <${Card} title="Worst answers" hint=${`of the ${count(rowsOf(data).length)} latest scores${filters().length > 0 ? ", all filters aside" : ""}; choose one for its waterfall`}>
      <${Failure} error=${error} />
      ${data !== null && html`<${DataTable} label="Worst answers" rows=${rows} empty="No score in this window." columns=${[
        { title: "Scored", of: (row) => row.time, show: (row) => (row.call_id ? html`<a href=${pageLink(`/requests/${encodeURIComponent(row.call_id)}`)}>${stamp(new Date(row.time))}</a>` : stamp(new Date(row.time))) },
        { title: "Quality", right: true, of: (row) => row.quality, show: (row) => (row.quality === null ? NONE : row.quality.toFixed(1)) },
        { title: "Rating", right: true, of: (row) => row.rating, show: (row) => row.rating ?? NONE },
        { title: "By", of: (row) => `${row.evaluator ?? ""} ${row.evaluator_version ?? ""}`.trim() || row.annotator },
        { title: "Label", of: (row) => row.label ?? row.category }, { title: "Why", of: (row) => row.explanation },
      ]} />`}
    <//>`;
}

/** Users' ratings on the scale of quality, for order only. */
const goodness = (row) => row.quality ?? (row.rating - 1) * 25;

function Agreement() {
  const { data, error } = useAnswer(`/api/v1/quality/agreement?${windowQuery()}`, refresh());
  const figure = (row, one, show) => (row.n < data.least ? html`<span class="muted">n too small</span>` : one === null ? html`<span class="muted">one of them always says the same</span>` : html`${show(one.value)} <small class="muted">${interval(one.low, one.high, show)}</small>`);
  return html`
    <${Card} title="Whether evaluators agree" hint=${`calls that two of them scored; 95 % intervals; nothing is said of fewer than ${data?.least ?? NONE}`}>
      <${Failure} error=${error} />
      ${data !== null && html`<${DataTable} label="Whether evaluators agree" rows=${data.pairs} empty=${apartWords(data)} columns=${[
        { title: "Evaluator", of: (row) => row.first }, { title: "Beside", of: (row) => row.second },
        { title: "Calls of both", right: true, of: (row) => row.n, show: (row) => count(row.n) },
        { title: "Lies apart by", definition: "mean of the second less the first, points of 0 to 100", right: true, of: (row) => row.difference?.value ?? null, show: (row) => figure(row, row.difference, points) },
        { title: "Order alike", definition: "Spearman's rank correlation: 1 where both order the calls alike, 0 where one says nothing of the other", right: true, of: (row) => row.rank?.value ?? null, show: (row) => figure(row, row.rank, (value) => value.toFixed(2)) },
      ]} />`}
      ${data !== null && data.pairs.length > 0 && (!data.all || data.left_out > 0) && html`<p class="muted">${[data.all ? "" : `From the ${count(data.read)} latest scores of this window.`, data.left_out > 0 ? `Evaluators with fewer scores, left out: ${count(data.left_out)}.` : ""].join(" ").trim()}</p>`}
    <//>`;
}

/** Why no two evaluators can be held against each other. */
function apartWords(data) {
  if (data.evaluators.length === 0) return "No evaluator scored calls in this window.";
  if (data.evaluators.length === 1) return `Only one evaluator scored calls here: ${`${data.evaluators[0].evaluator} ${data.evaluators[0].version}`.trim()}.`;
  return `${count(data.evaluators.length + data.left_out)} evaluators scored calls here, but none that another scored too.`;
}

function Covered() {
  const query = new URLSearchParams(windowQuery());
  query.delete("where");
  const { data, error } = useAnswer(`/api/v1/quality/coverage?${query}`, refresh());
  const rows = (data?.evaluators ?? []).flatMap((by) => by.intents.map((one) => ({ ...one, by })));
  return html`
    <${Card} title="How much is scored" hint="by evaluator and intent; far apart shares make the whole no picture of the traffic">
      <${Failure} error=${error} />
      ${data !== null && html`<${DataTable} label="How much is scored" rows=${rows} empty=${`None of ${count(data.calls)} calls in this window was evaluated.`} columns=${[
        { title: "Evaluator", of: (row) => `${row.by.evaluator} ${row.by.version}` }, { title: "Intent", of: (row) => row.intent },
        { title: "Calls", right: true, of: (row) => row.calls, show: (row) => count(row.calls) }, { title: "Scored", right: true, of: (row) => row.scored, show: (row) => count(row.scored) },
        { title: "Share", right: true, of: (row) => row.share, show: (row) => percent(100 * row.share) },
        { title: "Of the calls", right: true, of: (row) => row.of_calls, show: (row) => percent(100 * row.of_calls) }, { title: "Of the scored", right: true, of: (row) => row.of_scored, show: (row) => percent(100 * row.of_scored) },
      ]} />`}
    <//>`;
}

function Online() {
  const { data, error } = useAnswer("/api/v1/quality/status", refresh());
  if (data === null) return html`<${Failure} error=${error} />`;
  if (!data.on) return html`<${Card} title="Scoring by flowgauge"><p class="muted">Off. With <code>quality.online</code> in the configuration a share of the answers is scored as they pass; nothing of them is kept.</p><//>`;
  return html`
    <${Card} title="Scoring by flowgauge" hint=${`${data.evaluators.join(", ")}; ${count(data.waiting)} answers wait`}>
      <${DataTable} label="Scoring by flowgauge" rows=${data.intents} columns=${[
        { title: "Intent", of: (row) => row.intent }, { title: "Share asked for", right: true, of: (row) => row.rate, show: (row) => percent(100 * row.rate) },
        ...["seen", "sampled", "scored", "unanswered", "over_cap", "dropped", "judged", "judge_failed"].map((name) => ({ title: name.replaceAll("_", " "), right: true, of: (row) => row.counts[name], show: (row) => count(row.counts[name]) })),
      ]} />
    <//>`;
}
