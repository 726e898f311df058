// Optimisations: what each does now and what decides it, what it brought, what was changed, and the switch that turns all of
// it off. Refuses to change anything without a reason; the server says what came of it.
import { html } from "../html.mjs";
import { useAnswer } from "../state/answers.mjs";
import { NONE, stamp } from "../format.mjs";
import { may } from "../state/session.mjs";
import { changeText } from "../state/changes.mjs";
import { Failure } from "../parts/note.mjs";
import { Icon } from "../parts/icon.mjs";
import { ModeDialog, openMode } from "../parts/mode-dialog.mjs";
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
    <${ModeDialog} />
    <${SwitchDialog} />`;
}

function Standing({ view }) {
  const { tone, icon, text } = standingOf(view);
  return html`
    <div class=${`verdict verdict-${tone}`} data-standing=${tone}><p role="status"><${Icon} name=${icon} />${text}</p></div>
    ${!may("operator") && html`<p class="muted" data-read-only>Your key may read only. Switching needs one that may operate.</p>`}
    ${may("operator") && html`<p class="alert-actions">
      <button type="button" class="primary" onClick=${() => openSwitch({ act: "rollback", all: true })}>Roll back all…</button>
      ${(view.kill_all || view.kill_only.length > 0) && html`<button type="button" onClick=${() => openSwitch({ act: "restore", all: true })}>Lift the switch…</button>`}
    </p>`}`;
}

function Mechanisms({ view, evidence }) {
  const of = (name) => evidence?.mechanisms.find((one) => one.mechanism === name) ?? null;
  return html`
    <section class="card">
      <h2>What each does</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Optimisations"><table class="stacked">
        <thead><tr>${HEAD.map((title) => html`<th scope="col" key=${title}>${title}</th>`)}</tr></thead>
        <tbody>${view.mechanisms.map((one) => html`<${Row} key=${one.mechanism} one=${one} evidence=${of(one.mechanism)} />`)}</tbody>
      </table></div>
      <p class="muted">Tokens and quality are compared with those held out; without a hold-out nobody can say. ${evidence?.evaluator ? `Quality by ${evidence.evaluator}.` : ""}</p>
    </section>`;
}

const HEAD = ["Optimisation", "Now", "Decided by", "Since", "Hold-out", "Tokens", "Quality", "Guardrail", "Calls", "Switch"];

function Row({ one, evidence }) {
  const calls = evidence === null ? NONE : `${evidence.touched} touched, ${evidence.untouched} held out`;
  const cells = [
    one.effective ? modeText(one) : "off", sourceText(one), sinceText(one, evidence), `${(100 * one.holdout).toFixed(0)} %`, effectText(evidence, "tokens"), effectText(evidence, "quality"),
    evidence?.guardrail === undefined || evidence === null ? NONE : (evidence.guardrail.sentence ?? evidence.guardrail.decision), calls,
  ];
  return html`
    <tr data-mechanism=${one.mechanism}>
      <th scope="row">${nameOf(one.mechanism)}</th>
      ${cells.map((text, i) => html`<td key=${i} data-title=${HEAD[i + 1]} class="break-some">${text}</td>`)}
      <td><span class="alert-actions">${may("operator") && html`<button type="button" onClick=${() => openMode(one)}>Set…<span class="visually-hidden"> ${nameOf(one.mechanism)}</span></button>`}
        ${may("operator") && one.effective && html`<button type="button" onClick=${() => openSwitch({ act: "rollback", only: one.mechanism })}>Roll back…<span class="visually-hidden"> ${nameOf(one.mechanism)}</span></button>`}</span></td>
    </tr>`;
}

/** Who set it and when. */
function sinceText(one, evidence) {
  if (evidence?.why) return `${stamp(new Date(evidence.since), false)}, ${evidence.why}`;
  return one.last_change === null ? NONE : `change ${one.last_change.id ?? one.last_change}`;
}

function Changes({ items }) {
  return html`
    <section class="card">
      <h2>Changes</h2>
      ${items.length === 0 ? html`<p class="muted">None yet: everything is as it was installed.</p>` : html`<ul class="silences">${items.map((change) => html`<${Change} key=${change.id} change=${change} />`)}</ul>`}
    </section>`;
}

function Change({ change }) {
  return html`
    <li data-change=${change.id}>
      <span class="break" title=${change.diff.map((one) => one.path).join(", ")}><b>${change.id}</b> ${changeText(change)}</span>
      <span class="muted">${stamp(new Date(change.at), false)}, by ${change.author}: ${change.reason}${change.in_force ? "" : " (not in force any more)"}</span>
      ${may("operator") && change.in_force && html`<button type="button" onClick=${() => openSwitch({ act: "undo", id: change.id })}>Undo…<span class="visually-hidden"> change ${change.id}</span></button>`}
    </li>`;
}
