/**
 * The RTMP handshake, both directions: RTMP 1.0 §5.2, and the undocumented digest form that Flash Player introduced.
 *
 * ```
 * client  C0 version(1)  C1 time(4) version(4) random(1528) ─────▶
 *         ◀───── S0 version(1)  S1 time(4) version(4) random(1528)  S2 answer to C1(1536)   server
 *         C2 answer to S1(1536) ─────▶
 * ```
 * Plain: the answer is an echo. Digest: C1 and S1 carry, at an offset computed from four of their own bytes, an HMAC-SHA256 of the rest of
 * themselves; the answer ends with an HMAC keyed by that digest. The four bytes stand at 8 (scheme 0) or at 772 (scheme 1).
 * Peers that send a digest may insist on one, so it is answered in kind; what the peer answers last is not checked, as many get it wrong.
 */
import { ProtocolError } from "#faults/fault.ts";

/** The cryptography a handshake needs, passed in since this code is pure. */
export interface HandshakeCrypto {
  /** HMAC-SHA256 of `data`, 32 bytes. */
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  randomBytes(count: number): Uint8Array;
}

/** Bytes of C1, S1, C2 and S2 each. */
export const HANDSHAKE_PACKET_BYTES = 1536;
/** Bytes each side sends before its first chunk. */
export const HANDSHAKE_BYTES: number = 1 + 2 * HANDSHAKE_PACKET_BYTES;
const VERSION = 3;
const DIGEST_BYTES = 32;
const SIGNED_BYTES = HANDSHAKE_PACKET_BYTES - DIGEST_BYTES;
/** Where the four offset bytes of each scheme stand. */
const SCHEME_OFFSETS = [8, 772] as const;
const DIGEST_RANGE = 728;

const SERVER_NAME = new TextEncoder().encode("Genuine Adobe Flash Media Server 001");
const CLIENT_NAME = new TextEncoder().encode("Genuine Adobe Flash Player 001");
const KEY_TAIL = new Uint8Array([
  0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57, 0x6e, 0xec, 0x5d,
  0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
]);
const SERVER_KEY = concat(SERVER_NAME, KEY_TAIL);
const CLIENT_KEY = concat(CLIENT_NAME, KEY_TAIL);
/** What we claim to be in S1 and C1: anything but zero says "digest". */
const SERVER_VERSION = 0x04_05_00_01;
const CLIENT_VERSION = 0x0a_00_2d_02;

/** Takes C0, C1 and C2, gives S0, S1 and S2. */
export class ServerHandshake {
  readonly #crypto: HandshakeCrypto;
  #packet: PacketCollector | undefined;
  #version: number | undefined;
  #answered = false;
  #skip = HANDSHAKE_PACKET_BYTES;

  constructor(crypto: HandshakeCrypto) {
    this.#crypto = crypto;
  }

  /** C2 has arrived: what follows are chunks. */
  get done(): boolean {
    return this.#answered && this.#skip === 0;
  }

