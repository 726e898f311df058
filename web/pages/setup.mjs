// Setup: how to connect an application, and whether it worked. Refuses to be green before a call came.
import { html } from "../html.mjs";
import { ago, clock, count } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { useAnswer } from "../state/answers.mjs";
import { Snippet } from "../parts/copy.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";
import { others, seenBy, snippets } from "../parts/snippets.mjs";
import { Tabs } from "../parts/tabs.mjs";

/** Someone waits in front of this page for the tick. */
const REFRESH_MS = 1_000;

const DOORS = [
  { name: "gateway", title: "Gateway", hint: "calls sent to this address" },
  { name: "otlp", title: "OpenTelemetry", hint: "spans sent by an exporter" },
  { name: "import", title: "Import", hint: "flowgauge import FILE" },
];

/** The page. */
export function Setup() {
  const { data, error } = useAnswer("/api/v1/status", REFRESH_MS);
  const seen = data?.first_call_by_door ?? {};
  const any = DOORS.some((door) => isSeen(seen[door.name]));
  const told = useAnswer("/api/v1/clients", REFRESH_MS);
  const all = snippets(location.origin);
  const tabs = all.map((one) => tabOf(one, told.data));
  return html`
    <div class="page-head"><h1>Setup</h1><span class="muted">one address is the whole integration</span></div>
    <${Failure} error=${error ?? told.error} />
    <div class=${`verdict verdict-${any ? "good" : "muted"}`} data-connected=${any}>
      <p role="status"><${Icon} name=${any ? "good" : "wait"} />${any ? "Connected: calls are arriving." : "Waiting for the first call. Paste one of these into your application."}</p>
    </div>
    <section class="card"><${Tabs} label="Ways to connect" tabs=${tabs} />${told.data !== null && html`<${Others} some=${others(all, told.data.clients)} since=${told.data.since} />`}</section>
    <ul class="doors">${DOORS.map((door) => html`<${Door} key=${door.name} door=${door} seen=${isSeen(seen[door.name])} />`)}</ul>
    ${any && html`<p><a href=${pageLink("/requests")}>See the calls</a> or <a href=${pageLink("/overview")}>the overview</a>.</p>`}
    ${data !== null && html`<${Facts} status=${data} />`}`;
}

/** A snippet with its own state. */
function tabOf({ title, code, families, alike }, told) {
  const client = told === null ? null : seenBy(families, told.clients);
  const seen = client !== null;
  const mark = html`<span class=${seen ? "tone-good" : "tone-muted"} data-snippet=${title} data-seen=${seen}><${Icon} name=${seen ? "good" : "wait"} /><span class="visually-hidden">${seen ? "seen: " : "waiting: "}</span></span>`;
  const body = html`<div key=${title}>
    <p><span class=${seen ? "status tone-good" : "status tone-muted"} data-state><${Icon} name=${seen ? "good" : "wait"} />${seen ? `seen at ${clock(new Date(client.last_seen))} (${named(client)})` : told === null ? "not known yet" : "waiting"}</span> ${seen && html`<span class="muted">${calls(client.calls)}</span>`}</p>
    ${alike !== null && html`<p class="muted">${alike}</p>`}
    <${Snippet} label=${`${title} snippet`} code=${code} /></div>`;
  return { title, body, mark };
}

const named = (client) => (client.version === null ? client.title : `${client.title} ${client.version}`);
const calls = (n) => (n === 1 ? "1 call" : `${count(n)} calls`);

/** Who came besides, and since when anybody is counted. */
const Others = ({ some, since }) => html`
  <p class="muted" data-others>${some.length > 0 && `Also seen: ${some.map((one) => `${named(one)} at ${clock(new Date(one.last_seen))}, ${calls(one.calls)}`).join("; ")}. `}Clients are known by their User-Agent, since flowgauge started (${ago(new Date(since), Date.now())}).</p>`;

const isSeen = (value) => value !== null && value !== undefined && value !== false;

function Door({ door, seen }) {
  return html`
    <li class="card door" data-door=${door.name} data-seen=${seen}>
      <span class=${seen ? "door-mark tone-good" : "door-mark tone-muted"}><${Icon} name=${seen ? "good" : "wait"} /></span>
      <span><b>${door.title}</b> <span class="muted">${door.hint}</span></span>
      <span class=${seen ? "status tone-good" : "status tone-muted"}>${seen ? "receiving" : "nothing yet"}</span>
    </li>`;
}

function Facts({ status }) {
  const record = status.record ?? {};
  const facts = [
    ["Listens on", status.listen], ["OTLP over HTTP", status.otlp_http], ["OTLP over gRPC", status.otlp_grpc],
    ["Data in", status.data_dir], ["Version", status.version], ["Started", started(status.started)],
    ["Calls stored", count(record.stored)], ["Duplicates dropped", count(record.duplicates)], ["Calls lost", count(record.lost)],
    ["Recording", record.degraded === true ? "degraded: calls pass, their records may be lost" : "in order"],
  ];
  return html`
    <section class="card">
      <h2>This server</h2>
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd class="number">${value ?? "not open"}</dd></div>`)}</dl>
      <p class="muted">Prompts and answers are not stored. Every optimisation is off until you switch one on. <a href="/assets/third-party-licenses.txt" target="_blank" rel="noopener">Licences of others</a></p>
    </section>`;
}

function started(text) {
  if (text === null || text === undefined) return null;
  const date = new Date(typeof text === "number" ? text / 1000 : text);
  return ago(date, Date.now());
}
