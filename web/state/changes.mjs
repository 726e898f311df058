// What was changed and when: settings, prices, rules, flowgauge itself, versions of applications. Every
// chart over time marks them. Refuses to say that a change caused anything: it says when.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { fromMicros, stamp } from "../format.mjs";
import { nameOf } from "../control.mjs";
import { ask } from "./answers.mjs";

/** Changes are rare; a mark may be so late. */
const EVERY_MS = 15_000;
const MOST = 200;

/** `{at, id, kind, text, by, reason}` with unix seconds, the latest first. */
export const changes = signal([]);
/** Why they are not known, or null. */
export const changesError = signal(null);

let users = 0;
let timer;

async function read() {
  try {
    const [control, history] = await Promise.all([ask(`/api/v1/control/changes?limit=${MOST}`), ask(`/api/v1/history?limit=${MOST}`)]);
    const all = [...(control ?? []).map(ofControl), ...(history ?? []).map(ofHistory)];
    changes.value = all.sort((a, b) => b.at - a.at);
    changesError.value = null;
  } catch (error) {
    changesError.value = error.message;
  }
  clearTimeout(timer);
  if (users > 0) timer = setTimeout(read, EVERY_MS);
}

/** Settings by their paths as people say them. */
export function changeText(change) {
  const what = (change.diff ?? []).map((one) => {
    const mechanism = /^mechanisms\.([a-z_]+)/.exec(one.path);
    return mechanism === null ? one.path : nameOf(mechanism[1]);
  });
  return [...new Set(what)].join(", ");
}

const ofControl = (change) => ({
  at: Date.parse(change.at) / 1000, id: change.id, kind: "setting", text: changeText(change), by: change.author, reason: change.reason, inForce: change.in_force,
});
const ofHistory = (line) => ({ at: Date.parse(line.at) / 1000, id: null, kind: line.kind, text: line.what, by: line.by, reason: null, inForce: false });

/** Keeps them known while a part shows them. */
export function useChanges() {
  useEffect(() => {
    users += 1;
    if (users === 1) read();
    return () => {
      users -= 1;
      if (users === 0) clearTimeout(timer);
    };
  }, []);
  return changes.value;
}

/** Those of a stretch in unix seconds. */
export const changesIn = (all, [from, to]) => all.filter((one) => one.at >= from && one.at < to);

/** One line about a change. */
export const changeLine = (one) => `${stamp(fromMicros(one.at * 1e6), false)} ${one.id === null ? one.kind : `change ${one.id}`}: ${one.text}${one.by ? `, by ${one.by}` : ""}`;
