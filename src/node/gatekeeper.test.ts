import { afterEach, describe, expect, test } from "bun:test";
import { type ApiUnderTest, makeApi } from "#api/api-under-test.ts";
import { Fault } from "#faults/fault.ts";
import { eventually, hook, HooksUnderTest } from "#hooks/hooks-under-test.ts";
import { answer, hang, HookReceiver } from "#hooks/receiver-under-test.ts";
import type { Gatekeeper, PublishRequest, PublishSink } from "#media/publish.ts";
import type { Router } from "#router/index.ts";
import type { BroadcastSettings } from "#router/ports.ts";
import { loadConfig } from "./config.ts";
import { makeGatekeeper, makePullGate } from "./gatekeeper.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A gatekeeper over a real catalogue, a real gate and a real hook. */
async function door(publishers = 100): Promise<{ platform: ApiUnderTest; asked: HookReceiver; keeper: Gatekeeper }> {
  const [platform, asked] = [await makeApi(), await HookReceiver.open()];
  const run = await HooksUnderTest.start(hook({ url: asked.url, events: ["stream.publish-requested"] }));
  closers.push(
    () => run.close(),
    () => asked.close(),
    async () => platform[Symbol.asyncDispose](),
  );
  const config = loadConfig({ flags: ["--limits-publishers", String(publishers)], environment: {} });
  const { catalogue, router } = platform;
  return { platform, asked, keeper: makeGatekeeper({ config, catalogue, hooks: run.hooks, router }) };
}

function of(key: string): PublishRequest {
  const address = "192.0.2.5";
  return { protocol: "rtmp", app: "live", path: key, params: { ticket: "7" }, address, encoder: "Lavf60" };
}

async function outcome(admission: Promise<PublishSink>): Promise<string> {
  try {
    return (await admission).stream;
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
}

/** Leaves the question open until the answer is called. */
function held(asked: HookReceiver): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  asked.answer = (received, response) => void promise.then(() => answer(204)(received, response));
  return resolve;
}

describe("an encoder with a key", () => {
  test("is let in when the hook allows it, which learns everything but the key", async () => {
    const { platform, asked, keeper } = await door();
    const key = await platform.add({ name: "main" });
    expect(await outcome(keeper.admit(of(key)))).toBe("main");
    const wish = { stream: "main", protocol: "rtmp", app: "live", address: "192.0.2.5", params: { ticket: "7" } };
    expect(asked.received.map(({ data }) => data)).toEqual([{ ...wish, encoder: "Lavf60" }]);
    expect(asked.received[0]?.body).not.toContain(key);
  });

  test("stays out when the hook refuses it; the gate has seen nothing of it", async () => {
    const { platform, asked, keeper } = await door();
    asked.answer = answer(403);
    expect(await outcome(keeper.admit(of(await platform.add({ name: "main" }))))).toBe("PUBLISH_REFUSED");
    expect(platform.observer.named("session.opened")).toEqual([]);
  });

  test("that ended while the hook thought about it stays out", async () => {
    const { platform, asked, keeper } = await door();
    const key = await platform.add({ name: "main" });
    const allow = held(asked);
    const admission = outcome(keeper.admit(of(key)));
    await eventually(() => asked.received.length === 1, "the question");
    await platform.catalogue.rotateKey("main", { overlapSeconds: 0 });
    allow();
    expect(await admission).toBe("KEY_REFUSED");
  });

  test("that was overtaken while the hook thought about it finds the last place taken", async () => {
    const { platform, asked, keeper } = await door(1);
    const key = await platform.add({ name: "late" });
    await platform.add({ name: "quick" });
    const allow = held(asked);
    const admission = outcome(keeper.admit(of(key)));
    await eventually(() => asked.received.length === 1, "the question");
    await platform.publish("quick");
    allow();
    expect(await admission).toBe("LIMIT_REACHED");
  });
});

describe("the gate is told of a stream", () => {
  /** The gate, and what it is told when sessions are opened. */
  function toldBy({ router }: ApiUnderTest): {
    told: BroadcastSettings[];
    router: Pick<Router, "onAir" | "openSession">;
  } {
    const told: BroadcastSettings[] = [];
    const openSession: Router["openSession"] = (settings, request) => {
      told.push(settings);
      return router.openSession(settings, request);
    };
    return { told, router: { onAir: () => router.onAir(), openSession } };
  }

  test("what viewers see while nobody delivers: the configuration's file, and the stream's own words", async () => {
    const { platform } = await door();
    const own = { continuity: "end", slateAfterMs: 500, slateWords: "Pause", alwaysOn: true } as const;
    const key = await platform.add({ name: "main", title: "Cup final", settings: own });
    const config = loadConfig({ flags: ["--slate-file", "/srv/pause.png"], environment: {} });
    const { told, router } = toldBy(platform);
    const hooks = { decides: false, decide: () => Promise.resolve() };
    await makeGatekeeper({ ...platform, config, hooks, router }).admit(of(key));
    const expected = { ...own, stream: "main", title: "Cup final", slateFile: "/srv/pause.png" };
    expect(told).toEqual([expect.objectContaining(expected)]);
  });

  test("the same when it is pulled", async () => {
    const { platform } = await door();
    await platform.add({ name: "film", title: "Film night", settings: { slateAfterMs: 400 } });
    const config = loadConfig({ flags: [], environment: {} });
    const { told, router } = toldBy(platform);
    makePullGate({ ...platform, config, router }).admit("film", { address: "live.example.org", place: "rtmp://x" });
    const { slateWords, continuity } = platform.catalogue.defaults;
    const expected = { slateAfterMs: 400, slateWords, continuity, slateFile: undefined, alwaysOn: false };
    expect(told).toEqual([expect.objectContaining({ ...expected, stream: "film", title: "Film night" })]);
  });
});

test("an encoder without a valid key is nothing a hook is asked about", async () => {
  const { asked, keeper } = await door();
  asked.answer = hang;
  expect(await outcome(keeper.admit(of("not-a-key-0123456789")))).toBe("KEY_REFUSED");
  expect(asked.received).toEqual([]);
});

describe("a pull", () => {
  const origin = { address: "live.example.org", place: "rtmp://live.example.org" };

  test("is let onto its stream without a key, and no hook is asked", async () => {
    const { platform, asked } = await door();
    await platform.add({ name: "main", settings: { whenBusy: "refuse" } });
    const gate = makePullGate({ config: loadConfig({ flags: [], environment: {} }), ...platform });
    const sink = gate.admit("main", origin);
    expect([sink.stream, asked.received.length]).toEqual(["main", 0]);
    const opened = platform.observer.named("session.opened").map(({ fields }) => fields);
    expect(opened).toEqual([
      {
        stream: "main",
        session: 1,
        role: "primary",
        address: "live.example.org",
        protocol: "pull",
        encoder: "rtmp://live.example.org",
      },
    ]);
    expect(() => gate.admit("main", origin)).toThrow("main is being published from live.example.org");
  });

  test("of a stream that is not there, or one too many, is refused", async () => {
    const { platform } = await door();
    await platform.add({ name: "main" });
    const config = loadConfig({ flags: ["--limits-publishers", "1"], environment: {} });
    const gate = makePullGate({ config, ...platform });
    expect(() => gate.admit("other", origin)).toThrow("there is no stream other");
    await platform.publish("main");
    await platform.add({ name: "film" });
    expect(() => gate.admit("film", origin)).toThrow("1 streams are on air, and that is the limit");
  });
});
