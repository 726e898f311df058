// Optimisations: what each does now and what decides it, what it brought, what was changed, and the switch that turns all of
// it off. Refuses to change anything without a reason; the server says what came of it.
import { html } from "../html.mjs";
import { useAnswer } from "../state/answers.mjs";
import { stamp } from "../format.mjs";
import { Failure } from "../parts/note.mjs";
import { Icon } from "../parts/icon.mjs";
import { SwitchDialog, openSwitch } from "../parts/switch-dialog.mjs";
import { effectText, modeText, nameOf, sourceText, standingOf } from "../control.mjs";

/** A switch shows at once; evidence moves by the minute. */
const REFRESH_MS = 2_000;
const EVIDENCE_MS = 15_000;

/** The page. */
export function Control() {
  const { data, error } = useAnswer("/api/v1/control", REFRESH_MS);
  const evidence = useAnswer("/api/v1/control/evidence", EVIDENCE_MS);
  const changes = useAnswer("/api/v1/control/changes?limit=20", REFRESH_MS);
  return html`
    <div class="page-head"><h1>Optimisations</h1>${data !== null && html`<span class="muted">generation ${data.generation}</span>`}</div>
    <${Failure} error=${error ?? evidence.error ?? changes.error} />
    ${data !== null && html`<${Standing} view=${data} />`}
    ${data !== null && html`<${Mechanisms} view=${data} evidence=${evidence.data} />`}
    ${changes.data !== null && html`<${Changes} items=${changes.data} />`}
    <${SwitchDialog} />`;
}

function Standing({ view }) {
  const { tone, icon, text } = standingOf(view);
  return html`
    <div class=${`verdict verdict-${tone}`} data-standing=${tone}><p role="status"><${Icon} name=${icon} />${text}</p></div>
    <p class="alert-actions">
      <button type="button" class="primary" onClick=${() => openSwitch({ act: "rollback", all: true })}>Roll back all…</button>
      ${(view.kill_all || view.kill_only.length > 0) && html`<button type="button" onClick=${() => openSwitch({ act: "restore", all: true })}>Lift the switch…</button>`}
    </p>`;
}

function Mechanisms({ view, evidence }) {
  const of = (name) => evidence?.mechanisms.find((one) => one.mechanism === name) ?? null;
  return html`
    <section class="card">
      <h2>What each does</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Optimisations"><table>
        <thead><tr><th scope="col">Optimisation</th><th scope="col">Now</th><th scope="col">Decided by</th><th scope="col">Hold-out</th><th scope="col">Tokens</th><th scope="col">Quality</th><th scope="col">Switch</th></tr></thead>
        <tbody>${view.mechanisms.map((one) => html`<${Row} key=${one.mechanism} one=${one} evidence=${of(one.mechanism)} />`)}</tbody>
      </table></div>
      <p class="muted">Tokens and quality are compared with those held out; without a hold-out nobody can say.</p>
    </section>`;
}

function Row({ one, evidence }) {
  return html`
    <tr data-mechanism=${one.mechanism}>
      <th scope="row">${nameOf(one.mechanism)}</th>
      <td>${one.effective ? modeText(one) : "off"}</td>
      <td>${sourceText(one)}</td>
      <td>${(100 * one.holdout).toFixed(0)} %</td>
      <td>${effectText(evidence, "tokens")}</td>
      <td>${effectText(evidence, "quality")}</td>
      <td>${one.effective && html`<button type="button" onClick=${() => openSwitch({ act: "rollback", only: one.mechanism })}>Roll back<span class="visually-hidden"> ${nameOf(one.mechanism)}</span>…</button>`}</td>
    </tr>`;
}

function Changes({ items }) {
  return html`
    <section class="card">
      <h2>Changes</h2>
      ${items.length === 0 ? html`<p class="muted">None yet: everything is as it was installed.</p>` : html`<ul class="silences">${items.map((change) => html`<${Change} key=${change.id} change=${change} />`)}</ul>`}
    </section>`;
}

function Change({ change }) {
  const what = change.diff.map((one) => one.path).join(", ");
  return html`
    <li data-change=${change.id}>
      <span><b>${change.id}</b> <span class="mono break">${what}</span></span>
      <span class="muted">${stamp(new Date(change.at), false)}, by ${change.author}: ${change.reason}${change.in_force ? "" : " (not in force any more)"}</span>
      ${change.in_force && html`<button type="button" onClick=${() => openSwitch({ act: "undo", id: change.id })}>Undo<span class="visually-hidden"> change ${change.id}</span>…</button>`}
    </li>`;
}
