/**
 * From bytes to messages: RTMP 1.0 §5.3.
 *
 * ```
 *  basic header 1-3 bytes │ message header 11, 7, 3 or 0 bytes │ extended timestamp 0 or 4 │ payload ≤ chunk size
 *  fmt(2) csid(6)         │ time(3) length(3) type(1) stream(4) │ when time = 0xFFFFFF      │
 * ```
 * `fmt` 0 has an absolute time and everything else, 1 lacks the stream id, 2 has the time difference only, 3 has nothing: it continues a
 * message, or starts one with the previous header again. Messages of several chunk streams interleave chunk by chunk.
 *
 * A message that lies whole in one input and makes up most of it is a view of that input; any other payload byte is copied once, into the
 * message's own buffer. What a peer declares never allocates: a buffer starts with what the peer has shown to send (64 kB, or twice its largest
 * message so far) and doubles as bytes arrive.
 */
import { ProtocolError } from "#faults/fault.ts";
import { AMF_MESSAGE_BYTES_MAX, type Message, messageBytesMax } from "./message.ts";

/** Chunk streams one connection may use. */
export const CHUNK_STREAMS_MAX = 32;
/** Bytes of unfinished messages one connection may hold once it publishes. */
export const IN_FLIGHT_BYTES_MAX: number = 32 * 1024 * 1024;
/** Bytes of unfinished messages, and of one message, before the connection may publish. */
const UNPUBLISHED_BYTES_MAX: number = 64 * 1024;
/** Largest chunk size we apply: a message has at most 2^24-1 bytes, so that a larger one means the same. */
export const CHUNK_SIZE_MAX = 0xffffff;
/** Chunk size of both directions until somebody sets another (§5.4.1). */
export const CHUNK_SIZE_DEFAULT = 128;

const HEADER_BYTES_MAX = 18;
const EXTENDED = 0xffffff;
const FIRST_ALLOCATION_BYTES_MAX = AMF_MESSAGE_BYTES_MAX;
/** Below this a byte loop is cheaper than a view and a block copy. */
const LOOP_COPY_BYTES_MAX = 64;
const NOTHING = new Uint8Array(0);

/** Whether this peer repeats the extended timestamp in type 3 chunks: §5.3.1.3 says so, some encoders do not. */
const Repeats = { UNKNOWN: 0, YES: 1, NO: 2 } as const;

interface ChunkStream {
  readonly id: number;
  timestamp: number;
  /** The time field as last sent: the difference that a type 3 chunk applies again (§5.3.1.2.4). */
  timeField: number;
  extended: boolean;
  length: number;
  type: number;
  streamId: number;
  /** The unfinished message; `undefined` between messages. */
  buffer: Uint8Array | undefined;
  received: number;
}

/** A view may keep an input alive that is at most a third larger than itself; what is smaller is copied out. */
const VIEW_SHARE_MIN = 0.75;

/** Takes a peer's bytes apart into messages. Feed a chunk, then call {@link ChunkReader.next} until it gives `undefined`. */
export class ChunkReader {
  /** Payload limit of one message beside that of its type, in bytes. Raise it when the peer may publish. */
  messageBytesMax: number = UNPUBLISHED_BYTES_MAX;
  /** Sum of unfinished messages allowed, in bytes. */
  inFlightBytesMax: number = UNPUBLISHED_BYTES_MAX;

  readonly #streams: ChunkStream[] = [];
  #input: Uint8Array = NOTHING;
  #position = 0;
  /** Bytes of all chunks before the present one. */
  #offsetBefore: number;
  #chunkSize = CHUNK_SIZE_DEFAULT;
  #repeats: (typeof Repeats)[keyof typeof Repeats] = Repeats.UNKNOWN;
  /** A header that is split between two chunks of the socket. */
  readonly #split: Uint8Array = new Uint8Array(HEADER_BYTES_MAX);
  #splitLength = 0;
  /** The chunk whose payload is being read, and how much of it is missing. */
  #current: ChunkStream | undefined;
  #missing = 0;
  #inFlightBytes = 0;
  #largestBytes = 0;

  /** `baseOffset`: how many bytes came before the first chunk, for messages. */
  constructor(baseOffset = 0) {
    this.#offsetBefore = baseOffset;
  }

