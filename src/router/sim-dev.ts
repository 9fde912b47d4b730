import { Evening } from "./random-evening.ts";
const seed = Number(process.argv[2]), secs = Number(process.argv[3] ?? 600);
const t = performance.now();
try { console.log(JSON.stringify(await Evening.run(seed, secs))); } catch (e) { console.log(String((e as Error).message).slice(0, 2500)); if (process.argv[4]) console.log((e as Error).cause); }
console.log("took", ((performance.now() - t) / 1000).toFixed(1));
