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
import { amfText } from "./amf-value.ts";
import { type Capabilities, CapsEx, readCapabilities } from "./capabilities.ts";
import { ChunkReader, IN_FLIGHT_BYTES_MAX } from "./chunk-reader.ts";
import { type Command, parseCommand } from "./command.ts";
import { HANDSHAKE_BYTES, type HandshakeCrypto, ServerHandshake } from "./handshake.ts";
import type { MediaEvent } from "./media-event.ts";
import {
  controlPayload,
  controlValue,
  type Message,
  MessageType,
  parseUserControl,
  UserControl,
  VIDEO_MESSAGE_BYTES_MAX,
} from "./message.ts";
import { publishAddress } from "./publish-address.ts";
import { refusalText, ServerAnswers, WINDOW_ACK_BYTES } from "./server-answers.ts";
import { printable, type PublishOffer, type ServerEvent } from "./server-event.ts";
import { SessionDeadline, type SessionTimes } from "./session-deadline.ts";
import { ToFrames } from "./to-frames.ts";

/** Bytes a peer may send while the gate decides about its publication. */
const UNDECIDED_BYTES_MAX: number = 1024 * 1024;
/** Acknowledgements are not sent more often than this, in bytes, however small a window the peer asks for. */
const ACK_WINDOW_BYTES_MIN = 4096;
/** Streams one connection may create; encoders create one, again at each restart. */
const CREATED_STREAMS_MAX = 64;

/** What a session needs to know. */
export interface ServerSessionOptions extends SessionTimes {
  readonly crypto: HandshakeCrypto;
}

type State = "handshake" | "connecting" | "connected" | "deciding" | "publishing" | "over";

const NO_EVENTS: ServerEvent[] = [];
const STREAM_ID = 1;

/** One connection's protocol state. Feed bytes, drain output, call {@link RtmpServerSession.tick} at the deadline. */
export class RtmpServerSession {
  readonly #handshake: ServerHandshake;
  readonly #reader: ChunkReader = new ChunkReader(HANDSHAKE_BYTES);
  readonly #answers: ServerAnswers = new ServerAnswers();
  #state: State = "handshake";
  #handshakeBytes = 0;
  readonly #deadline: SessionDeadline;
  #error: ProtocolError | undefined;

  #app = "";
  #tcUrl = "";
  #encoder: string | undefined;
  #capabilities: Capabilities = { enhanced: false, fourCcList: false, capsEx: 0 };
  #createdStreams = 0;
  #publishStreamId = STREAM_ID;
  #toFrames: ToFrames = new ToFrames();

  #ackWindowBytes = WINDOW_ACK_BYTES;
  #ackedBytes = 0;

  constructor(options: ServerSessionOptions) {
    this.#handshake = new ServerHandshake(options.crypto);
    this.#deadline = new SessionDeadline(options);
  }

  /** When {@link tick} must be called, in milliseconds of the monotonic clock; infinite while the gate decides. */
  get deadlineMs(): number {
    return this.#error === undefined ? this.#deadline.atMs : 0;
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
    return this.#state === "handshake" ? this.#handshakeBytes : this.#reader.offset;
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
    return this.#answers.takeOutput();
  }

  /**
   * Takes the peer's next bytes for good: payloads of events may be views of `chunk`, and nobody may write to it again.
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
    this.#deadline.media(nowMs);
    this.#answers.userControl(UserControl.STREAM_BEGIN, this.#publishStreamId);
    this.#answers.status(this.#publishStreamId, "status", "NetStream.Publish.Start", "publishing");
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
    this.#answers.status(this.#publishStreamId, "error", "NetStream.Publish.BadName", refusalText(fault));
    this.#state = "over";
    this.#deadline.suspend();
  }

  /** Ends a publication from our side. The session is over. */
  expel(fault: Fault): void {
    if (this.#state === "publishing") {
      this.#answers.status(this.#publishStreamId, "error", "NetStream.Publish.Rejected", refusalText(fault));
      this.#answers.userControl(UserControl.STREAM_EOF, this.#publishStreamId);
    }
    this.#state = "over";
    this.#deadline.suspend();
  }

  /** Asks the encoder to come again, here or at `tcUrl`, while it goes on publishing ("Reconnect Request"). */
  requestReconnect(description: string, tcUrl?: string): void {
    const more = tcUrl === undefined ? {} : { tcUrl };
    this.#answers.call("onStatus", "NetConnection.Connect.ReconnectRequest", description, more);
  }

