// Who looks at this page and what they may do. Refuses to keep a key: it is exchanged for a cookie that no script can read.
import { signal } from "@preact/signals";

const URL = "/api/v1/session";
const NOBODY = { required: true, by: null, name: null, scope: null, may: [], ends: null, csrf: null };
/** Where flowgauge cannot be asked, pages say so themselves. */
const UNKNOWN = { ...NOBODY, required: false, may: ["viewer", "operator", "admin"] };

/** `{required, by, name, scope, may, ends, csrf}` of the server; null until it has answered. */
export const session = signal(null);
/** A key just made, until it was copied: the first one ends the time without keys. */
export const madeKey = signal(null);

/** Asks who we are. */
export async function lookWho() {
  try {
    const response = await fetch(URL);
    session.value = response.ok ? await response.json() : UNKNOWN;
  } catch {
    session.value = UNKNOWN;
  }
}

/** Whether a change of this scope would be let through. The server decides; this hides what it would refuse. */
export const may = (scope) => session.value?.may.includes(scope) ?? false;

/** What a change must carry beside the cookie. */
export const tokenOf = (method) => (method === "GET" || !session.value?.csrf ? {} : { "x-flowgauge-csrf": session.value.csrf });

/** An answer came back as refused: the session has ended, or a first key was made meanwhile. */
export function wasRefused() {
  session.value = NOBODY;
}

/** Exchanges a key for a session; null where that worked, else the server's own words. */
export async function logIn(key) {
  try {
    const response = await fetch(URL, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key }) });
    const answer = await response.json();
    if (!response.ok) return answer.detail ?? `status ${response.status}`;
    session.value = answer;
    return null;
  } catch {
    return "flowgauge does not answer; is it still running?";
  }
}

/** Ends the session here and on the server. */
export async function logOut() {
  try {
    await fetch(URL, { method: "DELETE", headers: tokenOf("DELETE") });
  } finally {
    await lookWho();
  }
}
