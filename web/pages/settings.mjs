// Settings: what this flowgauge is told and how it fares itself. Refuses to show a secret, and to
// change anything that stands in a file: that is said beside it.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { NONE, count, ms, percent, samples, stamp, usd } from "../format.mjs";
import { pageLink } from "../state/address.mjs";
import { request, send, useAnswer } from "../state/answers.mjs";
import { hand } from "../state/files.mjs";
import { logIn, logOut, madeKey, may, session } from "../state/session.mjs";
import { byName } from "../kpi.mjs";
import { ActDialog } from "../parts/act-dialog.mjs";
import { Snippet } from "../parts/copy.mjs";
import { Card, DataTable } from "../parts/data-table.mjs";
import { Icon } from "../parts/icon.mjs";
import { Failure } from "../parts/note.mjs";

/** Health moves by the minute; what stands in files hardly ever. */
const EVERY_MS = 10_000;
/** Prices listed for a name. */
const MOST_PRICES = 25;
const wanted = signal(null);

/** The page. */
export function Settings() {
  const [again, setAgain] = useState(0);
  const done = () => setAgain((n) => n + 1);
  const status = useAnswer("/api/v1/status", EVERY_MS);
  const health = useAnswer("/api/v1/health?since=1h", EVERY_MS);
  const keys = useAnswer(may("admin") ? `/api/v1/keys#${again}` : null);
  return html`
    <div class="page-head"><h1>Settings</h1><span class="muted">what stands in files is changed there; switches are in <a href=${pageLink("/control")}>Optimisations</a></span></div>
    <${Failure} error=${status.error ?? health.error} />
    ${session.value.by === "session" && html`<${You} />`}
    ${status.data !== null && html`<${Own} status=${status.data} health=${health.data} />`}
    ${may("operator") && html`<${Providers} />`}
    <${Prices} again=${again} done=${done} />
    ${status.data !== null && html`<${Kept} status=${status.data} />`}
    <${Failure} error=${keys.error} />
    ${keys.data !== null && html`<${Keys} all=${keys.data.keys} done=${done} />`}
    <${Checks} />
    <${Texts} />
    <${Card} title="What is stored"><p>Of each call: times, counts, costs, names of models and routes, keyed hashes of users and sessions. Prompts and answers only with <code>privacy.store_content: true</code>. Provider keys are read from files or the environment, never stored and never shown.</p><//>
    <${ActDialog} id="settings-title" what=${wanted.value} close=${() => (wanted.value = null)}>${wanted.value?.fields?.map((field) => html`
      <label key=${field.name}>${field.title}${field.options === undefined ? html`<input name=${field.name} required=${field.required ?? false} maxlength="200" inputmode=${field.inputmode ?? null} placeholder=${field.placeholder ?? ""} value=${field.value ?? ""} />` : html`<select name=${field.name}>${field.options.map((one) => html`<option key=${one}>${one}</option>`)}</select>`}</label>`)}<//>`;
}

/** The key this browser is logged in with. */
const You = () => html`
  <${Card} title="You" tools=${html`<button type="button" onClick=${logOut}>Log out</button>`}>
    <p>Logged in with key <b class="break">${session.value.name}</b>, which may ${session.value.may.map((scope) => WORDS[scope]).filter((word) => word !== undefined).join(", ")}, until ${stamp(new Date(session.value.ends), false)}.</p>
  <//>`;

const WORDS = { viewer: "read", operator: "operate", admin: "administer" };
const TONES = { ok: ["good", "good"], warning: ["warning", "warning"], degraded: ["warning", "warning"], critical: ["critical", "critical"] };
const bytes = (value) => (value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`);

function Own({ status, health }) {
  const kpis = byName(health);
  const overhead = kpis.get("overhead_p99");
  const record = status.record;
  const facts = [
    ["Overhead P99, last hour", overhead === undefined || overhead.value === null ? NONE : `${ms(overhead.value)} (${samples(overhead.n)})`], ["In flight", count(status.in_flight)], ["Waiting to be stored", count(record.queued)], ["Stored since start", count(record.stored)],
    ["Lost", count(record.lost)], ["Refused", count(record.refused)], ["Duplicates dropped", count(record.duplicates)], ["Ends a crash hid", count(record.interrupted)], ["Version", status.version], ["Since", stamp(new Date(status.started), false)], ["Time zone", status.time_zone], ["Listens on", status.listen],
  ];
  return html`
    <${Card} title="Own health" hint=${record.degraded === null ? "recording in order" : `recording is degraded: ${record.degraded}`}>
      <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>
      ${health !== null && html`<${DataTable} label="Parts of flowgauge" rows=${health.components} columns=${[
        { title: "Part", of: (row) => row.name }, { title: "State", of: (row) => row.state, show: (row) => html`<span class=${`status tone-${(TONES[row.state] ?? ["muted"])[0]}`}><${Icon} name=${(TONES[row.state] ?? [, "none"])[1]} />${row.state}</span>` }, { title: "Detail", of: (row) => row.detail },
      ]} />`}
    <//>`;
}