  /** Does what is due. @throws ProtocolError `RTMP_TIMEOUT`, or what {@link receive} kept back. */
  tick(nowMs: number): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#deadline.due(nowMs)) this.#answers.userControl(UserControl.PING_REQUEST, nowMs >>> 0);
  }

  #fail(error: unknown, events: readonly ServerEvent[]): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#error = error;
    if (events.length === 0) throw error;
  }

  #shakeHands(chunk: Uint8Array): Uint8Array {
    const used = this.#handshake.receive(chunk, 0, (answer) => this.#answers.handshake(answer));
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
      if (state === "deciding" || state === "over") break;
    }
    this.#acknowledge();
  }

  #acknowledge(): void {
    const received = this.receivedBytes;
    if (received - this.#ackedBytes < this.#ackWindowBytes) return;
    this.#ackedBytes = received;
    this.#answers.control(MessageType.ACKNOWLEDGEMENT, controlPayload(received % 2 ** 32));
  }

  #message(message: Message, events: ServerEvent[], nowMs: number): void {
    switch (message.type) {
      case MessageType.VIDEO:
      case MessageType.AUDIO:
      case MessageType.DATA_AMF0:
      case MessageType.DATA_AMF3:
      case MessageType.AGGREGATE:
        if (this.#state !== "publishing") break;
        this.#deadline.media(nowMs);
        this.#toFrames.message(message, events as MediaEvent[]);
        break;
      case MessageType.COMMAND_AMF0:
      case MessageType.COMMAND_AMF3:
        this.#dispatch(parseCommand(message), message.streamId, events, nowMs);
        break;
      default:
        this.#control(message);
        break;
    }
  }

  #control(message: Message): void {
    switch (message.type) {
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
        this.#answers.control(MessageType.WINDOW_ACK_SIZE, controlPayload(WINDOW_ACK_BYTES));
        break;
      case MessageType.USER_CONTROL: {
        const control = parseUserControl(message.payload);
        if (control?.event === UserControl.PING_REQUEST) {
          this.#answers.userControl(UserControl.PING_RESPONSE, control.value);
        }
        break;
      }
      default:
        break;
    }
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
        this.#answers.result(command, undefined);
        this.#answers.call("onFCPublish", "NetStream.Publish.Start", "ready to publish");
        break;
      case "getStreamLength":
        this.#answers.result(command, 0);
        break;
      case "FCUnpublish":
      case "deleteStream":
      case "closeStream":
        this.#unpublish(command, events, nowMs);
        break;
      case "play":
      case "play2":
        this.#answers.status(
          this.#publishStreamId,
          "error",
          "NetStream.Play.Failed",
          "this server takes publications only; watch over HTTP",
        );
        throw new ProtocolError("RTMP_COMMAND", "the peer wants to play, and RTMP is for publishing here", {
          hint: "Watch over HLS or DASH.",
        });
      case "releaseStream":
      case "_checkbw":
        this.#answers.result(command, undefined);
        break;
      case "_result":
      case "_error":
      case "onStatus":
        break;
      default:
        this.#answers.result(command, undefined);
        events.push({ kind: "unknown-command", name: printable(command.name) });
        break;
    }
  }

  #connect(command: Command): void {
    if (this.#state !== "connecting")
      throw new ProtocolError("RTMP_COMMAND", "connect twice", { at: this.#reader.offset });
    const { object } = command;
    this.#app = amfText(object, "app") ?? "";
    if (this.#app === "") {
      this.#answers.connectRejected(command, "the address lacks an application: rtmp://host/live/KEY");
      throw new ProtocolError("RTMP_COMMAND", "connect without an application", {
        hint: "Write the address as rtmp://host/live/KEY.",
      });
    }
    this.#tcUrl = amfText(object, "tcUrl") ?? "";
    const encoder = amfText(object, "flashVer");
    if (encoder !== undefined && encoder !== "") this.#encoder = printable(encoder);
    this.#capabilities = readCapabilities(object);
    this.#state = "connected";
    this.#answers.connected(command, this.#capabilities);
  }

  #createStream(command: Command): void {
    this.#createdStreams++;
    if (this.#createdStreams > CREATED_STREAMS_MAX) {
      throw new ProtocolError("LIMIT_REACHED", `more than ${CREATED_STREAMS_MAX} streams created on one connection`);
    }
    this.#answers.result(command, this.#createdStreams);
  }

  #publish(command: Command, streamId: number, events: ServerEvent[]): void {
    this.#publishStreamId = streamId === 0 ? STREAM_ID : streamId;
    if (this.#state === "publishing") {
      this.#answers.status(
        this.#publishStreamId,
        "error",
        "NetStream.Publish.BadName",
        "this connection publishes already",
      );
      return;
    }
    const [name] = command.args;
    const address = publishAddress({
      app: this.#app,
      tcUrl: this.#tcUrl,
      name: typeof name === "string" ? name : "",
    });
    this.#state = "deciding";
    this.#deadline.suspend();
    const offer: PublishOffer = this.#encoder === undefined ? address : { ...address, encoder: this.#encoder };
    events.push({ kind: "publish", offer });
  }

  #unpublish(command: Command, events: ServerEvent[], nowMs: number): void {
    if (command.name === "FCUnpublish") {
      this.#answers.call("onFCUnpublish", "NetStream.Unpublish.Success", "publication ended");
    }
    this.#answers.result(command, undefined);
    if (this.#state !== "publishing") return;
    this.#answers.status(this.#publishStreamId, "status", "NetStream.Unpublish.Success", "publication ended");
    this.#state = "connected";
    this.#deadline.unpublished(nowMs);
    events.push({ kind: "finished" });
  }
}
