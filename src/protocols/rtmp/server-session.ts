/**
 * The server's side of one RTMP connection that publishes, without a socket.
 *
 * ```
 * handshake ──C2──▶ connecting ──connect──▶ connected ──publish──▶ deciding ──accept──▶ publishing
 *                                              ▲                      │ refuse              │ FCUnpublish, deleteStream,
 *                                              │                      ▼                     │ closeStream
 *                                              │                    over                    │
 *                                              └────────────────────────────────────────────┘
 * ```
 * One connection publishes one stream at a time. Commands nobody knows are answered and ignored: encoders probe with all sorts of them.
 */
import { type Fault, ProtocolError } from "#faults/fault.ts";
import { amfNumber, amfText } from "./amf-value.ts";
import { answerCapabilities, type Capabilities, CapsEx, readCapabilities } from "./capabilities.ts";
import { ChunkReader, IN_FLIGHT_BYTES_MAX } from "./chunk-reader.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { type Command, encodeCommand, parseCommand, statusInfo } from "./command.ts";
import { type HandshakeCrypto, ServerHandshake } from "./handshake.ts";
import type { MediaEvent } from "./media-event.ts";
import {
  ChunkStreamId,
  controlPayload,
  controlValue,
  type Message,
  MessageType,
  parseUserControl,
  PEER_BANDWIDTH_DYNAMIC,
  peerBandwidthPayload,
  UserControl,
  userControlPayload,
  VIDEO_MESSAGE_BYTES_MAX,
} from "./message.ts";
import { type PublishAddress, publishAddress } from "./publish-address.ts";
import { amfObject } from "./amf-value.ts";
import { ToFrames } from "./to-frames.ts";

/** Time for handshake, connect and publish together, in milliseconds. */
export const PUBLISH_WITHIN_MS = 10_000;
/** A publishing connection without media for so long is given up, in milliseconds. */
export const IDLE_MS = 30_000;
/** Our window acknowledgement size and peer bandwidth, in bytes: what deployed servers announce. */
export const WINDOW_ACK_BYTES = 2_500_000;
/** Our chunk size, in bytes. ffmpeg takes it for its own direction: large chunks cost less, and audio waits at most 60 kB. */
export const SERVER_CHUNK_BYTES = 60_000;
/** Bytes a peer may send while the gate decides about its publication. */
export const UNDECIDED_BYTES_MAX: number = 1024 * 1024;
/** Characters of an encoder's name that are kept. */
export const ENCODER_CHARS_MAX = 200;
/** Acknowledgements are not sent more often than this, in bytes, however small a window the peer asks for. */
const ACK_WINDOW_BYTES_MIN = 4096;
/** Streams one connection may create; encoders create one, again at each restart. */
export const CREATED_STREAMS_MAX = 64;
const PING_AFTER_MS = 10_000;

/** What an encoder asks for: the dialogue's part of a publish request. */
export interface PublishOffer extends PublishAddress {
  readonly encoder?: string;
}

/** What {@link RtmpServerSession.receive} tells. */
export type ServerEvent =
  | MediaEvent
  /** Answer with {@link RtmpServerSession.accept} or {@link RtmpServerSession.refuse}; nothing more is read before. */
  | { readonly kind: "publish"; readonly offer: PublishOffer }
  /** The encoder said goodbye; it may publish again. */
  | { readonly kind: "finished" }
  /** A command that is not part of publishing was ignored. */
  | { readonly kind: "unknown-command"; readonly name: string };

/** What a session needs to know. */
export interface ServerSessionOptions {
  readonly crypto: HandshakeCrypto;
  /** When the connection was made, in milliseconds of the monotonic clock. */
  readonly nowMs: number;
  /** Default {@link PUBLISH_WITHIN_MS}. */
  readonly publishWithinMs?: number;
  /** Default {@link IDLE_MS}. */
  readonly idleMs?: number;
}

type State = "handshake" | "connecting" | "connected" | "deciding" | "publishing" | "over";

