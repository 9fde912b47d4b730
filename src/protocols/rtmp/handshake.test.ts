import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { ClientHandshake, HANDSHAKE_BYTES, HANDSHAKE_PACKET_BYTES, ServerHandshake } from "./handshake.ts";
import { pieces, testCrypto } from "./vectors/sessions.ts";

function feed(
  handshake: ServerHandshake | ClientHandshake,
  chunks: readonly Uint8Array[],
): { sent: Uint8Array[]; used: number } {
  const sent: Uint8Array[] = [];
  let used = 0;
  for (const chunk of chunks) used += handshake.receive(chunk, 0, (bytes) => sent.push(bytes));
  return { sent, used };
}

for (const [name, options] of [
  ["plain", { digest: false }],
  ["digest of scheme 0", { digest: true, scheme: 0 }],
  ["digest of scheme 1", { digest: true, scheme: 1 }],
] as const) {
  test(`client and server agree by ${name}, however the bytes are cut`, () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 8 }), (sizes) => {
        const client = new ClientHandshake(testCrypto, options);
        const server = new ServerHandshake(testCrypto);
        const first = client.start();
        const answer = feed(server, pieces(first, sizes)).sent;
        expect(answer.map((bytes) => bytes.byteLength)).toEqual([HANDSHAKE_BYTES]);
        const c2 = feed(client, pieces(answer[0] ?? new Uint8Array(), sizes)).sent;
        expect(c2.map((bytes) => bytes.byteLength)).toEqual([HANDSHAKE_PACKET_BYTES]);
        expect(client.done).toBe(true);
        expect(server.done).toBe(false);
        const rest = new Uint8Array([...(c2[0] ?? []), 1, 2, 3]);
        expect(feed(server, [rest]).used).toBe(HANDSHAKE_PACKET_BYTES);
        expect(server.done).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
}

test("a plain C1 is echoed, a digest C1 is answered by digests", () => {
  const plain = new ClientHandshake(testCrypto, { digest: false }).start();
  const echoed = feed(new ServerHandshake(testCrypto), [plain]).sent[0];
  expect(echoed?.subarray(1 + HANDSHAKE_PACKET_BYTES)).toEqual(plain.subarray(1));
  expect(echoed?.subarray(5, 9)).toEqual(new Uint8Array(4));

  const signed = new ClientHandshake(testCrypto, { digest: true }).start();
  const answer = feed(new ServerHandshake(testCrypto), [signed]).sent[0];
  expect(answer?.subarray(1 + HANDSHAKE_PACKET_BYTES)).not.toEqual(signed.subarray(1));
  expect(answer?.[5]).toBe(4);
});

test("a C1 that claims a version but has no valid digest is echoed", () => {
  const bytes = new ClientHandshake(testCrypto, { digest: true }).start();
  for (let i = 9; i < bytes.byteLength; i++) bytes[i] = (bytes[i] ?? 0) ^ 0xff;
  const answer = feed(new ServerHandshake(testCrypto), [bytes]).sent[0];
  expect(answer?.subarray(1 + HANDSHAKE_PACKET_BYTES)).toEqual(bytes.subarray(1));
});

test("other protocols are refused at their first byte, TLS by name", () => {
  for (const [byte, words] of [
    [0x47, "version 71"],
    [0x06, "version 6"],
    [0x16, "TLS"],
  ] as const) {
    expect(() => feed(new ServerHandshake(testCrypto), [Uint8Array.of(byte)])).toThrow(ProtocolError);
    expect(() => feed(new ServerHandshake(testCrypto), [Uint8Array.of(byte)])).toThrow(words);
  }
});