  /**
   * Reads from `chunk` at `at`; returns the position after what it used. `send` takes the answer, once.
   * @throws ProtocolError `RTMP_HANDSHAKE` for another protocol's or an encrypted handshake's version.
   */
  receive(chunk: Uint8Array, at: number, send: (bytes: Uint8Array) => void): number {
    let position = at;
    if (this.#version === undefined && position < chunk.byteLength) {
      this.#version = checkVersion(chunk[position++]);
      this.#packet = new PacketCollector();
    }
    if (!this.#answered && this.#packet !== undefined) {
      position = this.#packet.receive(chunk, position);
      if (!this.#packet.whole) return position;
      send(this.#answer(this.#packet.bytes));
      this.#packet = undefined;
      this.#answered = true;
    }
    const skipped = Math.min(this.#skip, chunk.byteLength - position);
    this.#skip -= skipped;
    return position + skipped;
  }

  #answer(c1: Uint8Array): Uint8Array {
    const answer = new Uint8Array(HANDSHAKE_BYTES);
    const s1 = answer.subarray(1, 1 + HANDSHAKE_PACKET_BYTES);
    const s2 = answer.subarray(1 + HANDSHAKE_PACKET_BYTES);
    answer[0] = VERSION;
    s1.set(this.#crypto.randomBytes(HANDSHAKE_PACKET_BYTES));
    s1.fill(0, 0, 8);
    const found = findDigest(this.#crypto, c1, CLIENT_NAME);
    if (found === undefined) {
      s2.set(c1);
      return answer;
    }
    new DataView(s1.buffer, s1.byteOffset).setUint32(4, SERVER_VERSION);
    writeDigest(this.#crypto, s1, found.scheme, SERVER_NAME);
    s2.set(signedAnswer(this.#crypto, found.digest, SERVER_KEY));
    return answer;
  }
}

/** Gives C0 and C1, takes S0, S1 and S2, gives C2. */
export class ClientHandshake {
  readonly #crypto: HandshakeCrypto;
  readonly #digest: boolean;
  #packet: PacketCollector | undefined;
  #version: number | undefined;
  #answered = false;
  #skip = HANDSHAKE_PACKET_BYTES;

  /** `digest: false` gives the plain handshake of the specification. */
  constructor(crypto: HandshakeCrypto, options: { digest: boolean; scheme?: 0 | 1 } = { digest: true }) {
    this.#crypto = crypto;
    this.#digest = options.digest;
    this.#scheme = options.scheme ?? 0;
  }
  readonly #scheme: 0 | 1;

  /** S2 has arrived: what follows are chunks. */
  get done(): boolean {
    return this.#answered && this.#skip === 0;
  }

  /** C0 and C1, to be sent first. */
  start(): Uint8Array {
    const bytes = new Uint8Array(1 + HANDSHAKE_PACKET_BYTES);
    const c1 = bytes.subarray(1);
    bytes[0] = VERSION;
    c1.set(this.#crypto.randomBytes(HANDSHAKE_PACKET_BYTES));
    c1.fill(0, 0, 8);
    if (this.#digest) {
      new DataView(c1.buffer, c1.byteOffset).setUint32(4, CLIENT_VERSION);
      writeDigest(this.#crypto, c1, this.#scheme, CLIENT_NAME);
    }
    return bytes;
  }

  /** As {@link ServerHandshake.receive}; `send` takes C2. @throws ProtocolError `RTMP_HANDSHAKE`. */
  receive(chunk: Uint8Array, at: number, send: (bytes: Uint8Array) => void): number {
    let position = at;
    if (this.#version === undefined && position < chunk.byteLength) {
      this.#version = checkVersion(chunk[position++]);
      this.#packet = new PacketCollector();
    }
    if (!this.#answered && this.#packet !== undefined) {
      position = this.#packet.receive(chunk, position);
      if (!this.#packet.whole) return position;
      const s1 = this.#packet.bytes;
      const found = this.#digest ? findDigest(this.#crypto, s1, SERVER_NAME) : undefined;
      send(found === undefined ? s1 : signedAnswer(this.#crypto, found.digest, CLIENT_KEY));
      this.#packet = undefined;
      this.#answered = true;
    }
    const skipped = Math.min(this.#skip, chunk.byteLength - position);
    this.#skip -= skipped;
    return position + skipped;
  }
}

/** Gathers the 1,536 bytes of one packet. */
class PacketCollector {
  readonly bytes: Uint8Array = new Uint8Array(HANDSHAKE_PACKET_BYTES);
  #length = 0;

  get whole(): boolean {
    return this.#length === HANDSHAKE_PACKET_BYTES;
  }

  receive(chunk: Uint8Array, at: number): number {
    const taken = Math.min(HANDSHAKE_PACKET_BYTES - this.#length, chunk.byteLength - at);
    this.bytes.set(chunk.subarray(at, at + taken), this.#length);
    this.#length += taken;
    return at + taken;
  }
}

function checkVersion(version: number | undefined): number {
  if (version === VERSION) return version;
  if (version === 0x16) {
    throw new ProtocolError("RTMP_HANDSHAKE", "the peer speaks TLS on a port without it", {
      at: 0,
      hint: "Use rtmp:// here, or the RTMPS port for rtmps://.",
    });
  }
  throw new ProtocolError("RTMP_HANDSHAKE", `handshake version ${version}, only 3 is spoken`, {
    at: 0,
    hint: "Point an RTMP encoder at this port; RTMPE and RTMPT are not supported.",
  });
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.byteLength + b.byteLength);
  joined.set(a);
  joined.set(b, a.byteLength);
  return joined;
}

function digestOffset(packet: Uint8Array, scheme: 0 | 1): number {
  const at = SCHEME_OFFSETS[scheme];
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += packet[at + i] ?? 0;
  return (sum % DIGEST_RANGE) + at + 4;
}

/** HMAC of the packet without its 32 digest bytes. */
function packetDigest(crypto: HandshakeCrypto, packet: Uint8Array, offset: number, key: Uint8Array): Uint8Array {
  return crypto.hmacSha256(key, concat(packet.subarray(0, offset), packet.subarray(offset + DIGEST_BYTES)));
}

function writeDigest(crypto: HandshakeCrypto, packet: Uint8Array, scheme: 0 | 1, key: Uint8Array): void {
  const offset = digestOffset(packet, scheme);
  packet.set(packetDigest(crypto, packet, offset, key), offset);
}

function findDigest(
  crypto: HandshakeCrypto,
  packet: Uint8Array,
  key: Uint8Array,
): { scheme: 0 | 1; digest: Uint8Array } | undefined {
  // A zero version says plain; looking further would cost every plain peer two HMACs.
  if (packet[4] === 0 && packet[5] === 0 && packet[6] === 0 && packet[7] === 0) return undefined;
  for (const scheme of [0, 1] as const) {
    const offset = digestOffset(packet, scheme);
    const digest = packet.slice(offset, offset + DIGEST_BYTES);
    const expected = packetDigest(crypto, packet, offset, key);
    if (digest.every((byte, index) => byte === expected[index])) return { scheme, digest };
  }
  return undefined;
}

/** C2 or S2 of the digest form: random bytes and their HMAC under a key made of the other side's digest. */
function signedAnswer(crypto: HandshakeCrypto, peerDigest: Uint8Array, key: Uint8Array): Uint8Array {
  const answer = new Uint8Array(HANDSHAKE_PACKET_BYTES);
  const random = answer.subarray(0, SIGNED_BYTES);
  random.set(crypto.randomBytes(SIGNED_BYTES));
  answer.set(crypto.hmacSha256(crypto.hmacSha256(key, peerDigest), random), SIGNED_BYTES);
  return answer;
}
