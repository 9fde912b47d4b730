import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, within } from "./deadline.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, startTool, untilOnAir } from "./platform.ts";
import { transcoderPids } from "./transcoder-pids.ts";

const RUNG = "180p";
const KILLS = 20;
/** Pictures of a segment: two seconds of 30. */
const SEGMENT_PICTURES = 60;

interface Rung {
  readonly text: string;
  readonly init: string;
  readonly segments: readonly string[];
}

async function rungOf(platform: Platform): Promise<Rung> {
  const text = await (await fetch(`${platform.http}/live/main/${RUNG}/index.m3u8`)).text();
  const lines = text.split("\n");
  return {
    text,
    init: /#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1] ?? "",
    segments: lines.filter((line) => line.endsWith(".m4s") && !line.startsWith("#")),
  };
}

const numberOf = (name: string | undefined): number => Number(/-(\d+)\.m4s/.exec(name ?? "")?.[1]);

test("with two workers, killing one of them twenty times costs viewers nothing", async () => {
  await using platform = await startPlatform({
    flags: ["--transcode-ladder", "180", "--transcode-redundancy", "2", "--window-seconds", "300"],
  });
  await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "426x240" });
  await untilOnAir(platform, "main", 30_000);
  const first = numberOf((await rungOf(platform)).segments[0]);
  let victim = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // The victim is the one that has been there for longer: the other one has come to encode by then.
    const [older = 0] = await eventually(20_000, "two workers", async () => {
      const pids = await transcoderPids(platform);
      return pids.length === 2 && !pids.includes(victim) ? pids.sort((a, b) => a - b) : undefined;
    });
    const before = numberOf((await rungOf(platform)).segments.at(-1));
    await eventually(15_000, "the younger worker to have had a whole segment", async () =>
      numberOf((await rungOf(platform)).segments.at(-1)) >= before + (kill === 0 ? 0 : 2) ? true : undefined,
    );
    const momentMs = performance.now() + Math.random() * 500;
    await eventually(1000, "a random moment", async () => (performance.now() >= momentMs ? true : undefined));
    victim = older;
    process.kill(victim, "SIGKILL");
  }
  const last = numberOf((await rungOf(platform)).segments.at(-1));
  const rung = await eventually(15_000, "two more segments", async () => {
    const now = await rungOf(platform);
    return numberOf(now.segments.at(-1)) >= last + 2 ? now : undefined;
  });
  expect(rung.text).not.toContain("EXT-X-GAP");
  const numbers = rung.segments.map(numberOf);
  expect(numbers).toEqual(numbers.map((_, i) => first + i));
  const folder = await mkdtemp(join(tmpdir(), "grandstand-rung-"));
  try {
    const bodies = await Promise.all(
      [rung.init, ...rung.segments].map(async (name) => {
        const answer = await fetch(`${platform.http}/live/main/${RUNG}/${name}`);
        expect(answer.status).toBe(200);
        return new Uint8Array(await answer.arrayBuffer());
      }),
    );
    const path = join(folder, "rung.mp4");
    await writeFile(path, Buffer.concat(bodies));
    const args = ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path];
    await using tool = startTool("ffprobe", args);
    expect(await within(60_000, "ffprobe", tool.exited)).toBe(0);
    expect(tool.output().trim()).toBe(String(rung.segments.length * SEGMENT_PICTURES));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
