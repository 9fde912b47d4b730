import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { isPublicAddress } from "./address-rule.ts";

const byte = fc.nat(255);
const inside = fc.oneof(
  fc.tuple(fc.constantFrom(0, 10, 127), byte, byte, byte),
  fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
  fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
  fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
  fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
  fc.tuple(fc.integer({ min: 224, max: 255 }), byte, byte, byte),
);
const hex = (value: number): string => value.toString(16);

describe("addresses of the operator's own network", () => {
  test("are none of the Internet's, in every spelling", () => {
    fc.assert(
      fc.property(inside, ([a, b, c, d]) => {
        const dotted = `${a}.${b}.${c}.${d}`;
        const tail = `${hex(a * 256 + b)}:${hex(c * 256 + d)}`;
        const spellings = [dotted, `::ffff:${dotted}`, `::FFFF:${tail}`, `::${dotted}`, `64:ff9b::${dotted}`];
        const carried = [`64:ff9b::${tail}`, `2002:${tail}::1`, `0:0:0:0:0:ffff:${tail}`];
        for (const address of [...spellings, ...carried])
          expect([address, isPublicAddress(address)]).toEqual([address, false]);
      }),
    );
  });

  test("of IPv6: loopback, unspecified, link-local, unique local, multicast, Teredo, documentation", () => {
    for (const address of [
      "::1",
      "::",
      "fe80::1",
      "febf::1",
      "fc00::1",
      "fdff::1",
      "ff02::1",
      "2001::1",
      "2001:db8::1",
    ]) {
      expect([address, isPublicAddress(address)]).toEqual([address, false]);
    }
  });

  test("the metadata service of clouds is one of them", () => {
    expect([isPublicAddress("169.254.169.254"), isPublicAddress("fd00:ec2::254")]).toEqual([false, false]);
  });
});

test("addresses of the Internet are public", () => {
  const addresses = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.1.1", "192.167.0.1", "223.255.255.254"];
  for (const address of [...addresses, "2606:4700::1111", "2a00:1450:4001::8a", "64:ff9b::8.8.8.8"]) {
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  }
});

test("what is no plain address is never public, and nothing throws", () => {
  for (const text of [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.256",
    "0x7f.1",
    "fe80::1%eth0",
    "2606:::1",
    "2606:4700:1:2:3:4:5:6:7",
  ]) {
    expect([text, isPublicAddress(text)]).toEqual([text, false]);
  }
  fc.assert(fc.property(fc.string({ maxLength: 50 }), (text) => typeof isPublicAddress(text) === "boolean"));
});
