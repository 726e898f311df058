// Asks the API and keeps asking while the page is live. Refuses to hide a failure: the last answer
// stays, the error is shown beside it.
import { useEffect, useState } from "preact/hooks";
import { tokenOf, wasRefused } from "./session.mjs";
import { inTurn } from "./turns.mjs";

/** What a window of an hour is asked again after; figures are rollups of minutes. */
export const REFRESH_MS = 5_000;

/** One answer of the API, or an error with the server's own words. */
export async function ask(url, signal) {
  const response = await request("GET", url, null, signal);
  if (!response.ok) throw new Error(await problemOf(response));
  return response.json();
}

/** The bare answer. Where a key is demanded the page becomes the login. */
export async function request(method, url, body = null, signal = undefined) {
  const headers = { accept: "application/json", ...tokenOf(method), ...(body === null ? {} : { "content-type": "application/json" }) };
  let response;
  try {
    response = await fetch(url, { method, signal, headers, body: body === null ? null : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("flowgauge does not answer; is it still running?");
  }
  if (response.status === 401) wasRefused();
  return response;
}

/** Asks for a change; null where it was made, else the server's own words. */
export const change = async (method, url, body = null) => (await send(method, url, body)).problem;

/** Sends a body; `{data, problem}` with the answer or the server's own words. */
export async function send(method, url, body = null) {
  try {
    const response = await request(method, url, body);
    if (!response.ok) return { data: null, problem: await problemOf(response) };
    const text = await response.text();
    return { data: text === "" ? null : JSON.parse(text), problem: null };
  } catch (error) {
    return { data: null, problem: error.message };
  }
}

/** Why an answer is none, in the server's own words. */
export async function problemOf(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    return body.detail ?? body.title ?? `status ${response.status}`;
  } catch {
    return `status ${response.status}`;
  }
}

/** Rows of a page of requests; none before the first answer. */
export const rowsOf = (page) => page?.items ?? [];

/** The latest answer to `url`, asked again every `every` ms; `null` asks once. A `url` of null asks nothing. What the page is for is asked `first`. */
export function useAnswer(url, every = null, first = false) {
  const [state, setState] = useState({ data: null, error: null });
  useEffect(() => {
    if (url === null) {
      setState({ data: null, error: null });
      return undefined;
    }
    const stop = new AbortController();
    let timer;
    let begins = true;
    async function round() {
      try {
        if (begins || !document.hidden) {
          begins = false;
          const data = await inTurn(() => ask(url, stop.signal), { first, signal: stop.signal });
          if (!stop.signal.aborted) setState({ data, error: null });
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        setState((old) => ({ data: old.data, error: error.message }));
      }
      if (every !== null && !stop.signal.aborted) timer = setTimeout(round, every);
    }
    round();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [url, every]);
  return state;
}
