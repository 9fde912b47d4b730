import { expect, test } from "bun:test";
import { Fault, ProtocolError } from "#faults/fault.ts";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { type AmfValue, amfObject, amfProperty, amfText } from "./amf-value.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { type ClientEvent, RtmpClientSession } from "./client-session.ts";
import { type Command, encodeCommand, parseCommand } from "./command.ts";
import { ClientHandshake, HANDSHAKE_BYTES } from "./handshake.ts";
import {
  controlPayload,
  type Message,
  MessageType,
  parseUserControl,
  UserControl,
  userControlPayload,
} from "./message.ts";
import type { ServerEvent } from "./server-event.ts";
import { RtmpServerSession } from "./server-session.ts";
import { newServerSession, testCrypto } from "./vectors/sessions.ts";

const AAC = parseAacConfig(buildAacLcConfig(48_000, 2));
const AUDIO = { kind: "audio", number: 0 } as const;

/** A peer that speaks chunks to a server session and reads its answers, for dialogues our own client never has. */
class Peer {
  readonly session: RtmpServerSession;
  readonly #writer = new ChunkWriter();
  readonly #reader = new ChunkReader();
  readonly events: ServerEvent[] = [];
  readonly answers: Message[] = [];

  constructor(session: RtmpServerSession = newServerSession()) {
    this.session = session;
    const handshake = new ClientHandshake(testCrypto, { digest: false });
    session.receive(handshake.start(), 0);
    for (const bytes of session.takeOutput()) handshake.receive(bytes, 0, (c2) => session.receive(c2, 0));
  }

  send(type: number, payload: Uint8Array, nowMs = 0, streamId = 0): this {
    this.#writer.write({ chunkStreamId: 3, type, streamId, timestamp: 0, payload });
    for (const bytes of this.#writer.takeOutput()) this.events.push(...this.session.receive(bytes, nowMs));
    this.collect();
    return this;
  }

  command(name: string, transactionId: number, object: AmfValue, ...args: AmfValue[]): this {
    return this.send(MessageType.COMMAND_AMF0, encodeCommand(name, transactionId, object, ...args));
  }

  collect(): void {
    for (const bytes of this.session.takeOutput()) {
      this.#reader.feed(bytes);
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        if (message.type === MessageType.SET_CHUNK_SIZE) this.#reader.setChunkSize(60_000);
        this.answers.push(message);
      }
    }
  }

  get commands(): Command[] {
    return this.answers.filter((message) => message.type === MessageType.COMMAND_AMF0).map(parseCommand);
  }

  connect(more: Readonly<Record<string, AmfValue>> = {}): this {
    return this.command(
      "connect",
      1,
      amfObject({ app: "live", tcUrl: "rtmp://host/live", flashVer: "test\u0000", ...more }),
    );
  }

  publish(name = "KEY"): this {
    return this.connect().command("createStream", 2, null).command("publish", 3, null, name, "live");
  }

  accept(nowMs = 0): this {
    this.events.push(...this.session.accept(nowMs));
    this.collect();
    return this;
  }
}

function codes(peer: Peer): (string | undefined)[] {
  return peer.commands.map((command) => amfText(command.args[0], "code") ?? command.name);
}

/** Lets both sides talk until neither has anything to say. */
function talk(client: RtmpClientSession, server: RtmpServerSession): { server: ServerEvent[]; client: ClientEvent[] } {
  const heard = { server: [] as ServerEvent[], client: [] as ClientEvent[] };
  for (let quiet = false; !quiet; ) {
    quiet = true;
    for (const bytes of client.takeOutput()) {
      quiet = false;
      heard.server.push(...server.receive(bytes, 0));
    }
    for (const bytes of server.takeOutput()) {
      quiet = false;
      heard.client.push(...client.receive(bytes, 0));
    }
  }
  return heard;
}

function newClient(digest: boolean): RtmpClientSession {
  const target = { tcUrl: "rtmp://host/live", app: "live", name: "main?key=K" };
  return new RtmpClientSession({ target, crypto: testCrypto, nowMs: 0, encoder: "our encoder", digest });
}