const PROTOCOLS = { by_path: "as the request's path says", openai: "OpenAI", flowreader: "FlowReader", opaque: "measured unread" };
const KEY_STATES = {
  in_use: ["good", "good", "in use", null], changed: ["warning", "warning", "changed", "another since the start: in use from the next start on"], missing: ["critical", "critical", "missing", "the next start would be refused"],
};
const KEY_HINT = "gateway:\n  providers:\n    - {name: openai, base_url: \"https://api.openai.com/v1\", api_key: env:OPENAI_API_KEY}";

/** Where requests go. Keys are never here: only where each comes from. */
function Providers() {
  const { data, error } = useAnswer("/api/v1/providers", EVERY_MS);
  const heard = useAnswer("/api/v1/series?since=1h&kpi=request_count,error_rate&by=provider", EVERY_MS);
  const of = (name, at) => heard.data?.rows.find((row) => row.key[0] === name)?.values[at].value.value ?? null;
  return html`
    <${Card} title="Providers" hint="read only: what is here stands in the configuration">
      <${Failure} error=${error ?? heard.error} />
      ${data !== null && html`<${DataTable} label="Providers" stacked=${true} rows=${data.providers} empty="No provider is configured: requests through the gateway are refused." columns=${[
        { title: "Name", of: (row) => row.name }, { title: "Kind", of: (row) => (row.kind === "application" ? `application at ${row.prefix}` : row.kind) }, { title: "Address", of: (row) => row.base_url, show: (row) => html`<span class="mono break">${row.base_url}</span>` },
        { title: "Protocol", of: (row) => PROTOCOLS[row.protocol] ?? row.protocol }, { title: "Key", of: (row) => row.key.reference ?? row.key.from, show: (row) => html`<${KeyOf} of=${row.key} />` },
        { title: "Requests, last hour", right: true, of: (row) => of(row.name, 0), show: (row) => (of(row.name, 0) === null ? NONE : count(of(row.name, 0))) },
        { title: "Failed", right: true, of: (row) => of(row.name, 1), show: (row) => (of(row.name, 1) === null ? html`<span class="muted">not known</span>` : percent(of(row.name, 1))) },
      ]} />
      ${data.resting_models.length > 0 && html`<p class="note tone-warning"><${Icon} name="warning" /><span class="break">Failing now, so that model selection asks others: ${data.resting_models.join(", ")}</span></p>`}`}
      <p class="muted">Keys are write-only: name the variable or file that holds one in the configuration, and start flowgauge again. The key itself is read at the start and shown nowhere.</p>
      <${Snippet} label="A provider with a key" code=${KEY_HINT} />
    <//>`;
}

function KeyOf({ of }) {
  if (of.from === "caller") return html`<span class="muted">the caller's is passed on</span>`;
  const [tone, icon, word, follows] = KEY_STATES[of.state] ?? ["muted", "none", String(of.state), null];
  const more = [of.why, follows].filter((text) => text !== null).join("; ");
  return html`<div><span class="mono break">${of.reference ?? "configured"}</span> <span class=${`status tone-${tone}`}><${Icon} name=${icon} />${word}</span>${more !== "" && html` <span class="muted break">${more}</span>`}</div>`;
}

const price = (done) => ({
  title: "Set a price", doer: "Set", method: "PUT", url: "/api/v1/prices", done, hint: "Dollars per million tokens. In force for the next call; calls before keep their cost until they are priced anew. What is left out stays as it is.",
  fields: [{ name: "model", title: "Model", required: true }, ...["input", "output", "cache_read", "cache_write"].map((name) => ({ name, title: `${name.replace("_", " ")}, $ per million`, inputmode: "decimal" }))],
  body: (reason, author, form) => ({ model: form.get("model").trim(), ...Object.fromEntries(["input", "output", "cache_read", "cache_write"].map((name) => [name, form.get(name).trim()]).filter(([, value]) => value !== "")) }),
});