  /** Gives the reader the peer's next bytes, for good: messages may be views of them, and nobody may write to them again. */
  feed(chunk: Uint8Array): void {
    if (this.#position < this.#input.byteLength) {
      const rest = this.#input.byteLength - this.#position;
      const joined = new Uint8Array(rest + chunk.byteLength);
      joined.set(view(this.#input, this.#position, rest));
      joined.set(chunk, rest);
      this.#offsetBefore += this.#position;
      this.#input = joined;
    } else {
      this.#offsetBefore += this.#input.byteLength;
      this.#input = chunk;
    }
    this.#position = 0;
  }

  /** Bytes fed and not yet read. */
  get unread(): number {
    return this.#input.byteLength - this.#position;
  }

  /** Absolute offset of the next byte to read, for messages. */
  get offset(): number {
    return this.#offsetBefore + this.#position;
  }

  /** Bytes allocated for unfinished messages. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Applies the peer's Set Chunk Size (§5.4.1). @throws ProtocolError `RTMP_CHUNK` for zero. */
  setChunkSize(size: number): void {
    const masked = size & 0x7fffffff;
    if (masked === 0) throw new ProtocolError("RTMP_CHUNK", "chunk size zero", { at: this.offset });
    this.#chunkSize = Math.min(masked, CHUNK_SIZE_MAX);
  }

  /** Applies the peer's Abort (§5.4.2): forgets the unfinished message of this chunk stream. */
  abort(chunkStreamId: number): void {
    const stream = this.#streams.find((candidate) => candidate.id === chunkStreamId);
    if (stream !== undefined) this.#drop(stream);
  }

  /**
   * The next whole message, or `undefined` when more bytes are needed.
   * @throws ProtocolError `RTMP_CHUNK`, `RTMP_MESSAGE_TOO_BIG`; afterwards the reader is spent.
   */
  next(): Message | undefined {
    for (;;) {
      let stream = this.#current;
      if (stream === undefined) {
        stream = this.#header();
        if (stream === undefined) return undefined;
        this.#current = stream;
      }
      if (this.#missing > 0) {
        const available = this.#input.byteLength - this.#position;
        if (this.#missing === stream.length && available >= stream.length) {
          this.#current = undefined;
          return this.#whole(stream);
        }
        if (available === 0) return undefined;
        this.#copy(stream, this.#missing < available ? this.#missing : available);
        if (this.#missing > 0) return undefined;
      }
      this.#current = undefined;
      if (stream.received === stream.length) return this.#finish(stream);
    }
  }

  /** A message of one chunk that is there already. */
  #whole(stream: ChunkStream): Message {
    const { length, type, streamId, timestamp } = stream;
    const at = this.#position;
    this.#position = at + length;
    this.#missing = 0;
    if (length > this.#largestBytes) this.#largestBytes = length;
    const input = this.#input;
    const payload = length >= input.byteLength * VIEW_SHARE_MIN ? view(input, at, length) : copyOut(input, at, length);
    return { type, streamId, timestamp, payload };
  }

  #finish(stream: ChunkStream): Message {
    const payload = stream.buffer ?? NOTHING;
    this.#inFlightBytes -= payload.byteLength;
    if (stream.length > this.#largestBytes) this.#largestBytes = stream.length;
    stream.buffer = undefined;
    stream.received = 0;
    return { type: stream.type, streamId: stream.streamId, timestamp: stream.timestamp, payload };
  }

  #drop(stream: ChunkStream): void {
    this.#inFlightBytes -= stream.buffer?.byteLength ?? 0;
    stream.buffer = undefined;
    stream.received = 0;
  }

  #copy(stream: ChunkStream, count: number): void {
    const received = stream.received;
    let buffer = stream.buffer ?? NOTHING;
    if (received + count > buffer.byteLength) buffer = this.#grow(stream, received + count);
    const input = this.#input;
    const at = this.#position;
    if (count <= LOOP_COPY_BYTES_MAX) {
      for (let i = 0; i < count; i++) buffer[received + i] = input[at + i] ?? 0;
    } else {
      buffer.set(view(input, at, count), received);
    }
    this.#position = at + count;
    this.#missing -= count;
    stream.received = received + count;
  }

  #grow(stream: ChunkStream, needed: number): Uint8Array {
    const before = stream.buffer;
    const size = Math.min(stream.length, Math.max(needed, this.#firstBytes(), (before?.byteLength ?? 0) * 2));
    this.#inFlightBytes += size - (before?.byteLength ?? 0);
    if (this.#inFlightBytes > this.inFlightBytesMax) {
      throw new ProtocolError(
        "RTMP_MESSAGE_TOO_BIG",
        `unfinished messages need ${this.#inFlightBytes} bytes, ${this.inFlightBytesMax} are allowed`,
        { at: this.offset },
      );
    }
    const buffer = new Uint8Array(size);
    if (before !== undefined) buffer.set(before.subarray(0, stream.received));
    stream.buffer = buffer;
    return buffer;
  }

  /** What a peer has once sent as a whole it may be given room for at once. */
  #firstBytes(): number {
    return Math.max(FIRST_ALLOCATION_BYTES_MAX, this.#largestBytes * 2);
  }

  /** Reads one chunk header, also one split over several inputs; `undefined` when more bytes are needed. */
  #header(): ChunkStream | undefined {
    const input = this.#input;
    const available = input.byteLength - this.#position;
    if (this.#splitLength === 0 && available >= HEADER_BYTES_MAX) {
      const size = this.#headerSize(input, this.#position, available);
      const stream = this.#applyHeader(input, this.#position, size);
      this.#position += size;
      return stream;
    }
    if (available === 0) return undefined;
    const already = this.#splitLength;
    const taken = Math.min(HEADER_BYTES_MAX - already, available);
    for (let i = 0; i < taken; i++) this.#split[already + i] = input[this.#position + i] ?? 0;
    const size = this.#headerSize(this.#split, 0, already + taken);
    if (size === 0) {
      this.#splitLength = already + taken;
      this.#position += taken;
      return undefined;
    }
    const stream = this.#applyHeader(this.#split, 0, size);
    this.#splitLength = 0;
    this.#position += size - already;
    return stream;
  }

  /** Size of the whole header at `at`, extended timestamp included; 0 when `available` bytes do not tell. */
  #headerSize(bytes: Uint8Array, at: number, available: number): number {
    const first = bytes[at] ?? 0;
    const fmt = first >> 6;
    const low = first & 0x3f;
    const basic = low === 0 ? 2 : low === 1 ? 3 : 1;
    const size = basic + (fmt === 0 ? 11 : fmt === 1 ? 7 : fmt === 2 ? 3 : 0);
    if (available < size) return 0;
    if (fmt < 3) {
      if (read24(bytes, at + basic) !== EXTENDED) return size;
      return available < size + 4 ? 0 : size + 4;
    }
    const stream = this.#find(chunkStreamId(bytes, at, basic));
    if (stream === undefined || !stream.extended || this.#repeats === Repeats.NO) return size;
    if (available < size + 4) return 0;
    if (this.#repeats === Repeats.UNKNOWN) {
      this.#repeats = read32(bytes, at + size) === stream.timeField ? Repeats.YES : Repeats.NO;
    }
    return this.#repeats === Repeats.YES ? size + 4 : size;
  }

  #applyHeader(bytes: Uint8Array, at: number, size: number): ChunkStream {
    const first = bytes[at] ?? 0;
    const fmt = first >> 6;
    const low = first & 0x3f;
    const basic = low === 0 ? 2 : low === 1 ? 3 : 1;
    const stream = this.#open(chunkStreamId(bytes, at, basic));
    let p = at + basic;
    if (fmt < 3) {
      // A new header in mid-message: the peer gave the old message up without an Abort.
      if (stream.buffer !== undefined) this.#drop(stream);
      const time = read24(bytes, p);
      if (fmt < 2) {
        stream.length = read24(bytes, p + 3);
        stream.type = bytes[p + 6] ?? 0;
      }
      if (fmt === 0) stream.streamId = read32le(bytes, p + 7);
      p = at + size;
      stream.extended = time === EXTENDED;
      stream.timeField = stream.extended ? read32(bytes, p - 4) : time;
      stream.timestamp = fmt === 0 ? stream.timeField : (stream.timestamp + stream.timeField) >>> 0;
      this.#checkLength(stream);
    } else if (stream.received === 0) {
      if (size > basic) stream.timeField = read32(bytes, p);
      stream.timestamp = (stream.timestamp + stream.timeField) >>> 0;
      this.#checkLength(stream);
    }
    this.#missing = Math.min(this.#chunkSize, stream.length - stream.received);
    return stream;
  }

