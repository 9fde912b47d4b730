import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault } from "#faults/fault.ts";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { connectPublisher, type RtmpPublisher } from "#protocols/rtmp/client.ts";
import { nodeCrypto } from "#protocols/rtmp/connection.ts";
import { RtmpClientSession } from "#protocols/rtmp/client-session.ts";
import { recordedSessions } from "#protocols/rtmp/vectors/sessions.ts";
import { systemClock } from "#time/system-clock.ts";
import { startIngest } from "./index.ts";
import { eventually, GOOD_KEY, ingestUnderTest, testIdentity } from "./vectors/harness.ts";

const AAC = parseAacConfig(buildAacLcConfig(48_000, 2));
const AUDIO = { kind: "audio", number: 0 } as const;

function publisherTo(
  port: number,
  path: string,
  options: { digest?: boolean; ca?: string; scheme?: string } = {},
): Promise<RtmpPublisher> {
  const { scheme = "rtmp", ...rest } = options;
  return connectPublisher({
    url: `${scheme}://localhost:${port}/${path}`,
    encoder: "test",
    nowMs: () => systemClock.nowMs(),
    ...rest,
  });
}

function audioFrame(dts: number): Parameters<RtmpPublisher["frame"]>[0] {
  return { track: AUDIO, dts, ptsOffset: 0, keyframe: true, payload: Uint8Array.of(0x21, 0x10, dts & 255) };
}

/** A bare socket that counts what it gets and knows when it was closed. */
function rawSocket(port: number, first?: Uint8Array): { socket: Socket; closed: Promise<void> } {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => undefined);
  socket.on("data", () => undefined);
  if (first !== undefined) socket.write(first);
  return { socket, closed };
}

for (const digest of [true, false]) {
  test(`a publication by the ${digest ? "digest" : "plain"} handshake reaches the gate whole and in order`, async () => {
    await using up = await ingestUnderTest();
    const publisher = await publisherTo(up.port, `live/main?key=${GOOD_KEY}&role=backup`, { digest });
    publisher.metadata({ encoder: "test" });
    publisher.configure(AUDIO, AAC, 0);
    for (let i = 0; i < 500; i++) publisher.frame(audioFrame(i * 21));
    await publisher.close();
    const sink = await eventually("the gate's session", () => up.gate.sinks[0]);
    await eventually("the end", () => sink.ended);
    expect(sink.request).toEqual({
      protocol: "rtmp",
      address: "127.0.0.1",
      app: "live",
      path: "main",
      key: GOOD_KEY,
      params: { role: "backup" },
      encoder: "test",
    });
    expect(sink.frames.map((frame) => frame.dts)).toEqual(Array.from({ length: 500 }, (_, i) => i * 21));
    expect([sink.calls[0], sink.calls[1], sink.calls.at(-1)]).toEqual(["metadata", "configure", "end"]);
    expect(sink.ended).toBe("finished");
    expect(JSON.stringify(up.observer.events)).not.toContain(GOOD_KEY);
    expect(up.metrics.render()).toContain('grandstand_ingest_frames_total{kind="audio"} 500');
  });
}

test("a cut line is told as lost, with one line in the log", async () => {
  await using up = await ingestUnderTest();
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  publisher.configure(AUDIO, AAC, 0);
  const sink = await eventually("the configuration", () => up.gate.sinks[0]?.configs[0] && up.gate.sinks[0]);
  publisher.destroy();
  expect(await eventually("the end", () => sink.ended)).toBe("lost");
  expect(up.observer.named("ingest.ended")).toHaveLength(1);
  await eventually("the place to come back", () => up.metrics.render().includes("grandstand_ingest_connections 0"));
});

test("statistics follow a publication", async () => {
  await using up = await ingestUnderTest();
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  publisher.configure(AUDIO, AAC, 0);
  publisher.frame(audioFrame(0));
  const one = await eventually("the frame", () => up.ingest.sessions().find((session) => session.audioFrames === 1));
  expect(one).toMatchObject({
    stream: "main",
    protocol: "rtmp",
    address: "127.0.0.1",
    encoder: "test",
    videoFrames: 0,
  });
  expect(one.receivedBytes).toBeGreaterThan(3073);
  await publisher.close();
  await eventually("the end", () => up.ingest.sessions().length === 0);
});

