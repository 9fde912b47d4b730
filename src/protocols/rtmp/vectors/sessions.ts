// What the tests of this folder share: recorded sessions, a server session that takes every publication, cryptography that repeats itself.
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HandshakeCrypto } from "#protocols/rtmp/handshake.ts";
import type { ServerEvent } from "#protocols/rtmp/server-event.ts";
import { RtmpServerSession } from "#protocols/rtmp/server-session.ts";

/** Real HMAC, and "random" bytes that are the same in every run. */
export const testCrypto: HandshakeCrypto = {
  hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
  randomBytes: (count) => Uint8Array.from({ length: count }, (_, index) => (index * 89 + 17) & 0xff),
};

/** The recorded sessions by file name. */
export function recordedSessions(): Map<string, Uint8Array> {
  const files = readdirSync(import.meta.dir).filter((file) => file.endsWith(".rtmp"));
  return new Map(files.map((file) => [file, new Uint8Array(readFileSync(join(import.meta.dir, file)))]));
}

/** Cuts bytes after the given sizes (each at least one byte), and gives the rest as the last piece. Pieces are copies. */
export function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.byteLength) break;
    cut.push(bytes.slice(at, at + Math.max(1, size)));
    at += Math.max(1, size);
  }
  if (at < bytes.byteLength) cut.push(bytes.slice(at));
  return cut;
}

/** Feeds a server session that accepts every publication at once; returns all events. Throws what the session throws. */
export function publishInto(chunks: readonly Uint8Array[], session: RtmpServerSession = newServerSession()): ServerEvent[] {
  const events: ServerEvent[] = [];
  for (const chunk of chunks) {
    let news = session.receive(chunk, 0);
    while (news.length > 0) {
      events.push(...news);
      news = news.at(-1)?.kind === "publish" ? session.accept(0) : [];
    }
    if (session.deadlineMs === 0) session.tick(0);
    session.takeOutput();
  }
  return events;
}

/** A server session at time zero. */
export function newServerSession(): RtmpServerSession {
  return new RtmpServerSession({ crypto: testCrypto, nowMs: 0 });
}
