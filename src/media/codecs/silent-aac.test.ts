import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { buildAacLcConfig, parseAacConfig } from "./aac.ts";
import { withAdts } from "./adts.ts";
import { silentAacFrame } from "./silent-aac.ts";

const FRAMES = 12;
const CHANNELS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8];

for (const configuration of [1, 2, 3, 4, 5, 6, 7]) {
  for (const sampleRate of [44100, 48000]) {
    test(`ffmpeg decodes silence of channel configuration ${configuration} at ${sampleRate} Hz`, () => {
      const config = parseAacConfig(buildAacLcConfig(sampleRate, configuration));
      const frame = silentAacFrame(config);
      if (frame === undefined) throw new Error("no silence");
      const unit = withAdts(sampleRate, configuration, frame);
      const stream = Uint8Array.from(Array.from({ length: FRAMES }, () => [...unit]).flat());
      const run = spawnSync("ffmpeg", ["-v", "warning", "-xerror", "-f", "aac", "-i", "-", "-f", "s16le", "-"], {
        input: stream,
      });
      expect(run.stderr.toString()).toBe("");
      expect(run.status).toBe(0);
      const channels = CHANNELS[configuration] ?? 0;
      expect(run.stdout.byteLength).toBe(FRAMES * 1024 * channels * 2);
      expect(run.stdout.every((byte) => byte === 0)).toBe(true);
    });
  }
}

test("there is no prepared silence for HE-AAC", () => {
  expect(silentAacFrame(parseAacConfig(Uint8Array.of(0x2b, 0x11, 0x88, 0)))).toBeUndefined();
});
