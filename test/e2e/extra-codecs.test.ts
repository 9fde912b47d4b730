import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { startBrowser } from "./browser.ts";
import { verdictsOf } from "./conformance.ts";
import { eventually, within } from "./deadline.ts";
import { MAIN_KEY, startEncoder, startPlatform, startTool, untilOnAir } from "./platform.ts";
import { segmentNamesOf } from "./served-track.ts";

const SIZE = { width: 320, height: 180 };

/** Seconds and size of what a browser's own decoder makes of some segments of a track; `undefined` where it has no decoder. */
function playIn(page: Page, folder: string, codecs: string, names: readonly string[]): Promise<unknown> {
  return page.evaluate(
    async ([folder, codecs, names]) => {
      const type = `video/mp4; codecs="${codecs}"`;
      if (!MediaSource.isTypeSupported(type)) return undefined;
      const video = document.createElement("video");
      video.muted = true;
      const source = new MediaSource();
      video.src = URL.createObjectURL(source);
      await new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
      const buffer = source.addSourceBuffer(type);
      for (const name of names) {
        buffer.appendBuffer(await (await fetch(`${folder}/${name}`)).arrayBuffer());
        await new Promise((resolve) => buffer.addEventListener("updateend", resolve, { once: true }));
      }
      source.endOfStream();
      video.currentTime = buffer.buffered.start(0);
      await video.play();
      await new Promise((resolve, reject) => {
        video.addEventListener("ended", resolve, { once: true });
        video.addEventListener("error", () => reject(new Error(video.error?.message)), { once: true });
      });
      const { totalVideoFrames, corruptedVideoFrames } = video.getVideoPlaybackQuality();
      return { width: video.videoWidth, height: video.videoHeight, totalVideoFrames, corruptedVideoFrames };
    },
    [folder, codecs, names] as const,
  );
}

for (const [codec, codecsPattern] of [
  ["av1", /av01\.0\.\d\dM\.08/],
  ["hevc", /hvc1\.1\.6\.L\d+[\d.A-F]*/],
] as const) {
  test(`a rung in ${codec} too stands in the playlists, conforms, and is decoded`, async () => {
    const flags = ["--transcode-ladder", "180:400k", "--transcode-extra-codec", codec, "--segment-seconds", "1"];
    await using platform = await startPlatform({ flags });
    await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "426x240", gop: 30 });
    const playlist = await untilOnAir(platform, "main", 30_000);
    const name = `180p-${codec}`;
    const addresses = playlist.split("\n").filter((line) => line.endsWith("/index.m3u8"));
    expect(addresses.toSorted()).toEqual(["180p", name, "source"].map((track) => `${track}/index.m3u8`).toSorted());
    const codecs = codecsPattern.exec(playlist)?.[0] ?? "";
    expect(codecs).not.toBe("");
    const names = await eventually(20_000, "three segments", async () => {
      const found = await segmentNamesOf(platform, name);
      return found.length >= 3 ? found.slice(-3) : undefined;
    });
    const folder = `${platform.http}/live/main/${name}`;
    await using browser = await startBrowser();
    const page = await browser.page();
    await page.goto(`${platform.http}/watch/main`);
    const init = /URI="([^"]+)"/.exec(await (await fetch(`${folder}/index.m3u8`)).text())?.[1] ?? "";
    const played = await playIn(page, folder, codecs, [init, ...names]);
    // This browser may have no decoder of HEVC; it has one of AV1.
    if (codec === "av1" || played !== undefined)
      expect(played).toEqual({ ...SIZE, totalVideoFrames: 90, corruptedVideoFrames: 0 });
    await page.close();
    for (const { protocol, complaints } of await verdictsOf(`${platform.http}/live/main`, {
      seconds: 6,
      timing: false,
    }))
      expect(`${protocol}: ${complaints.join("; ")}`).toBe(`${protocol}: `);
    const args = ["-v", "error", "-xerror", "-i", `${folder}/index.m3u8`, "-t", "3", "-f", "null", "-"];
    await using tool = startTool("ffmpeg", args);
    expect(await within(30_000, "ffmpeg", tool.exited)).toBe(0);
    expect(tool.output()).toBe("");
  }, 90_000);
}
