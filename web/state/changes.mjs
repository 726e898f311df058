// What was changed and when: settings, prices, rules, flowgauge itself, versions of applications, and what people
// noted. Every chart over time marks them. Refuses to say that a change caused anything: it says when.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { fromMicros, stamp } from "../format.mjs";
import { nameOf } from "../control.mjs";
import { ask } from "./answers.mjs";

/** Changes are rare; a mark may be so late. */
const EVERY_MS = 15_000;
/** What is read from months of calls is asked each so many times only. */
const SELDOM = 8;
const MOST = 200;

/** `{at, id, kind, text, by, reason}` with unix seconds, the latest first. */
export const changes = signal([]);
/** Why they are not known, or null. */
export const changesError = signal(null);

let users = 0;
let timer;
let rounds = 0;
const kept = { control: [], history: [] };

async function read() {
  const seldom = rounds % SELDOM === 0;
  rounds += 1;
  try {
    await Promise.all([part("control", `/api/v1/control/changes?limit=${MOST}`, ofControl), seldom && part("history", `/api/v1/history?limit=${MOST}`, ofHistory)]);
    changesError.value = null;
  } catch (error) {
    changesError.value = error.message;
  }
  clearTimeout(timer);
  if (users > 0) timer = setTimeout(read, EVERY_MS);
}

/** Reads all of them now: one was made. */
export function lookAgain() {
  clearTimeout(timer);
  rounds = 0;
  return read();
}

async function part(name, url, of) {
  kept[name] = ((await ask(url)) ?? []).map(of);
  changes.value = [...kept.control, ...kept.history].sort((a, b) => b.at - a.at);
}

/** What a change did, in few words: mechanisms by name, the rest by the first part of its path. */
export function changeText(change) {
  const what = (change.diff ?? []).map((one) => {
    const found = /^\/(?:rollouts|kill)\/([a-z_]+)\/(mode|share)$/.exec(one.path);
    if (found !== null) return `${nameOf(found[1])} ${valueText(one.before)} → ${valueText(one.after)}`;
    const parts = one.path.split("/").filter((part) => part !== "");
    return parts[0] === "rollouts" ? null : one.path.startsWith("/kill") ? `kill switch: ${valueText(one.after)}` : parts.slice(0, 2).join(" ");
  });
  return [...new Set(what.filter((text) => text !== null))].join(", ") || "settings";
}

function valueText(value) {
  if (value === true) return "on";
  if (value === false) return "off";
  return typeof value === "string" || typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "–");
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
