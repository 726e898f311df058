// What mail programs make of an HTML part, by the data of caniemail.com.
//
// usage: check.mjs FILE; prints { version, clients, lacking: { feature: [client] }, partial: { feature: [client] } }
import { readFileSync } from "node:fs";
import { caniemail } from "caniemail";
import { versionOf } from "./versions.mjs";

// Those the data describes whole; of others it lacks features.
const clients = ["apple-mail.*", "gmail.*", "outlook.*", "yahoo.*", "aol.*"];
const html = readFileSync(process.argv[2], "utf8");
const { issues } = caniemail({ clients, html });

const grouped = (found) => {
  const out = {};
  for (const [client, lacks] of found) for (const { title } of lacks) (out[title] ??= new Set()).add(client);
  return Object.fromEntries(Object.entries(out).map(([title, who]) => [title, [...who].sort()]));
};

console.log(JSON.stringify({
  version: versionOf("caniemail"),
  clients,
  lacking: grouped(issues.errors),
  partial: grouped(issues.warnings),
}));
