// `npm run soak -- --minutes N`: a platform, ffmpeg at 720p30, and three strict players for N minutes. Exit code 1 when any of them found an error.
import { parseArgs } from "node:util";
import { verdictsOf } from "#test/e2e/conformance.ts";
import { measureCpuPressure } from "#test/e2e/cpu-pressure.ts";
import { eventually } from "#test/e2e/deadline.ts";
import { MAIN_KEY, startEncoder, startPlatform, untilOnAir } from "#test/e2e/platform.ts";

/** A day and a night. */
const MINUTES_MAX = 1440;

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
  console.error(`--minutes ${values.minutes}: must be a number above 0, at most ${MINUTES_MAX}`);
  process.exit(2);
}

/** Plain players begin three target durations behind; before there is so much, they would play without any reserve. */
const JOINABLE_SECONDS = 8;

async function listedSeconds(url: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return [...text.matchAll(/#EXTINF:([\d.]+)/g)].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

await using platform = await startPlatform();
await using _encoder = startEncoder({
  url: `${platform.rtmp}/${MAIN_KEY}`,
  size: "1280x720",
  video: ["-b:v", "2500k"],
});
await untilOnAir(platform, "main", 30_000);
const source = `${platform.http}/live/main/source/index.m3u8`;
await eventually(
  30_000,
  `${JOINABLE_SECONDS} s of media`,
  async () => (await listedSeconds(source)) >= JOINABLE_SECONDS || undefined,
);
const pid = await platform.nodePid();
const pressure = measureCpuPressure();
const startMegabytes = await residentMegabytes(pid);
console.log(`on air; watching all renditions by LL-HLS, HLS and DASH for ${minutes} minutes`);
const verdicts = await verdictsOf(`${platform.http}/live/main`, { seconds: minutes * 60, timing: true });
let complaints = 0;
for (const { protocol, report, complaints: found, warnings } of verdicts) {
  const { framesVideo, framesAudio, latencyMs, stallCount, stallMs, startup, ownLagMsMax, checks } = report;
  const looked = Object.values(checks).reduce((sum, count) => sum + count, 0);
  console.log(
    `${protocol.padEnd(6)} ${framesVideo} pictures, ${framesAudio} sounds, ${looked} checks of ${Object.keys(checks).length} rules, ` +
      `first picture ${Math.round(startup.playMs ?? Number.NaN)} ms, latency of the newest media p50 ${Math.round(latencyMs.p50 ?? Number.NaN)} ms, ` +
      `${stallCount} stalls (${Math.round(stallMs)} ms), own lag at most ${Math.round(ownLagMsMax)} ms`,
  );
  for (const line of found) console.log(`  error   ${line}`);
  for (const line of warnings) console.log(`  warning ${line}`);
  complaints += found.length;
}
const samePid = (await platform.nodePid()) === pid;
if (!samePid) console.log("  error   the node was restarted meanwhile");
console.log(
  `memory of the node ${startMegabytes} → ${await residentMegabytes(await platform.nodePid())} MB; ` +
    `processors were wanting ${(100 * pressure()).toFixed(0)} % of the time`,
);
console.log(complaints === 0 && samePid ? "clean" : `${complaints} kinds of errors`);
process.exitCode = complaints === 0 && samePid ? 0 : 1;