const NO_EVENTS: ServerEvent[] = [];
const STREAM_ID = 1;

/** One connection's protocol state. Feed bytes, drain output, call {@link RtmpServerSession.tick} at the deadline. */
export class RtmpServerSession {
  readonly #options: ServerSessionOptions;
  readonly #handshake: ServerHandshake;
  readonly #reader: ChunkReader = new ChunkReader();
  readonly #writer: ChunkWriter = new ChunkWriter();
  #state: State = "handshake";
  #handshakeBytes = 0;
  #deadlineMs: number;
  #lastMediaMs: number;
  #pinged = false;
  #error: ProtocolError | undefined;

  #app = "";
  #tcUrl = "";
  #encoder: string | undefined;
  #capabilities: Capabilities = { enhanced: false, fourCcList: false, capsEx: 0 };
  #createdStreams = 0;
  #publishStreamId = STREAM_ID;
  #publishName = "";
  #toFrames: ToFrames = new ToFrames();

  #ackWindowBytes = WINDOW_ACK_BYTES;
  #ackedBytes = 0;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
    this.#handshake = new ServerHandshake(options.crypto);
    this.#deadlineMs = options.nowMs + (options.publishWithinMs ?? PUBLISH_WITHIN_MS);
    this.#lastMediaMs = options.nowMs;
  }

  /** When {@link tick} must be called, in milliseconds of the monotonic clock; infinite while the gate decides. */
  get deadlineMs(): number {
    return this.#error === undefined ? this.#deadlineMs : 0;
  }

  /** Nothing more will be read: send what {@link takeOutput} gives and close. */
  get over(): boolean {
    return this.#state === "over";
  }

  /** Waiting for {@link accept} or {@link refuse}: stop reading the socket meanwhile. */
  get deciding(): boolean {
    return this.#state === "deciding";
  }

  /** Bytes received in all. */
  get receivedBytes(): number {
    return this.#handshakeBytes + this.#reader.offset;
  }

  /** The encoder's own name, once it has connected. */
  get encoder(): string | undefined {
    return this.#encoder;
  }

  /** Whether the encoder acts on {@link requestReconnect}. */
  get canReconnect(): boolean {
    return (this.#capabilities.capsEx & CapsEx.RECONNECT) !== 0;
  }

  /** What to send, in order; empties the queue. */
  takeOutput(): Uint8Array[] {
    return this.#writer.takeOutput();
  }

  /**
   * Takes the peer's next bytes; `chunk` is not kept.
   * @throws ProtocolError naming the byte offset; afterwards the session is spent. Events of the bytes before the error are returned first: the
   * error is then thrown by {@link tick}, which is due at once.
   */
  receive(chunk: Uint8Array, nowMs: number): ServerEvent[] {
    if (this.#error !== undefined) throw this.#error;
    if (this.#state === "over") return NO_EVENTS;
    let events = NO_EVENTS;
    try {
      const rest = this.#state === "handshake" ? this.#shakeHands(chunk) : chunk;
      if (rest.byteLength === 0) return events;
      this.#reader.feed(rest);
      if (this.#state === "deciding") {
        if (this.#reader.unread > UNDECIDED_BYTES_MAX) {
          throw new ProtocolError(
            "LIMIT_REACHED",
            `more than ${UNDECIDED_BYTES_MAX} bytes sent before the answer to publish`,
          );
        }
        this.#reader.keepRest();
        return events;
      }
      events = [];
      this.#read(events, nowMs);
    } catch (error) {
      this.#fail(error, events);
    }
    return events;
  }

  /** Lets the encoder publish; returns the events of what it sent meanwhile. */
  accept(nowMs: number): ServerEvent[] {
    if (this.#state !== "deciding") return NO_EVENTS;
    this.#state = "publishing";
    this.#toFrames = new ToFrames();
    this.#reader.messageBytesMax = VIDEO_MESSAGE_BYTES_MAX;
    this.#reader.inFlightBytesMax = IN_FLIGHT_BYTES_MAX;
    this.#media(nowMs);
    this.#control(MessageType.USER_CONTROL, userControlPayload(UserControl.STREAM_BEGIN, this.#publishStreamId));
    this.#status("status", "NetStream.Publish.Start", "publishing");
    const events: ServerEvent[] = [];
    try {
      this.#read(events, nowMs);
    } catch (error) {
      this.#fail(error, events);
    }
    return events;
  }

  /** Refuses the publication with the fault's message, which must not hold the key. The session is over. */
  refuse(fault: Fault): void {
    if (this.#state !== "deciding") return;
    this.#status("error", "NetStream.Publish.BadName", refusalText(fault));
    this.#state = "over";
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Ends a publication from our side. The session is over. */
  expel(fault: Fault): void {
    if (this.#state === "publishing") {
      this.#status("error", "NetStream.Publish.Rejected", refusalText(fault));
      this.#control(MessageType.USER_CONTROL, userControlPayload(UserControl.STREAM_EOF, this.#publishStreamId));
    }
    this.#state = "over";
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Asks the encoder to come again, here or at `tcUrl`, while it goes on publishing ("Reconnect Request"). */
  requestReconnect(description: string, tcUrl?: string): void {
    const info = statusInfo(
      "status",
      "NetConnection.Connect.ReconnectRequest",
      description,
      tcUrl === undefined ? {} : { tcUrl },
    );
    this.#command(0, ChunkStreamId.COMMAND, encodeCommand("onStatus", 0, null, info));
  }

  /** Does what is due. @throws ProtocolError `RTMP_TIMEOUT`, or what {@link receive} kept back. */
  tick(nowMs: number): void {
    if (this.#error !== undefined) throw this.#error;
    if (nowMs < this.#deadlineMs) return;
    if (this.#state !== "publishing") {
      const seconds = (this.#options.publishWithinMs ?? PUBLISH_WITHIN_MS) / 1000;
      throw new ProtocolError("RTMP_TIMEOUT", `no publication within ${seconds} s (state: ${this.#state})`);
    }
    const idleMs = this.#options.idleMs ?? IDLE_MS;
    if (nowMs - this.#lastMediaMs >= idleMs) {
      throw new ProtocolError("RTMP_TIMEOUT", `no media for ${idleMs / 1000} s`, {
        hint: "Check the encoder and its uplink.",
      });
    }
    if (!this.#pinged) {
      this.#pinged = true;
      this.#control(MessageType.USER_CONTROL, userControlPayload(UserControl.PING_REQUEST, nowMs >>> 0));
    }
    this.#deadlineMs = this.#lastMediaMs + idleMs;
  }

  #fail(error: unknown, events: readonly ServerEvent[]): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#error = error;
    if (events.length === 0) throw error;
  }

  #shakeHands(chunk: Uint8Array): Uint8Array {
    const used = this.#handshake.receive(chunk, 0, (answer) => this.#writer.writeRaw(answer));
    this.#handshakeBytes += used;
    if (this.#handshake.done) this.#state = "connecting";
    return chunk.subarray(used);
  }

  #read(events: ServerEvent[], nowMs: number): void {
    for (;;) {
      const message = this.#reader.next();
      if (message === undefined) break;
      this.#message(message, events, nowMs);
      // Set by the message; the type checker cannot know.
      const state: State = this.#state;
      if (state === "deciding" || state === "over") {
        this.#reader.keepRest();
        break;
      }
    }
    this.#acknowledge();
  }

  #acknowledge(): void {
    const received = this.receivedBytes;
    if (received - this.#ackedBytes < this.#ackWindowBytes) return;
    this.#ackedBytes = received;
    this.#control(MessageType.ACKNOWLEDGEMENT, controlPayload(received % 2 ** 32));
  }

  #message(message: Message, events: ServerEvent[], nowMs: number): void {
    switch (message.type) {
      case MessageType.VIDEO:
      case MessageType.AUDIO:
      case MessageType.DATA_AMF0:
      case MessageType.DATA_AMF3:
      case MessageType.AGGREGATE:
        if (this.#state !== "publishing") break;
        this.#media(nowMs);
        this.#toFrames.message(message, events as MediaEvent[]);
        break;
      case MessageType.COMMAND_AMF0:
      case MessageType.COMMAND_AMF3:
        this.#dispatch(parseCommand(message), message.streamId, events, nowMs);
        break;
      case MessageType.SET_CHUNK_SIZE:
        this.#reader.setChunkSize(controlValue(message));
        break;
      case MessageType.ABORT:
        this.#reader.abort(controlValue(message));
        break;
      case MessageType.WINDOW_ACK_SIZE:
        this.#ackWindowBytes = Math.max(ACK_WINDOW_BYTES_MIN, controlValue(message));
        break;
      case MessageType.SET_PEER_BANDWIDTH:
        this.#control(MessageType.WINDOW_ACK_SIZE, controlPayload(WINDOW_ACK_BYTES));
        break;
      case MessageType.USER_CONTROL: {
        const control = parseUserControl(message.payload);
        if (control?.event === UserControl.PING_REQUEST) {
          this.#control(MessageType.USER_CONTROL, userControlPayload(UserControl.PING_RESPONSE, control.value));
        }
        break;
      }
      default:
        break;
    }
  }

  #media(nowMs: number): void {
    this.#lastMediaMs = nowMs;
    this.#pinged = false;
    this.#deadlineMs = nowMs + Math.min(PING_AFTER_MS, this.#options.idleMs ?? IDLE_MS);
  }

  #dispatch(command: Command, streamId: number, events: ServerEvent[], nowMs: number): void {
    if (command.name === "connect") {
      this.#connect(command);
      return;
    }
    if (this.#state === "connecting") {
      throw new ProtocolError("RTMP_COMMAND", `command ${printable(command.name)} before connect`, {
        at: this.#reader.offset,
      });
    }
    switch (command.name) {
      case "createStream":
        this.#createStream(command);
        break;
      case "publish":
        this.#publish(command, streamId, events);
        break;
      case "FCPublish":
        this.#result(command, undefined);
        this.#command(
          0,
          ChunkStreamId.COMMAND,
          encodeCommand("onFCPublish", 0, null, statusInfo("status", "NetStream.Publish.Start", "ready to publish")),
        );
        break;
      case "getStreamLength":
        this.#result(command, 0);
        break;
      case "FCUnpublish":
      case "deleteStream":
      case "closeStream":
        this.#unpublish(command, events, nowMs);
        break;
      case "play":
      case "play2":
        this.#status("error", "NetStream.Play.Failed", "this server takes publications only; watch over HTTP");
        throw new ProtocolError("RTMP_COMMAND", "the peer wants to play, and RTMP is for publishing here", {
          hint: "Watch over HLS or DASH.",
        });
      case "releaseStream":
      case "_checkbw":
        this.#result(command, undefined);
        break;
      case "_result":
      case "_error":
      case "onStatus":
        break;
      default:
        this.#result(command, undefined);
        events.push({ kind: "unknown-command", name: printable(command.name) });
        break;
    }
  }

  #connect(command: Command): void {
    if (this.#state !== "connecting")
      throw new ProtocolError("RTMP_COMMAND", "connect twice", { at: this.#reader.offset });
    const { object } = command;
    this.#app = amfText(object, "app") ?? "";
    this.#tcUrl = amfText(object, "tcUrl") ?? "";
    const encoder = amfText(object, "flashVer");
    if (encoder !== undefined && encoder !== "") this.#encoder = printable(encoder);
    this.#capabilities = readCapabilities(object);
    this.#state = "connected";
    this.#control(MessageType.WINDOW_ACK_SIZE, controlPayload(WINDOW_ACK_BYTES));
    this.#control(MessageType.SET_PEER_BANDWIDTH, peerBandwidthPayload(WINDOW_ACK_BYTES, PEER_BANDWIDTH_DYNAMIC));
    this.#writer.setChunkSize(SERVER_CHUNK_BYTES);
    const enhanced = answerCapabilities(this.#capabilities);
    const properties = amfObject({ fmsVer: "FMS/3,0,1,123", capabilities: 31, mode: 1, ...enhanced });
    const info = statusInfo("status", "NetConnection.Connect.Success", "connection accepted", {
      objectEncoding: amfNumber(object, "objectEncoding") ?? 0,
      ...enhanced,
    });
    this.#command(0, ChunkStreamId.COMMAND, encodeCommand("_result", command.transactionId, properties, info));
  }

  #createStream(command: Command): void {
    this.#createdStreams++;
    if (this.#createdStreams > CREATED_STREAMS_MAX) {
      throw new ProtocolError("LIMIT_REACHED", `more than ${CREATED_STREAMS_MAX} streams created on one connection`);
    }
    this.#result(command, this.#createdStreams);
  }

  #publish(command: Command, streamId: number, events: ServerEvent[]): void {
    this.#publishStreamId = streamId === 0 ? STREAM_ID : streamId;
    if (this.#state === "publishing") {
      this.#status("error", "NetStream.Publish.BadName", "this connection publishes already");
      return;
    }
    const [name] = command.args;
    this.#publishName = typeof name === "string" ? name : "";
    const address = publishAddress({ app: this.#app, tcUrl: this.#tcUrl, name: this.#publishName });
    this.#state = "deciding";
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    events.push({
      kind: "publish",
      offer: this.#encoder === undefined ? address : { ...address, encoder: this.#encoder },
    });
  }

  #unpublish(command: Command, events: ServerEvent[], nowMs: number): void {
    if (command.name === "FCUnpublish") {
      const info = statusInfo("status", "NetStream.Unpublish.Success", "publication ended");
      this.#command(0, ChunkStreamId.COMMAND, encodeCommand("onFCUnpublish", 0, null, info));
    }
    this.#result(command, undefined);
    if (this.#state !== "publishing") return;
    this.#status("status", "NetStream.Unpublish.Success", "publication ended");
    this.#state = "connected";
    this.#deadlineMs = nowMs + (this.#options.publishWithinMs ?? PUBLISH_WITHIN_MS);
    events.push({ kind: "finished" });
  }

  /** Answers a command that wants an answer. */
  #result(command: Command, value: number | undefined): void {
    if (command.transactionId === 0) return;
    this.#command(0, ChunkStreamId.COMMAND, encodeCommand("_result", command.transactionId, null, value));
  }

  #status(level: "status" | "error", code: string, description: string): void {
    const payload = encodeCommand("onStatus", 0, null, statusInfo(level, code, description));
    this.#command(this.#publishStreamId, ChunkStreamId.STATUS, payload);
  }

  #command(streamId: number, chunkStreamId: number, payload: Uint8Array): void {
    this.#writer.write({ chunkStreamId, type: MessageType.COMMAND_AMF0, streamId, timestamp: 0, payload });
  }

  #control(type: number, payload: Uint8Array): void {
    this.#writer.write({ chunkStreamId: ChunkStreamId.CONTROL, type, streamId: 0, timestamp: 0, payload });
  }
}

function refusalText(fault: Fault): string {
  return fault.hint === undefined ? fault.message : `${fault.message}. ${fault.hint}`;
}

/** Untrusted text for logs and dashboards: control characters out, cut to length. */
function printable(text: string): string {
  let clean = "";
  for (const character of text.slice(0, ENCODER_CHARS_MAX)) {
    const code = character.codePointAt(0) ?? 0;
    clean += code < 0x20 || (code >= 0x7f && code < 0xa0) ? "?" : character;
  }
  return clean;
}
