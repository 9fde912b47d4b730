import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parsePullSource, pullPlace } from "./pull-source.ts";

test("URLs of the protocols there are, and paths", () => {
  const places = [
    ["rtmp://user:pa@ss@host.example:1936/live/secret", undefined],
    ["RTMP://host.example/live/secret?token=1", "rtmp://host.example"],
    ["rtmps://u:p@host.example/app/key", "rtmps://host.example"],
    ["https://cdn.example:8443/a/index.m3u8?sig=x", "https://cdn.example:8443"],
    ["http://[2001:db8::1]:81/x.m3u8", "http://[2001:db8::1]:81"],
    ["rtsp://admin:1234@10.0.0.9:554/stream1", "rtsp://10.0.0.9:554"],
    ["srt://host.example:9000?streamid=read:main&passphrase=0123456789", "srt://host.example:9000"],
    ["/media/film.mp4", "/media/film.mp4"],
    ["films/night loop.mkv", "films/night loop.mkv"],
  ] as const;
  for (const [text, place] of places) {
    const source = parsePullSource(text);
    expect([text, source === undefined ? undefined : pullPlace(source)]).toEqual([text, place]);
  }
});

test("other schemes, listeners and nonsense are refused", () => {
  const refused = [
    "",
    "file:///etc/passwd",
    "concat:a|b",
    "gopher://x/",
    "data:video/mp4;base64,AA",
    "http://",
    "http:///x",
  ];
  const further = [
    "rtmp://host:0/live",
    "rtmp://host:70000/live",
    "http://a b/",
    "srt://host",
    "a\u0000b",
    "http://h\\@x/",
  ];
  const listeners = ["srt://0.0.0.0:9000?mode=listener", "srt://host:9000?localaddr=10.0.0.1"];
  for (const text of [...refused, ...further, ...listeners, `/${"x".repeat(2000)}`]) {
    expect([text, parsePullSource(text)]).toEqual([text, undefined]);
  }
});

test("no text throws, and no place shows what stands before an @ or behind a host", () => {
  const secret = fc.stringMatching(/^[a-z0-9]{8}$/).map((text) => `s3cret${text}`);
  fc.assert(
    fc.property(secret, fc.constantFrom("rtmp", "https", "rtsp"), (word, scheme) => {
      const source = parsePullSource(`${scheme}://${word}:${word}@host.example/${word}?${word}`);
      expect(source === undefined ? "" : pullPlace(source)).toBe(`${scheme}://host.example`);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parsePullSource(text)));
});
