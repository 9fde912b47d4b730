import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Fault, ProtocolError } from "#faults/fault.ts";
import { publishAddress } from "./publish-address.ts";
import { parseRtmpUrl } from "./rtmp-url.ts";

const tcUrl = "rtmp://host/live";

test("the forms encoders send all give the stream and its key", () => {
  const named = { app: "live", path: "NAME", key: "KEY", params: {} };
  expect(publishAddress({ app: "live", tcUrl, name: "KEY" })).toEqual({ app: "live", path: "KEY", params: {} });
  // OBS with everything in the server field and an empty key.
  expect(publishAddress({ app: "live/KEY", tcUrl: `${tcUrl}/KEY`, name: "" })).toEqual({
    app: "live",
    path: "KEY",
    params: {},
  });
  expect(publishAddress({ app: "live", tcUrl, name: "NAME?key=KEY" })).toEqual(named);
  expect(publishAddress({ app: "live?key=KEY", tcUrl, name: "NAME" })).toEqual(named);
  expect(publishAddress({ app: "live", tcUrl: `${tcUrl}?key=KEY`, name: "NAME" })).toEqual(named);
  expect(publishAddress({ app: "live/NAME?key=KEY", tcUrl: `${tcUrl}/NAME?key=KEY`, name: "" })).toEqual(named);
  expect(publishAddress({ app: "live/", tcUrl, name: "/NAME?key=KEY" })).toEqual(named);
});

test("what stands nearer to the name wins, and other parameters are kept", () => {
  const address = publishAddress({
    app: "live?key=A&role=primary",
    tcUrl: `${tcUrl}?key=B&x=1`,
    name: "NAME?role=backup&key=C%2FD&flag",
  });
  expect(address).toEqual({ app: "live", path: "NAME", key: "C/D", params: { role: "backup", x: "1", flag: "" } });
});

test("broken percent signs stay, hostile names are plain text", () => {
  expect(publishAddress({ app: "live", tcUrl, name: "a%zz?key=%" }).path).toBe("a%zz");
  const { params } = publishAddress({ app: "live", tcUrl, name: "a?__proto__=x&constructor=y" });
  expect(Object.entries(params)).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  expect(Object.keys(publishAddress({ app: "live", tcUrl, name: `a?${"x=1&".repeat(200)}` }).params)).toHaveLength(1);
});

test("any text gives an address or a ProtocolError", () => {
  const text = fc.string({ unit: "binary", maxLength: 1200 });
  fc.assert(
    fc.property(text, text, text, (app, url, name) => {
      try {
        expect(publishAddress({ app, tcUrl: url, name }).path).toBeString();
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: 300, interruptAfterTimeLimit: 1500 },
  );
});

test("a publish URL is taken apart for our own publisher", () => {
  expect(parseRtmpUrl("rtmp://host/live/KEY")).toEqual({
    host: "host",
    port: 1935,
    secure: false,
    target: { tcUrl: "rtmp://host:1935/live", app: "live", name: "KEY" },
  });
  expect(parseRtmpUrl("rtmps://[::1]:4443/a/b/NAME?key=K/L")).toEqual({
    host: "::1",
    port: 4443,
    secure: true,
    target: { tcUrl: "rtmps://[::1]:4443/a/b", app: "a/b", name: "NAME?key=K/L" },
  });
  for (const bad of ["http://host/live/KEY", "rtmp://host/KEY", "rtmp://host:99999/live/KEY", "rtmp:///live/KEY", ""]) {
    expect(() => parseRtmpUrl(bad)).toThrow(Fault);
  }
});
