// `npm run bench [section …]`: the speed table. Sections: edge, ingest, parked, latency, ladder. All of them take about a quarter of an hour.
import { cpus } from "node:os";
import { benchEdge } from "./edge.ts";
import { benchIngest } from "./ingest.ts";
import { benchLadder } from "./ladder.ts";
import { benchLatency } from "./latency.ts";
import { versionOf } from "./measure.ts";
import { benchParked } from "./parked.ts";
import { renderTable, type Row } from "./table.ts";

const SECTIONS: Readonly<Record<string, () => Promise<Row[]>>> = {
  edge: benchEdge,
  parked: benchParked,
  latency: benchLatency,
  ingest: benchIngest,
  ladder: benchLadder,
};

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith("-"));
const unknown = wanted.filter((name) => SECTIONS[name] === undefined);
if (unknown.length > 0) {
  console.error(`unknown section ${unknown.join(", ")}: there are ${Object.keys(SECTIONS).join(", ")}`);
  process.exit(2);
}
console.log(`machine: ${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}`);
console.log(`peers: ${versionOf("nginx", ["-v"])}; ${versionOf("varnishd", ["-V"])}`);
const rows: Row[] = [];
for (const [name, run] of Object.entries(SECTIONS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = performance.now();
  rows.push(...(await run()));
  console.log(`${name}: done in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}
console.log(`\n${renderTable(rows)}`);