function Prices({ again, done }) {
  const [name, setName] = useState("");
  const { data, error } = useAnswer(`/api/v1/prices?since=7d#${again}`);
  const budgets = useAnswer("/api/v1/budgets");
  const found = (data?.items ?? []).filter((one) => one.row.toLowerCase().includes(name.toLowerCase()) && (name !== "" || one.table !== "shipped"));
  return html`
    <${Card} title="Prices and budgets" hint=${data === null ? null : `table ${data.version}; ${data.tables.map((one) => `${one.table}, ${count(one.rows)} rows`).join("; ")}`} tools=${may("operator") && html`<button type="button" onClick=${() => (wanted.value = price(done))}>Set a price…</button>`}>
      <${Failure} error=${error ?? budgets.error} />
      ${data?.unpriced.length > 0 && html`<p class="note tone-warning"><${Icon} name="warning" /><span class="break">Models without a price in the last 7 days: ${data.unpriced.map((one) => one.model ?? String(one)).join(", ")}</span></p>`}
      <p class="filters-flat"><label>Find a model<input value=${name} onInput=${(event) => setName(event.target.value.trim())} maxlength="200" /></label></p>
      ${data !== null && html`<${DataTable} label="Prices" rows=${found.slice(0, MOST_PRICES * 4)} pageRows=${MOST_PRICES} empty=${name === "" ? "No price of your own. Type a model's name to see the shipped ones." : "No model of this name has a price."} columns=${[
        { title: "Model", of: (row) => row.row }, { title: "Table", of: (row) => row.table }, { title: "Provider", of: (row) => row.provider }, 
        ...[["In", "input_cost_per_token"], ["Out", "output_cost_per_token"], ["Cache read", "cache_read_input_token_cost"], ["Cache write", "cache_creation_input_token_cost"]].map(([title, key]) => ({ title: `${title}, $/M`, right: true, of: (row) => (row.usd_per_million?.[key] === undefined ? null : Number(row.usd_per_million[key])), show: (row) => row.usd_per_million?.[key] ?? NONE })),
      ]} />`}
      ${budgets.data !== null && html`<p class="muted">${budgets.data.length === 0 ? "No budget is set." : budgets.data.map((one) => `${one.budget}: ${usd(Number(one.spent_usd))} of ${usd(Number(one.limit_usd))} this ${one.period}`).join("; ")} <a href=${pageLink("/cost")}>Tokens & cost</a></p>`}
    <//>`;
}

const UNITS = { d: "days", mo: "months", h: "hours" };
/** "30d" as people say it; another text as it came. */
const keptFor = (text) => (text === undefined ? NONE : text.replace(/^(\d+)(mo|d|h)$/, (_, n, unit) => `${n} ${UNITS[unit]}`));

function Kept({ status }) {
  const { store } = status;
  const facts = [
    ["Data in", status.data_dir], ["Sealed segments", `${count(store.segments)} with ${count(store.segment_rows)} rows, ${bytes(store.segment_bytes)}`], ["Not sealed yet", `${count(store.unsealed_rows)} rows in ${count(store.batches)} batches, ${bytes(store.batch_bytes)}`],
    ["Raw calls are kept", keptFor(status.retention?.raw)], ["Figures by minutes", keptFor(status.retention?.minutes)], ["Figures by hours", keptFor(status.retention?.hours)], ["Archived before they go", status.retention?.archive ?? "no"],
    ["Damage", store.damage.length === 0 ? "none found" : store.damage.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("; ")],
  ];
  const backup = async () => {
    const response = await request("GET", "/api/v1/config/backup");
    if (response.ok) hand(`flowgauge-backup-${new Date().toISOString().slice(0, 10)}.json`, "application/json", await response.blob());
  };
  return html`
    <${Card} title="Retention, disk, backup" hint="how long is kept stands in the configuration under retention" tools=${may("operator") && html`<button type="button" onClick=${backup}>Download a backup</button>`}>
      <dl class="facts facts-wide">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="break">${value}</dd></div>`)}</dl>
      <p class="muted">The backup holds what is needed to be here again: configuration, switches, rules, prices, baselines; no secret, no call. Back in:</p>
      <${Snippet} label="Restore" code="flowgauge config restore FILE" />
    <//>`;
}