test("a wrong key is refused with its reason after a delay, and logged once", async () => {
  await using up = await ingestUnderTest();
  const startedMs = systemClock.nowMs();
  const attempts = [1, 2].map(() => publisherTo(up.port, "live/WRONG-SECRET").catch((error: unknown) => error));
  for (const error of await Promise.all(attempts)) {
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).code).toBe("RTMP_REFUSED");
    expect((error as Fault).message).toContain("the stream key is not valid");
  }
  expect(systemClock.nowMs() - startedMs).toBeGreaterThan(1900);
  expect(up.observer.named("ingest.refused")).toHaveLength(1);
  expect(up.observer.named("ingest.connection.failed")).toEqual([]);
  expect(JSON.stringify(up.observer.events)).not.toContain("WRONG-SECRET");
});

test("an expelled encoder hears why, and its connection ends with one line", async () => {
  await using up = await ingestUnderTest();
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  const sink = await eventually("the gate's session", () => up.gate.sinks[0]);
  sink.expel(new Fault("KEY_REFUSED", "the key was revoked"));
  expect((await publisher.closed)?.message).toContain("the key was revoked");
  expect(sink.ended).toBe("refused");
  expect(up.observer.named("ingest.ended")).toHaveLength(1);
});

test("whoever does not publish in time, or sends nothing any more, is cut", async () => {
  await using up = await ingestUnderTest({ limits: { publishWithinMs: 300, idleMs: 300 } });
  const [session = new Uint8Array()] = recordedSessions().values();
  const slow = [rawSocket(up.port), rawSocket(up.port, Uint8Array.of(3)), rawSocket(up.port, session.slice(0, 3200))];
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  await Promise.all(slow.map(({ closed }) => closed));
  expect(await publisher.closed).toBeInstanceOf(Error);
  expect(up.gate.sinks[0]?.ended).toBe("lost");
  expect(up.observer.named("ingest.ended")[0]?.fields).toMatchObject({ code: "RTMP_TIMEOUT" });
  expect(up.observer.named("ingest.connection.failed")).toHaveLength(1);
});

test("garbage costs its own connection and one line of each kind, others go on", async () => {
  await using up = await ingestUnderTest();
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  publisher.configure(AUDIO, AAC, 0);
  const garbage = Array.from({ length: 20 }, (_, seed) =>
    rawSocket(
      up.port,
      Uint8Array.from({ length: 5000 }, (_, i) => (i * seed * 7 + seed) & 255),
    ),
  );
  await Promise.all(garbage.slice(0, 3).map(({ closed }) => closed));
  for (let i = 0; i < 50; i++) publisher.frame(audioFrame(i));
  const sink = await eventually("the frames", () => up.gate.sinks[0]?.frames.length === 50 && up.gate.sinks[0]);
  expect(sink.ended).toBeUndefined();
  const told = up.observer.named("ingest.connection.failed").map((event) => String(event.fields["code"]));
  expect(told.sort()).toEqual([...new Set(told)].sort());
  expect(told).toContain("RTMP_HANDSHAKE");
  for (const { socket } of garbage) socket.destroy();
  await publisher.close();
});

test("2,000 half-open connections cost little memory, and a publisher beside them is not disturbed", async () => {
  await using up = await ingestUnderTest({ limits: { connectionsPerAddressMax: 3000 } });
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  publisher.configure(AUDIO, AAC, 0);
  const sockets = Array.from({ length: 2000 }, (_, i) => rawSocket(up.port, Uint8Array.of(3, i & 255)));
  await eventually("all connections", () => up.metrics.render().includes("grandstand_ingest_connections 2001"), 10_000);
  for (let i = 0; i < 100; i++) publisher.frame(audioFrame(i));
  await eventually("the frames", () => up.gate.sinks[0]?.frames.length === 100);
  for (const { socket } of sockets) socket.destroy();
  await eventually(
    "the places to come back",
    () => up.metrics.render().includes("grandstand_ingest_connections 1"),
    10_000,
  );
  await publisher.close();
});

test("connections over the limit are closed, told once, and the place comes back", async () => {
  await using up = await ingestUnderTest({ limits: { connectionsPerAddressMax: 2 } });
  const [first, second] = [rawSocket(up.port), rawSocket(up.port)];
  await eventually("two connections", () => up.metrics.render().includes("grandstand_ingest_connections 2"));
  await Promise.all([rawSocket(up.port).closed, rawSocket(up.port).closed]);
  expect(up.observer.named("ingest.connection.refused").map((event) => event.fields["limit"])).toEqual([
    "too-many-from-address",
  ]);
  first.socket.destroy();
  await first.closed;
  await eventually("a place", () => up.metrics.render().includes("grandstand_ingest_connections 1"));
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  await publisher.close();
  second.socket.destroy();
});

