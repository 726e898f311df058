// What is seen where a key is demanded: a form. Refuses to name what lies behind it.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { logIn, madeKey } from "../state/session.mjs";
import { Snippet } from "./copy.mjs";
import { Failure } from "./note.mjs";

/** The form. The address stays: after it the page shows what was asked for. */
export function Login() {
  const [{ busy, failed }, setState] = useState({ busy: false, failed: null });
  const submit = async (event) => {
    event.preventDefault();
    setState({ busy: true, failed: null });
    const problem = await logIn(new FormData(event.target).get("key").trim());
    if (problem !== null) setState({ busy: false, failed: problem });
  };
  return html`
    <main id="main" class="login" tabindex="-1">
      <section class="card">
        <h1>Log in to flowgauge</h1>
        <p class="muted">A key is needed here: one that may read, operate or administer.</p>
        ${madeKey.value !== null && html`<p>The key just made. It is not shown again:</p><${Snippet} label="New key" code=${madeKey.value.key} />`}
        <form class="silence-form" onSubmit=${submit}>
          <label>Key<input name="key" type="password" required maxlength="200" autocomplete="current-password" spellcheck="false" placeholder="fg_…" autofocus /></label>
          <${Failure} error=${failed} />
          <div class="alert-actions"><button class="primary" disabled=${busy}>Log in</button></div>
        </form>
        <p class="muted">No key yet? On the machine flowgauge runs on:</p>
        <${Snippet} label="Make a key" code="flowgauge key create me --scope operator" />
        <p class="muted">The key is not kept in this browser; the session ends after 12 hours, with the key, or when you log out.</p>
      </section>
    </main>`;
}