for (const digest of [false, true]) {
  test(`our client publishes to our server by the ${digest ? "digest" : "plain"} handshake`, () => {
    const client = newClient(digest);
    const server = newServerSession();
    expect(talk(client, server).server).toEqual([
      { kind: "publish", offer: { app: "live", path: "main", key: "K", params: {}, encoder: "our encoder" } },
    ]);
    expect(server.accept(0)).toEqual([]);
    expect(talk(client, server).client).toEqual([{ kind: "publishing" }]);
    client.metadata({ encoder: "our encoder" });
    client.configure(AUDIO, AAC, 0);
    const frame = { track: AUDIO, dts: 21, ptsOffset: 0, keyframe: true, payload: new Uint8Array(70_000).fill(5) };
    client.frame(frame);
    client.finish();
    expect(talk(client, server).server).toEqual([
      { kind: "metadata", values: { encoder: "our encoder" } },
      { kind: "config", track: AUDIO, config: AAC },
      { kind: "frame", frame },
      { kind: "finished" },
    ]);
  });
}

test("a refused key is answered with BadName and the reason, and ends the session", () => {
  const client = newClient(true);
  const server = newServerSession();
  talk(client, server);
  server.refuse(new Fault("KEY_REFUSED", "the stream key is not valid", { hint: "Copy it from the dashboard." }));
  expect(() => talk(client, server)).toThrow(
    "the stream key is not valid. Copy it from the dashboard. (NetStream.Publish.BadName)",
  );
  expect(server.over).toBe(true);
  expect(server.receive(new Uint8Array(100), 0)).toEqual([]);
});

test("the dialogue of older encoders is answered, unknown commands do no harm", () => {
  const peer = new Peer().connect();
  peer.command("releaseStream", 2, null, "KEY").command("FCPublish", 3, null, "KEY").command("_checkbw", 4, null);
  peer
    .command("getStreamLength", 5, null, "KEY")
    .command("makeCoffee", 6, null, "black")
    .command("createStream", 7, null);
  peer.command("publish", 8, null, "KEY", "live").accept();
  expect(peer.commands.map(({ name, transactionId }) => [name, transactionId])).toEqual([
    ["_result", 1],
    ["_result", 2],
    ["_result", 3],
    ["onFCPublish", 0],
    ["_result", 4],
    ["_result", 5],
    ["_result", 6],
    ["_result", 7],
    ["onStatus", 0],
  ]);
  expect(codes(peer).at(-1)).toBe("NetStream.Publish.Start");
  expect(peer.events.map((event) => event.kind)).toEqual(["unknown-command", "publish"]);
});

for (const goodbye of ["FCUnpublish", "deleteStream", "closeStream"]) {
  test(`${goodbye} ends the publication, and another may follow on the connection`, () => {
    const peer = new Peer().publish().accept().command(goodbye, 5, null, 1);
    expect(peer.events.map((event) => event.kind)).toEqual(["publish", "finished"]);
    peer.command("deleteStream", 6, null, 1).command("createStream", 7, null).command("publish", 8, null, "AGAIN");
    expect(peer.events.map((event) => event.kind)).toEqual(["publish", "finished", "publish"]);
  });
}

test("what an encoder sends before the answer to publish is kept for after it", () => {
  const peer = new Peer().publish();
  peer.send(MessageType.AUDIO, Uint8Array.of(0xaf, 0, ...AAC.record));
  expect(peer.events.map((event) => event.kind)).toEqual(["publish"]);
  expect(peer.accept().events.map((event) => event.kind)).toEqual(["publish", "config"]);
  const flood = new Peer().publish();
  expect(() => {
    for (let i = 0; i < 30; i++) flood.send(MessageType.AUDIO, new Uint8Array(60_000));
  }).toThrow("before the answer to publish");
});

test("Enhanced RTMP is negotiated only with those who ask", () => {
  const plain = new Peer().connect().commands[0];
  expect(amfProperty(plain?.object, "capsEx")).toBeUndefined();
  const enhanced = new Peer().connect({
    fourCcList: ["*"],
    videoFourCcInfoMap: amfObject({ "*": 2 }),
    capsEx: 3,
  });
  const answer = enhanced.commands[0];
  expect(amfProperty(answer?.object, "capsEx")).toBe(3);
  expect(amfProperty(answer?.args[0], "capsEx")).toBe(3);
  expect(amfProperty(amfProperty(answer?.object, "videoFourCcInfoMap"), "hvc1")).toBe(4);
  expect(amfProperty(answer?.object, "fourCcList")).toContain("av01");
  expect(enhanced.session.canReconnect).toBe(true);
});

test("a reconnect request reaches our client while it publishes", () => {
  const client = newClient(true);
  const server = newServerSession();
  talk(client, server);
  server.accept(0);
  talk(client, server);
  server.requestReconnect("moving", "rtmp://other/live");
  expect(talk(client, server).client).toEqual([{ kind: "reconnect", tcUrl: "rtmp://other/live" }]);
  expect(client.publishing).toBe(true);
});

