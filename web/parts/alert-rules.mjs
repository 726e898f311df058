// Every rule with its state and last value. Refuses to show a rule that is not evaluated as good.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { count } from "../format.mjs";
import { send } from "../state/answers.mjs";
import { may } from "../state/session.mjs";
import { figureText, whyWords } from "../alerts.mjs";
import { AlertState, SeverityWord } from "./alert-state.mjs";
import { Failure } from "./note.mjs";

/** What rules would have done is asked of so many days, a look every so often. */
const REPLAYED = { days: 7, tick: "5m" };

/** The table. */
export function AlertRules({ rules }) {
  const [would, setWould] = useState({ of: null, busy: false, problem: null });
  if (rules.length === 0) {
    return html`<section class="empty"><h2>No rules</h2><p>Name rule files under <code>alerts.rules</code> in the configuration; <code>builtin:guide</code> is the pack that comes with flowgauge.</p></section>`;
  }
  return html`
    <section class="card">
      <div class="card-head"><h2>Rules</h2><span class="muted">${rules.length}, in the order of the files</span>${may("operator") && html`<span class="page-tools"><button type="button" disabled=${would.busy} onClick=${() => replay(setWould)}>${would.busy ? "Replaying…" : `Replay ${REPLAYED.days} days`}</button></span>`}</div>
      <${Failure} error=${would.problem} />
      ${would.of !== null && html`<p class="muted" role="status">Over the last ${REPLAYED.days} days, a look every ${REPLAYED.tick}${would.of.exact_since === null ? "" : `, exact since ${would.of.exact_since.slice(0, 16).replace("T", " ")} UTC`}; nothing was sent.</p>`}
      <div class="scroll" role="region" aria-label="Rules" tabindex="0">
        <table class="alert-rules">
          <caption class="visually-hidden">Rules</caption>
          <thead><tr><th scope="col">Rule</th><th scope="col">State</th><th scope="col">Severity</th><th scope="col">Last value</th><th scope="col" class="right">Samples</th><th scope="col">Condition</th><th scope="col">Tells</th>${would.of !== null && html`<th scope="col" class="right">Would have fired</th>`}</tr></thead>
          <tbody>${rules.map((rule) => html`<${Line} key=${rule.name} rule=${rule} would=${would.of} />`)}</tbody>
        </table>
      </div>
    </section>`;
}

async function replay(tell) {
  tell({ of: null, busy: true, problem: null });
  const to = Date.now();
  const span = { from: new Date(to - REPLAYED.days * 86_400_000).toISOString(), to: new Date(to).toISOString(), tick: REPLAYED.tick };
  const { data, problem } = await send("POST", "/api/v1/alerts/replay", span);
  tell({ of: data, busy: false, problem });
}

/** "3×, 2 pages"; why not where it has no verdict. */
function wouldText(told, name) {
  const line = told.rules.find((one) => one.rule === name);
  if (line === undefined) return "–";
  return line.known === 0 ? (line.note ?? "never known") : `${count(line.fired)}×${line.fired === 0 ? "" : `, ${count(line.pages)} ${line.pages === 1 ? "page" : "pages"}`}`;
}

function Line({ rule, would }) {
  const shown = rule.instances.find((instance) => instance.state === rule.state) ?? null;
  const more = rule.instances.length > 1 ? ` (${rule.instances.length} instances)` : "";
  return html`
    <tr data-rule=${rule.name}>
      <th scope="row">${rule.name}${more}</th>
      <td><${AlertState} state=${rule.state} />${why(rule, shown)}</td>
      <td><${SeverityWord} severity=${rule.severity} /></td>
      <td class="number">${shown === null ? "–" : figureText(shown.figures)}</td>
      <td class="right number">${shown === null ? "–" : shown.figures.n}</td>
      <td class="mono">${rule.condition}</td>
      <td>${rule.channels.join(", ") || "nobody"}</td>
      ${would !== null && html`<td class="right number" data-would>${wouldText(would, rule.name)}</td>`}
    </tr>`;
}

function why(rule, shown) {
  const words = rule.idle ?? (shown?.unknown == null ? null : whyWords(shown.unknown)) ?? (shown?.failed == null ? null : "cannot be evaluated");
  return words === null ? null : html` <span class="muted">${words}</span>`;
}