  #checkLength(stream: ChunkStream): void {
    const max = Math.min(messageBytesMax(stream.type), this.messageBytesMax);
    if (stream.length <= max) return;
    throw new ProtocolError(
      "RTMP_MESSAGE_TOO_BIG",
      `message of type ${stream.type} declares ${stream.length} bytes, ${max} are allowed`,
      { at: this.offset },
    );
  }

  #find(id: number): ChunkStream | undefined {
    const streams = this.#streams;
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i];
      if (stream !== undefined && stream.id === id) return stream;
    }
    return undefined;
  }

  /** Also opens a chunk stream by a type 1, 2 or 3 header: some cameras start so, and everything they leave out is zero then. */
  #open(id: number): ChunkStream {
    const known = this.#find(id);
    if (known !== undefined) return known;
    if (this.#streams.length >= CHUNK_STREAMS_MAX) {
      throw new ProtocolError("RTMP_CHUNK", `more than ${CHUNK_STREAMS_MAX} chunk streams`, { at: this.offset });
    }
    const stream: ChunkStream = {
      id,
      timestamp: 0,
      timeField: 0,
      extended: false,
      length: 0,
      type: 0,
      streamId: 0,
      buffer: undefined,
      received: 0,
    };
    this.#streams.push(stream);
    return stream;
  }
}

/** A plain view, also of node's Buffer, whose own methods are slower and mean other things. */
function view(input: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(input.buffer, input.byteOffset + at, length);
}

function copyOut(input: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  if (length > LOOP_COPY_BYTES_MAX) copy.set(view(input, at, length));
  else for (let i = 0; i < length; i++) copy[i] = input[at + i] ?? 0;
  return copy;
}

function read24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

function read32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | read24(bytes, at + 1)) >>> 0;
}

function read32le(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

function chunkStreamId(bytes: Uint8Array, at: number, basic: number): number {
  if (basic === 1) return (bytes[at] ?? 0) & 0x3f;
  if (basic === 2) return 64 + (bytes[at + 1] ?? 0);
  return 64 + (bytes[at + 1] ?? 0) + (bytes[at + 2] ?? 0) * 256;
}
