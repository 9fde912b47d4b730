import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { answerHeadOf, bodyOf, headText, isPlaylist, SECURE_PLACES_MAX, SecurePlaces } from "./plain-answer.ts";

const head = (text: string) => {
  const read = answerHeadOf(text);
  if (read === undefined) throw new Error(`no head: ${text}`);
  return read;
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("an address over TLS", () => {
  test("is named in plain with its port, which is remembered; everything else stays", () => {
    const places = new SecurePlaces();
    expect(places.plain("https://Host.example/a?b=https://c")).toBe("http://Host.example:443/a?b=https://c");
    expect(places.plain("https://u:p@[2001:db8::1]:8443")).toBe("http://u:p@[2001:db8::1]:8443");
    expect([places.has("host.example", 443), places.has("2001:db8::1", 8443), places.has("c", 443)]).toEqual([
      true,
      true,
      false,
    ]);
    for (const url of ["http://a.example/", "/b", "https:///x", "https://a b/"]) {
      expect(new SecurePlaces().plain(url)).toBe(url);
    }
  });

  test("stays as it is where a source names too many", () => {
    const places = new SecurePlaces();
    for (let i = 0; i < SECURE_PLACES_MAX; i++) places.plain(`https://host-${i}/`);
    expect(places.plain("https://one-more/")).toBe("https://one-more/");
    expect(places.plain("https://host-3/x")).toBe("http://host-3:443/x");
  });

  test("is found wherever a playlist names one, without a scheme too when the playlist came over TLS", () => {
    const text =
      '#EXTM3U\n#EXT-X-KEY:URI="https://k.example/key"\n//cdn.example/a.ts\nhttps://s.example:8443/b.ts\nc//d.ts\n';
    expect(new SecurePlaces().playlist(text, true)).toBe(
      '#EXTM3U\n#EXT-X-KEY:URI="http://k.example:443/key"\nhttp://cdn.example:443/a.ts\nhttp://s.example:8443/b.ts\nc//d.ts\n',
    );
    expect(new SecurePlaces().playlist(text, false)).toContain("\n//cdn.example/a.ts\n");
  });
});

describe("an answer", () => {
  test("has its redirect in plain, and ends with its connection", () => {
    const places = new SecurePlaces();
    const moved = head("HTTP/1.1 302 Found\r\nLocation: https://h.example/x\r\nKeep-Alive: 5\r\nX-A: b: c\r\n");
    expect(headText(moved, places)).toBe(
      "HTTP/1.1 302\r\nlocation: http://h.example:443/x\r\nx-a: b: c\r\nconnection: close\r\n\r\n",
    );
    for (const text of ["", "HTTP/2 200\r\n", "SSH-2.0-x\r\n"]) expect(answerHeadOf(text)).toBeUndefined();
  });

  test("is a playlist by its type or its name", () => {
    const typed = head("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegURL\r\n");
    const other = head("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n");
    expect([isPlaylist(typed, "/a"), isPlaylist(other, "/a.m3u8?b"), isPlaylist(other, "/a.ts")]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isPlaylist(head("HTTP/1.1 404 No\r\n"), "/a.m3u8")).toBe(false);
  });

  test("is whole with its length, its last chunk or its end", () => {
    const sized = head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n");
    expect([bodyOf(sized, bytes("ab"), true), bodyOf(sized, bytes("abcd"), false)]).toEqual([undefined, bytes("abc")]);
    const open = head("HTTP/1.1 200 OK\r\n");
    expect([bodyOf(open, bytes("ab"), false), bodyOf(open, bytes("ab"), true)]).toEqual([undefined, bytes("ab")]);
  });

  test("in chunks is whole when the last one is there, whatever its chunks, and never before", () => {
    const chunked = head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 })), fc.nat(), (parts, cut) => {
        const chunks = parts.map((part) =>
          Buffer.concat([bytes(`${bytes(part).byteLength.toString(16)};x\r\n`), bytes(part), bytes("\r\n")]),
        );
        const whole = Buffer.concat([...chunks, bytes("0\r\n")]);
        expect(Buffer.from(bodyOf(chunked, whole, false) ?? [1]).toString()).toBe(parts.join(""));
        expect(bodyOf(chunked, whole.subarray(0, cut % whole.byteLength), true)).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (noise) => void bodyOf(chunked, noise, true)));
    fc.assert(fc.property(fc.string(), (noise) => void answerHeadOf(noise)));
  });
});