test("nothing published within the time ends the session", () => {
  const session = new RtmpServerSession({ crypto: testCrypto, nowMs: 5000 });
  expect(session.deadlineMs).toBe(15_000);
  session.tick(14_999);
  expect(() => session.tick(15_000)).toThrow("no publication within 10 s");
  const peer = new Peer().publish();
  expect(peer.session.deadlineMs).toBe(Number.POSITIVE_INFINITY);
});

test("a silent publisher is pinged once and given up after 30 s; its answers are not media", () => {
  const peer = new Peer().publish().accept(1000);
  peer.session.tick(11_000);
  peer.collect();
  const pings = (): number =>
    peer.answers.filter(
      (message) =>
        parseUserControl(message.payload)?.event === UserControl.PING_REQUEST &&
        message.type === MessageType.USER_CONTROL,
    ).length;
  expect(pings()).toBe(1);
  peer.send(MessageType.USER_CONTROL, userControlPayload(UserControl.PING_RESPONSE, 11_000), 11_050);
  expect(peer.session.deadlineMs).toBe(31_000);
  expect(() => peer.session.tick(31_000)).toThrow("no media for 30 s");
  const live = new Peer().publish().accept(1000).send(MessageType.AUDIO, new Uint8Array(0), 30_000);
  live.session.tick(31_000);
  expect(live.session.deadlineMs).toBe(40_000);
});

test("pings are answered and the window is acknowledged, however small it is", () => {
  const peer = new Peer().publish().accept();
  peer.send(MessageType.USER_CONTROL, userControlPayload(UserControl.PING_REQUEST, 77));
  expect(parseUserControl(peer.answers.at(-1)?.payload ?? new Uint8Array())).toEqual({
    event: UserControl.PING_RESPONSE,
    value: 77,
  });
  peer.send(MessageType.WINDOW_ACK_SIZE, controlPayload(1));
  peer.send(MessageType.AUDIO, new Uint8Array(5000));
  const acks = peer.answers.filter((message) => message.type === MessageType.ACKNOWLEDGEMENT);
  expect(acks.map((message) => new DataView(message.payload.slice().buffer).getUint32(0))).toEqual([
    peer.session.receivedBytes,
  ]);
  expect(peer.session.receivedBytes).toBeGreaterThan(HANDSHAKE_BYTES + 5000);
});

test("commands out of order and players are refused", () => {
  expect(() => new Peer().command("publish", 1, null, "KEY")).toThrow("before connect");
  expect(() => new Peer().connect().connect()).toThrow("connect twice");
  const nowhere = new Peer();
  expect(() => nowhere.connect({ app: "" })).toThrow("without an application");
  nowhere.collect();
  expect(codes(nowhere)).toEqual(["NetConnection.Connect.Rejected"]);
  expect(() => new Peer().connect().command("play", 2, null, "KEY")).toThrow("RTMP is for publishing here");
  expect(() => new Peer().send(MessageType.COMMAND_AMF0, Uint8Array.of(5))).toThrow("without a name");
  const greedy = new Peer().connect();
  expect(() => {
    for (let i = 0; i < 100; i++) greedy.command("createStream", i, null);
  }).toThrow("streams created");
});

test("media before publish is ignored, a second publish on the connection refused", () => {
  const peer = new Peer().connect().send(MessageType.AUDIO, Uint8Array.of(0xaf, 0, 0x11, 0x90));
  expect(peer.events).toEqual([]);
  const two = new Peer().publish().accept().command("publish", 9, null, "OTHER");
  expect(codes(two).at(-1)).toBe("NetStream.Publish.BadName");
  expect(two.events.map((event) => event.kind)).toEqual(["publish"]);
});

test("frames before a violation in the same bytes are delivered, then the violation is told", () => {
  const peer = new Peer().publish().accept();
  const writer = new ChunkWriter();
  const audio = (payload: Uint8Array): void =>
    writer.write({ chunkStreamId: 4, type: MessageType.AUDIO, streamId: 1, timestamp: 0, payload });
  audio(Uint8Array.of(0xaf, 0, ...AAC.record));
  audio(Uint8Array.of(0xaf, 0, 0xff, 0xff));
  const [config = new Uint8Array(), broken = new Uint8Array()] = writer.takeOutput();
  const events = peer.session.receive(new Uint8Array([...config, ...broken]), 0);
  expect(events.map((event) => event.kind)).toEqual(["config"]);
  expect(peer.session.deadlineMs).toBe(0);
  expect(() => peer.session.tick(0)).toThrow(ProtocolError);
  expect(() => peer.session.receive(config, 0)).toThrow(ProtocolError);
});
