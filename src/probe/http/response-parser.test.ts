import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { ResponseParser } from "./response-parser.ts";

interface Heard {
  status: number;
  headers: Record<string, string>;
  body: string;
  ended: boolean;
}

function hear(chunks: readonly Uint8Array[], options: { method?: "GET" | "HEAD"; close?: boolean } = {}): Heard {
  const heard: Heard = { status: 0, headers: {}, body: "", ended: false };
  const sink = {
    head: (status: number, headers: ReadonlyMap<string, string>) => {
      heard.status = status;
      heard.headers = Object.fromEntries(headers);
    },
    body: (chunk: Uint8Array) => {
      heard.body += new TextDecoder("latin1").decode(chunk);
    },
    end: () => {
      heard.ended = true;
    },
  };
  const parser = new ResponseParser(sink);
  parser.expect(sink, options.method ?? "GET");
  for (const chunk of chunks) {
    const copy = chunk.slice();
    parser.receive(copy);
    copy.fill(0xff);
  }
  if (options.close) parser.close();
  return heard;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const RESPONSES: Readonly<Record<string, { text: string; body: string; close?: boolean }>> = {
  "a fixed length": { text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello", body: "hello" },
  chunks: {
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
    body: "hello",
  },
  "an interim response first": {
    text: "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    body: "",
  },
  "the end of the connection": { text: "HTTP/1.1 200 OK\r\n\r\nhello", body: "hello", close: true },
};

describe("any split of the bytes gives the same response with", () => {
  for (const [name, { text, body, close }] of Object.entries(RESPONSES)) {
    test(name, () => {
      const all = bytes(text);
      const whole = hear([all], { close: close ?? false });
      expect(whole).toMatchObject({ body, ended: true });
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 0, max: all.byteLength }), { maxLength: 8 }), (cuts) => {
          const edges = [0, ...cuts.sort((a, b) => a - b), all.byteLength];
          const chunks = edges.slice(1).map((edge, i) => all.subarray(edges[i], edge));
          expect(hear(chunks, { close: close ?? false })).toEqual(whole);
        }),
        { numRuns: 200 },
      );
    });
  }
});

test("HEAD has no body whatever its length says", () => {
  const text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  expect(hear([bytes(text)], { method: "HEAD" })).toMatchObject({ body: "", ended: true });
});

test("what is no HTTP is refused", () => {
  for (const text of [
    "HTTP/2 200\r\n\r\n",
    "hello\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
    `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}\r\n\r\n`,
  ]) {
    expect(() => hear([bytes(text)])).toThrow(ProtocolError);
  }
});
