import { afterEach, describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import { AirLog } from "#router/air-log.ts";
import type { Airtime, LiveAnswer, StreamHealth } from "#web/wire.ts";
import { type ApiUnderTest, makeApi } from "./api-under-test.ts";
import { EncoderUnderTest } from "./encoder-under-test.ts";
import { EVENT_STREAMS_MAX } from "./live-events.ts";

let made: ApiUnderTest;
afterEach(() => made[Symbol.asyncDispose]());

const answer = async (path: string): Promise<LiveAnswer> => (await (await made.ask(path)).json()) as LiveAnswer;

/** Reads pushed events until one satisfies, within the test's own deadline. */
class Events {
  readonly #reader;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response) {
    this.#reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
  }

  async next(): Promise<LiveAnswer | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        if (event.startsWith("data: ")) return JSON.parse(event.slice(6)) as LiveAnswer;
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

describe("what is on air", () => {
  test("is for everybody, from everywhere, and shows nothing of the operator's", async () => {
    made = await makeApi();
    await made.add({ name: "main", title: "Sunday" });
    await made.add({ name: "quiet" });
    const sinceMs = made.clock.wallMs();
    await made.publish("main");
    const response = await made.ask("/api/v1/live");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    expect(response.headers.get("cache-control")).toBe("public, max-age=1");
    expect((await response.json()) as LiveAnswer).toEqual({
      streams: [
        {
          name: "main",
          title: "Sunday",
          state: "live",
          startsSoon: false,
          sinceMs,
          endedMs: null,
          width: 1280,
          height: 720,
        },
      ],
    });
    expect((await made.ask("/api/v1/streams")).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("tells of one stream whether it has not begun or is over", async () => {
    made = await makeApi();
    await made.add({ name: "main" });
    expect((await answer("/api/v1/live?stream=main")).streams[0]).toMatchObject({ state: "offline", endedMs: null });
    const encoder = await made.publish("main");
    encoder.disconnect();
    expect((await answer("/api/v1/live?stream=main")).streams[0]?.state).toBe("interrupted");
    await made.askAdmin("/api/v1/streams/main/stop", { method: "POST" });
    const endedMs = made.clock.wallMs();
    expect((await answer("/api/v1/live?stream=main")).streams[0]).toMatchObject({ state: "offline", endedMs });
    await made.clock.advance(5_000);
    await made.publish("main");
    expect((await answer("/api/v1/live?stream=main")).streams[0]).toMatchObject({ state: "live", endedMs: null });
    expect((await made.ask("/api/v1/live?stream=none")).status).toBe(404);
    expect((await made.ask(`/api/v1/live?stream=${"x".repeat(200)}`)).status).toBe(400);
  });

  test("says that a stream begins soon until it has had an encoder, also after a restart", async () => {
    let airtime: Airtime | undefined;
    const status = (stream: string): StreamHealth | undefined => {
      const health = made.router.health(stream);
      return health === undefined || airtime === undefined ? undefined : { ...health, state: "slate", airtime };
    };
    const live = { onAir: () => [], status, lastAirtime: () => undefined, pullStatus: () => undefined };
    made = await makeApi({ live: { ...live, onChange: () => () => undefined } });
    await made.add({ name: "main" });
    await made.publish("main");
    const [began] = made.router.health("main")?.airtime.stretches ?? [];
    const fromMs = began?.fromMs ?? 0;
    const log = new AirLog({ nowMs: 0, wallMs: fromMs });
    log.slate("started", 0);
    const startsSoon = async (of: Airtime): Promise<boolean | undefined> => {
      airtime = of;
      return (await answer("/api/v1/live?stream=main")).streams[0]?.startsSoon;
    };
    expect(await startsSoon(log.airtime(1000))).toBe(true);
    const again = new AirLog({ nowMs: 0, wallMs: fromMs + 9000, before: log.airtime(1000) });
    again.slate("started", 10);
    expect(await startsSoon(again.airtime(1000))).toBe(true);
    const encoder = { session: 1, role: "primary", address: "192.0.2.1", protocol: "rtmp", encoder: null } as const;
    again.encoder(encoder, "back", 2000);
    again.slate("lost", 3000);
    expect(await startsSoon(again.airtime(4000))).toBe(false);
    const anew = new AirLog({ nowMs: 0, wallMs: fromMs + 9000 });
    anew.slate("started", 0);
    expect(await startsSoon(anew.airtime(1000))).toBe(false);
  });

  test("leaves out streams that were removed while on air", async () => {
    made = await makeApi();
    const { router, clock } = made;
    await new EncoderUnderTest({ router, clock, stream: "gone" }).goLive();
    expect(router.onAir()).toEqual(["gone"]);
    expect((await answer("/api/v1/live")).streams).toEqual([]);
  });
});

describe("pushed events", () => {
  test("tell the state at once and after each change, changes that come together once", async () => {
    made = await makeApi();
    await made.add({ name: "main" });
    await made.add({ name: "other" });
    const response = await made.ask("/api/v1/live/events?stream=main");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = new Events(response);
    expect((await events.next())?.streams[0]?.state).toBe("offline");
    const encoder = await made.publish("main");
    encoder.disconnect();
    await encoder.reconnect();
    expect((await events.next())?.streams[0]?.state).toBe("live");
    // What happens to others is not told to this page.
    await made.publish("other");
    await made.askAdmin("/api/v1/streams/main/stop", { method: "POST" });
    expect((await events.next())?.streams[0]?.state).toBe("offline");
    await made.catalogue.remove("main");
    await made.askAdmin("/api/v1/streams/other/stop", { method: "POST" });
    expect((await events.next())?.streams).toEqual([]);
    await events.cancel();
  });

  test("end with the server", async () => {
    made = await makeApi();
    const events = new Events(await made.ask("/api/v1/live/events"));
    expect((await events.next())?.streams).toEqual([]);
    made.api.close();
    expect(await events.next()).toBeUndefined();
  });

  test("go to a bounded number of pages, and a page that leaves makes room", async () => {
    made = await makeApi();
    const open = await Promise.all(Array.from({ length: EVENT_STREAMS_MAX }, () => made.ask("/api/v1/live/events")));
    expect(made.metrics.render()).toContain(`grandstand_api_event_streams ${EVENT_STREAMS_MAX}`);
    const refused = await made.ask("/api/v1/live/events");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    await open[0]?.body?.cancel();
    expect((await made.ask("/api/v1/live/events")).status).toBe(200);
    expect((await made.ask("/api/v1/live/events?stream=none")).status).toBe(404);
  });

  test("are not kept for who asks for their headers only", async () => {
    made = await makeApi();
    const head = await made.ask("/api/v1/live/events", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type"), head.body]).toEqual([200, "text/event-stream", null]);
    expect(made.metrics.render()).toContain("grandstand_api_event_streams 0");
  });

  test("are not heaped up for a page that does not read", async () => {
    made = await makeApi();
    await made.add({ name: "main" });
    const response = await made.ask("/api/v1/live/events");
    const stop = new Fault("BROADCAST_STOPPED", "ended by the test");
    for (let i = 0; i < 50; i++) {
      made.router.stop("main", stop);
      await made.clock.advance(2_000);
      await made.publish("main");
      await new Promise((resolve) => setImmediate(resolve));
    }
    const newest = await answer("/api/v1/live");
    const events = new Events(response);
    let count = 1;
    for (let told = await events.next(); !Bun.deepEquals(told, newest); told = await events.next(), count++) {
      if (told === undefined) throw new Error("the events ended before they told what is on air now");
    }
    expect(count).toBeLessThan(6);
    await events.cancel();
  });
});