const key = (done) => ({
  title: "Make a key", doer: "Make", url: "/api/v1/keys", hint: "Its text is shown once and kept nowhere.", fields: [{ name: "name", title: "What it is for", required: true }, { name: "scope", title: "May", options: ["gateway", "viewer", "operator", "admin"] }, { name: "expires_in", title: "Good for, empty for ever", placeholder: "90d" }],
  body: (reason, author, form) => ({ name: form.get("name").trim(), scope: form.get("scope"), ...(form.get("expires_in").trim() === "" ? {} : { expires_in: form.get("expires_in").trim() }) }),
  done: async (data) => {
    madeKey.value = data;
    // With the first key the time without keys ends: whoever made it goes on with it, where it may read.
    if (session.value.by === "open" && data.scope !== "gateway") await logIn(data.key);
    done();
  },
});

function Keys({ all, done }) {
  const [failed, setFailed] = useState(null);
  const revoke = async (id) => {
    const { problem } = await send("DELETE", `/api/v1/keys/${encodeURIComponent(id)}`);
    setFailed(problem);
    done();
  };
  return html`
    <${Card} title="Access keys" hint="without a key only this machine may read and change" tools=${html`<button type="button" onClick=${() => (wanted.value = key(done))}>Make a key…</button>`}>
      <${Failure} error=${failed} />
      ${madeKey.value !== null && html`<div class="note"><span>Copy it now, it is not shown again:</span><${Snippet} label="New key" code=${madeKey.value.key} /><button type="button" onClick=${() => (madeKey.value = null)}>I have it</button></div>`}
      <${DataTable} label="Access keys" rows=${all} empty="No key was made: only this machine is let in." columns=${[
        { title: "Name", of: (row) => row.name }, { title: "May", of: (row) => row.scope }, { title: "Made", of: (row) => row.created, show: (row) => stamp(new Date(row.created), false) }, { title: "Good until", of: (row) => row.expires, show: (row) => (row.expires === null ? "for ever" : stamp(new Date(row.expires), false)) },
        { title: "Revoked", of: (row) => row.revoked, show: (row) => (row.revoked === null ? html`<${Revoke} name=${row.name} act=${() => revoke(row.id)} />` : stamp(new Date(row.revoked), false)) },
      ]} />
    <//>`;
}

/** Two presses: the first says what the second does. */
function Revoke({ name, act }) {
  const [sure, setSure] = useState(false);
  return html`<button type="button" class=${sure ? "primary" : null} onClick=${() => (sure ? act() : setSure(true))}>${sure ? "Revoke for good" : "Revoke"}<span class="visually-hidden"> ${name}</span></button>`;
}

function Checks() {
  const { data, error } = useAnswer("/api/v1/checks?since=24h", EVERY_MS);
  return html`
    <${Card} title="Uptime checks" hint="last 24 h">
      <${Failure} error=${error} />
      ${data !== null && html`<${DataTable} label="Uptime checks" rows=${data.checks} empty="None is set up; they stand in the configuration under checks." columns=${Object.keys(data.checks[0] ?? { name: 0 }).map((name) => ({
        title: name.replaceAll("_", " "), of: (row) => (row[name] !== null && typeof row[name] === "object" ? JSON.stringify(row[name]) : row[name]), show: (row) => (name === "availability" && typeof row[name] === "number" ? percent(row[name]) : undefined) ?? String((row[name] !== null && typeof row[name] === "object" ? JSON.stringify(row[name]) : row[name]) ?? NONE),
      }))} />`}
    <//>`;
}

/** Configuration, environment, rules and own prices as they are, secrets left out by the server. */
function Texts() {
  const [open, setOpen] = useState(false);
  const { data, error } = useAnswer(open ? "/api/v1/config/backup" : null);
  if (!may("operator")) return null;
  const shown = (data?.texts ?? []).filter((one) => ["config", "env", "alerts", "prices"].includes(one.part));
  return html`
    <${Card} title="As it is configured" tools=${html`<button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? "Hide" : "Show"}</button>`}>
      <${Failure} error=${error} />
      ${open && shown.map((one) => html`<h3 key=${one.part}>${one.part} <span class="muted">${one.origin ?? "no file"}${one.redacted ? ", secrets left out" : ""}</span></h3><pre class="report" tabindex="0" aria-label=${`${one.part} as configured`}>${one.text.trim() === "" ? "(empty: everything as shipped)" : one.text}</pre>`)}
      ${!open && html`<p class="muted">Configuration, environment, rules and own prices, without secrets.</p>`}
    <//>`;
}