test("a peer that asks for ever and reads nothing is cut", async () => {
  await using up = await ingestUnderTest();
  const client = new RtmpClientSession({
    target: { tcUrl: "rtmp://localhost/live", app: "live", name: GOOD_KEY },
    crypto: nodeCrypto,
    nowMs: 0,
    encoder: "deaf",
    digest: false,
  });
  const socket = connect(up.port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => undefined);
  const publishing = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Uint8Array) => {
      if (client.receive(Uint8Array.from(chunk), 0).length > 0) resolve();
      for (const bytes of client.takeOutput()) socket.write(bytes);
    });
  });
  for (const bytes of client.takeOutput()) socket.write(bytes);
  await publishing;
  socket.pause();
  // Ping requests: type 4 on chunk stream 2, each answered by 18 bytes that nobody reads.
  const ping = Uint8Array.of(2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1);
  const pings = Uint8Array.from({ length: ping.byteLength * 4000 }, (_, i) => ping[i % ping.byteLength] ?? 0);
  const flood = (): void => {
    while (!socket.destroyed && socket.write(pings));
  };
  socket.on("drain", flood);
  flood();
  const ended = await eventually("the cut", () => up.observer.named("ingest.ended")[0], 20_000);
  expect(ended.message).toContain("does not read our answers");
  socket.destroy();
  await closed;
}, 30_000);

test("a port in use is said so, with a hint, and nothing is left open", async () => {
  await using up = await ingestUnderTest();
  const { gate: gatekeeper, observer, metrics } = up;
  const attempt = startIngest({
    gatekeeper,
    clock: systemClock,
    observer,
    metrics,
    rtmp: { host: "127.0.0.1", port: up.port },
  });
  const fault: unknown = await attempt.catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(Fault);
  expect(fault).toMatchObject({ code: "PORT_IN_USE", at: up.port });
  expect((fault as Fault).hint).toContain("another port");
});

test("closing ends publications as lost and leaves nothing open", async () => {
  const up = await ingestUnderTest();
  const publisher = await publisherTo(up.port, `live/${GOOD_KEY}`);
  const idle = rawSocket(up.port);
  await eventually("two connections", () => up.metrics.render().includes("grandstand_ingest_connections 2"));
  await up.ingest.close({ deadlineMs: 500 });
  expect(await up.ingest.closed).toBeNull();
  expect(up.gate.sinks[0]?.ended).toBe("lost");
  expect(await publisher.closed).toBeInstanceOf(Error);
  await idle.closed;
  await rawSocket(up.port).closed;
  await up.ingest.close();
});

test("RTMPS publishes, and its certificate is replaced while it runs", async () => {
  const first = testIdentity("first");
  const second = testIdentity("second");
  await using up = await ingestUnderTest({
    rtmp: { host: "127.0.0.1", port: 0 },
    rtmps: { host: "127.0.0.1", port: 0, tls: first },
  });
  const { port = 0 } = up.ingest.addresses.find(({ protocol }) => protocol === "rtmps") ?? {};
  const before = await publisherTo(port, `live/${GOOD_KEY}`, { scheme: "rtmps", ca: first.cert });
  before.configure(AUDIO, AAC, 0);
  const sink = await eventually("the configuration", () => up.gate.sinks[0]?.configs[0] && up.gate.sinks[0]);
  expect(sink.request.protocol).toBe("rtmps");
  expect(() => up.ingest.replaceCertificate({ cert: "nonsense", key: second.key })).toThrow(Fault);
  up.ingest.replaceCertificate(second);
  const subject = await new Promise<string>((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", ca: second.cert }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
  expect(subject).toBe("second.test");
  before.frame(audioFrame(1));
  await eventually("a frame over the old connection", () => sink.frames.length === 1);
  await before.close();
});

test("plain RTMP on the TLS port, TLS on the plain port and half-open TLS are cut", async () => {
  const rtmps = { host: "127.0.0.1", port: 0, tls: testIdentity("first") };
  await using up = await ingestUnderTest({ rtmps, limits: { publishWithinMs: 500 } });
  const { port = 0 } = up.ingest.addresses.find(({ protocol }) => protocol === "rtmps") ?? {};
  const [session = new Uint8Array()] = recordedSessions().values();
  await rawSocket(port, session.slice(0, 1537)).closed;
  await rawSocket(port).closed;
  const tlsHello = Uint8Array.of(0x16, 3, 1, 0, 100);
  await rawSocket(up.port, tlsHello).closed;
  const told = up.observer.named("ingest.connection.failed").map((event) => event.message);
  expect(told).toContain("the TLS handshake failed");
  expect(told).toContain("the peer speaks TLS on a port without it");
  expect(told).toContain("no publication within 0.5 s");
  await eventually("no connection left", () => up.metrics.render().includes("grandstand_ingest_connections 0"));
});
