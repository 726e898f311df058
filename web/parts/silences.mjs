// Silences in force and to come, and the dialog that makes one. Refuses to make one blindly: it says
// first what would have been hidden.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { stamp } from "../format.mjs";
import { ask, change } from "../state/answers.mjs";
import { may, session } from "../state/session.mjs";
import { Dialog } from "./dialog.mjs";
import { recall, remember } from "../state/theme.mjs";

/** How long a silence may last by a click. */
const LENGTHS = ["30min", "2h", "8h", "24h", "7d"];
/** Who made the last one in this browser. */
const KEPT = "flowgauge.name";

/** Matchers of the silence being made; null while the dialog is closed. */
const wanted = signal(null);

/** Opens the dialog. */
export const openSilence = (matchers) => (wanted.value = matchers);

/** The list. */
export function Silences({ all }) {
  const shown = all.filter((silence) => silence.state !== "expired");
  return html`
    <section class="card">
      <div class="card-head"><h2>Silences</h2>${may("operator") && html`<button type="button" class="quiet" onClick=${() => openSilence([])}>New silence…</button>`}</div>
      ${shown.length === 0 ? html`<p class="muted">None in force.</p>` : html`<ul class="silences">${shown.map((silence) => html`<${One} key=${silence.id} silence=${silence} />`)}</ul>`}
    </section>`;
}

function One({ silence }) {
  const [said, setSaid] = useState(null);
  const end = async () => setSaid((await change("DELETE", `/api/v1/alerts/silences/${silence.id}`)) ?? "Ended");
  return html`
    <li data-silence=${silence.id}>
      <span><b>${silence.state}</b> <span class="mono break">${silence.text}</span></span>
      <span class="muted">${silence.state === "pending" ? `from ${stamp(new Date(silence.starts), false)} ` : ""}until ${stamp(new Date(silence.ends), false)}${silence.created_by === "" ? "" : `, by ${silence.created_by}`}${silence.comment === "" ? "" : `: ${silence.comment}`}</span>
      ${may("operator") && html`<button type="button" onClick=${end}>End now</button>`} <span role="status">${said}</span>
    </li>`;
}

/** The dialog. */
export function SilenceDialog() {
  const matchers = wanted.value;
  return html`
    <${Dialog} id="silence-title" title="Silence alerts" open=${matchers !== null} close=${() => (wanted.value = null)}>
      <${Form} key=${matchers?.join()} matchers=${matchers} />
    <//>`;
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter((line) => line !== "");

function Form({ matchers }) {
  const [text, setText] = useState(matchers.join("\n"));
  const [failed, setFailed] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const by = form.get("by").trim();
    remember(KEPT, by === "" ? null : by);
    const body = { match: lines(text), for: form.get("for"), comment: form.get("comment"), created_by: by };
    const problem = await change("POST", "/api/v1/alerts/silences", body);
    if (problem === null) wanted.value = null;
    else setFailed(problem);
  };
  return html`
    <form class="silence-form" onSubmit=${submit}>
      <label>What, one matcher a line<textarea name="match" rows="3" required value=${text} placeholder=${'alertname="p95_latency_critical"'} onInput=${(event) => setText(event.target.value)}></textarea></label>
      <${WouldHide} text=${text} />
      <label>How long<select name="for">${LENGTHS.map((length) => html`<option value=${length} selected=${length === "2h"}>${length}</option>`)}</select></label>
      <label>Why<input name="comment" maxlength="4000" /></label>
      <label>Your name<input name="by" maxlength="200" autocomplete="name" value=${recall(KEPT) ?? session.value?.name ?? ""} /></label>
      ${failed !== null && html`<p class="tone-critical" role="alert">${failed}</p>`}
      <div class="alert-actions"><button class="primary">Silence</button><button type="button" onClick=${() => (wanted.value = null)}>Cancel</button></div>
    </form>`;
}

/** How long typing must rest before it is asked. */
const REST_MS = 300;

function WouldHide({ text }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      const matchers = lines(text);
      if (matchers.length === 0) return setSaid("");
      const query = new URLSearchParams(matchers.map((matcher) => ["match", matcher]));
      try {
        const found = await ask(`/api/v1/alerts/silences/preview?${query}`, stop.signal);
        setSaid(`Would have hidden ${found.episodes} of the last 7 days; ${found.open} open now.`);
      } catch (error) {
        if (!stop.signal.aborted) setSaid(error.message);
      }
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  return html`<p class="muted" role="status">${said}</p>`;
}
