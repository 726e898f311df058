// Every rule with its state and last value. Refuses to show a rule that is not evaluated as good.
import { html } from "../html.mjs";
import { figureText, whyWords } from "../alerts.mjs";
import { AlertState, SeverityWord } from "./alert-state.mjs";

/** The table. */
export function AlertRules({ rules }) {
  if (rules.length === 0) {
    return html`<section class="empty"><h2>No rules</h2><p>Name rule files under <code>alerts.rules</code> in the configuration; <code>builtin:guide</code> is the pack that comes with flowgauge.</p></section>`;
  }
  return html`
    <section class="card">
      <div class="card-head"><h2>Rules</h2><span class="muted">${rules.length}, in the order of the files</span></div>
      <div class="scroll" role="region" aria-label="Rules" tabindex="0">
        <table class="alert-rules">
          <caption class="visually-hidden">Rules</caption>
          <thead><tr><th scope="col">Rule</th><th scope="col">State</th><th scope="col">Severity</th><th scope="col">Last value</th><th scope="col" class="right">Samples</th><th scope="col">Condition</th><th scope="col">Tells</th></tr></thead>
          <tbody>${rules.map((rule) => html`<${Line} key=${rule.name} rule=${rule} />`)}</tbody>
        </table>
      </div>
    </section>`;
}

function Line({ rule }) {
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
    </tr>`;
}

function why(rule, shown) {
  const words = rule.idle ?? (shown?.unknown == null ? null : whyWords(shown.unknown)) ?? (shown?.failed == null ? null : "cannot be evaluated");
  return words === null ? null : html` <span class="muted">${words}</span>`;
}
