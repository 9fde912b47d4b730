// `bun bench/ladder-memory.ts [minutes]`: resident memory of the node and of each of its workers, minute by minute, with a stream and its ladder on air.
import { readFileSync } from "node:fs";
import { MAIN_KEY, startEncoder, startPlatform, untilOnAir } from "#test/e2e/platform.ts";
import { processTree, residentBytesOf } from "./measure.ts";

const minutes = Number(process.argv[2] ?? "30");

/** What a process is, for people. */
function nameOf(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const script = words.find((word) => word.includes("src/")) ?? words[0] ?? "";
  return `${script.split("src/").at(-1)} ${words.at(-2) ?? ""}`.slice(0, 48);
}

async function watch(): Promise<void> {
  await using platform = await startPlatform({ flags: ["--transcode-ladder", "180"] });
  await using _encoder = startEncoder({
    url: `${platform.rtmp}/${MAIN_KEY}`,
    size: "640x360",
    video: ["-b:v", "800k"],
  });
  await untilOnAir(platform, "main", 30_000);
  const node = await platform.nodePid();
  for (let minute = 0; minute <= minutes; minute++) {
    const figures = processTree(node).map(
      (pid) => `${nameOf(pid)}: ${(residentBytesOf(pid) / 1024 ** 2).toFixed(0)} MiB`,
    );
    console.log(`${minute} min  ${figures.join("   ")}`);
    if (minute < minutes) await new Promise((wake) => setTimeout(wake, 60_000));
  }
}

await watch();
process.exit(0);
