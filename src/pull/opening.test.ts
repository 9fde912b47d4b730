import { describe, expect, test } from "bun:test";
import { parsePullSource } from "#media/pull-source.ts";
import { systemClock } from "#time/system-clock.ts";
import { isPublicAddress } from "./address-rule.ts";
import type { DemuxSettings } from "./demux-settings.ts";
import { openingOf } from "./opening.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** What the reader of a source is told. */
async function opening(text: string, allowPrivate = false): Promise<DemuxSettings> {
  const source = parsePullSource(text);
  if (source === undefined) throw new Error(`no source: ${text}`);
  const permits = allowPrivate ? () => true : isPublicAddress;
  const way = { permits, trust: { insecure: false }, clock: systemClock };
  const opened = await openingOf({ source, loop: true, way, allowPrivate, refused: () => undefined });
  await opened.close();
  return opened.settings;
}

describe("a source inside this network", () => {
  test("is refused, whatever its spelling and its protocol", async () => {
    const hosts = [
      "127.0.0.1",
      "localhost",
      "[::1]",
      "10.1.2.3",
      "169.254.169.254",
      "[fd00::1]",
      "[::ffff:192.168.1.1]",
    ];
    for (const host of hosts) {
      for (const scheme of ["rtmp", "rtmps", "http", "https", "srt"]) {
        await expect(opening(`${scheme}://${host}:1234/a/b`)).rejects.toMatchObject({ code: "PULL_REFUSED" });
      }
    }
  });

  test("is opened when the operator allows it; RTSP only then", async () => {
    for (const scheme of ["rtsp", "rtsps"]) {
      await expect(opening(`${scheme}://8.8.8.8/cam`)).rejects.toMatchObject({ code: "PULL_REFUSED" });
    }
    expect((await opening("rtsp://10.0.0.9/cam", true)).options).toMatchObject({
      rtsp_transport: "udp+tcp",
      rtsp_flags: "prefer_tcp",
    });
    expect((await opening("http://127.0.0.1/a.m3u8", true)).input).toBe("http://127.0.0.1/a.m3u8");
  });
});

describe("how sources are opened", () => {
  test("by the address that was checked, with the name where the protocol says it", async () => {
    const { input, options } = await opening("rtmp://u:p@localhost:1999/live/key?t=1", true);
    expect(input).toMatch(/^rtmp:\/\/u:p@(127\.0\.0\.1|\[::1\]):1999\/live\/key\?t=1$/);
    expect(options["rtmp_tcurl"]).toBe("rtmp://localhost:1999/live");
    expect((await opening("rtmp://8.8.8.8/app/room/key")).options["rtmp_tcurl"]).toBe("rtmp://8.8.8.8/app/room");
    expect((await opening("srt://[2606:4700::1]:9000?streamid=a b".replace(" ", "%20"))).input).toBe(
      "srt://[2606:4700::1]:9000?streamid=a%20b&mode=caller",
    );
  });

  test("over TLS by what this process speaks it with: no library does", async () => {
    const web = await opening("https://u:p@localhost/live/a.m3u8?t=1", true);
    expect(web.input).toBe("http://u:p@localhost:443/live/a.m3u8?t=1");
    const rtmp = await opening("rtmps://u:p@localhost:1999/live/key?t=1", true);
    expect(rtmp.input).toMatch(/^rtmp:\/\/u:p@127\.0\.0\.1:\d+\/live\/key\?t=1$/);
    expect(rtmp.options["rtmp_tcurl"]).toBe("rtmps://localhost:1999/live");
    expect((await opening("rtsps://u:p@[::1]/cam", true)).input).toMatch(/^rtsp:\/\/u:p@127\.0\.0\.1:\d+\/cam$/);
    for (const { protocols } of [web, rtmp]) expect(protocols).not.toContain("tls");
  });

  test("files by nothing but files, and without playlists; the web without files", async () => {
    const file = await opening("/media/a.mp4");
    expect([file.input, file.protocols, file.loop, file.paced]).toEqual(["file:/media/a.mp4", ["file"], true, true]);
    expect(file.formats).not.toContain("hls");
    for (const url of ["https://8.8.8.8/a.m3u8", "rtmp://8.8.8.8/a/b", "rtmps://8.8.8.8/a/b", "srt://8.8.8.8:1"]) {
      const { protocols, loop } = await opening(url);
      expect([protocols.includes("file"), protocols.includes("data")]).toEqual([false, false]);
      expect(loop).toBe(url.startsWith("https:"));
    }
  });
});

test("messages keep scheme and host of URLs alone", () => {
  const text = "open https://u:pw@h.example:8443/a/key.m3u8?sig=1, then 'rtmp://h/live/KEY'\nand /a/file.mp4";
  expect(withoutSecrets(text)).toBe("open https://h.example:8443/… then 'rtmp://h/…' and /a/file.mp4");
});
