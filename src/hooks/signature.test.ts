import { describe, expect, test } from "bun:test";
import { assert, property, string } from "fast-check";
import { secretBytes, signedHeaders } from "./signature.ts";

describe("a signature", () => {
  test("is the one of the scheme's example", () => {
    const secret = secretBytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const headers = signedHeaders({
      secret: secret ?? new Uint8Array(),
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      nowSeconds: 1_614_265_330,
      body: '{"test": 2432232314}',
    });
    expect(headers).toEqual({
      "content-type": "application/json",
      "user-agent": "Grandstand",
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });
});

describe("a secret", () => {
  const of = (size: number): string => `whsec_${Buffer.alloc(size, 1).toString("base64")}`;

  test("has 24 to 64 bytes", () => {
    expect([23, 24, 32, 64, 65].map((size) => secretBytes(of(size))?.length)).toEqual([
      undefined,
      24,
      32,
      64,
      undefined,
    ]);
  });

  test("is written in one way", () => {
    const right = of(32);
    expect(secretBytes(right.slice(6))).toBeUndefined();
    expect(secretBytes(right.slice(0, -1))).toBeUndefined();
    expect(secretBytes(`${right} `)).toBeUndefined();
    expect(secretBytes(right.replace("A", "-"))).toBeUndefined();
    expect(secretBytes("")).toBeUndefined();
  });

  test("is never anything but bytes or nothing", () => {
    assert(
      property(string({ maxLength: 120 }), (text) => {
        const bytes = secretBytes(`whsec_${text}`);
        expect(bytes === undefined || (bytes.length >= 24 && bytes.length <= 64)).toBe(true);
      }),
      { interruptAfterTimeLimit: 1000 },
    );
  });
});
