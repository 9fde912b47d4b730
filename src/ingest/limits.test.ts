import { expect, test } from "bun:test";
import { ConnectionCount, connectionGroup, INGEST_LIMITS_DEFAULT, plainAddress, refusalGroup } from "./limits.ts";
import { REFUSAL_DELAY_MS_MAX, REFUSAL_GROUPS_MAX, Refusals } from "./refusals.ts";
import { BitrateMeter } from "./statistics.ts";

test("addresses are counted as IPv4, by /64 of IPv6, and refusals by /24 and /48", () => {
  expect(plainAddress("::ffff:192.0.2.7")).toBe("192.0.2.7");
  expect(plainAddress("fe80::1%eth0")).toBe("fe80::1");
  expect(connectionGroup("192.0.2.7")).toBe("192.0.2.7");
  expect(connectionGroup("2001:db8::7")).toBe("2001:db8:0:0::/64");
  expect(connectionGroup("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(connectionGroup("::1")).toBe("0:0:0:0::/64");
  expect(refusalGroup("192.0.2.7")).toBe("192.0.2.0/24");
  expect(refusalGroup("2001:db8:1:2::7")).toBe("2001:db8:1::/48");
});

test("connections are limited in all and by address, and places come back", () => {
  const count = new ConnectionCount({ ...INGEST_LIMITS_DEFAULT, connectionsMax: 3, connectionsPerAddressMax: 2 });
  expect([count.enter("a"), count.enter("a"), count.enter("a")]).toEqual([
    "entered",
    "entered",
    "too-many-from-address",
  ]);
  expect([count.enter("b"), count.enter("c")]).toEqual(["entered", "too-many"]);
  count.leave("a");
  expect(count.enter("c")).toBe("entered");
  expect(count.total).toBe(3);
});

test("each refused key makes the next answer later, up to ten seconds, and is forgiven in ten", () => {
  const refusals = new Refusals();
  const delays = Array.from({ length: 12 }, () => refusals.refused("192.0.2.1", 0).delayMs);
  expect(delays.slice(0, 3)).toEqual([1000, 2000, 3000]);
  expect(delays.at(-1)).toBe(REFUSAL_DELAY_MS_MAX);
  expect(refusals.refused("192.0.2.200", 0).delayMs).toBe(REFUSAL_DELAY_MS_MAX);
  expect(refusals.refused("198.51.100.1", 0).delayMs).toBe(1000);
  expect(refusals.refused("192.0.2.1", 130_000).delayMs).toBe(1000);
});

test("a good key waits only where keys are guessed in bulk", () => {
  const refusals = new Refusals();
  for (let i = 0; i < 20; i++) refusals.refused("192.0.2.1", 0);
  expect(refusals.askDelayMs("192.0.2.1", 0)).toBe(0);
  refusals.refused("192.0.2.1", 0);
  expect(refusals.askDelayMs("192.0.2.9", 0)).toBe(1000);
  expect(refusals.askDelayMs("198.51.100.1", 0)).toBe(0);
  expect(refusals.askDelayMs("192.0.2.9", 60_000)).toBe(0);
});

test("refusals of a network are told once a minute, with their number", () => {
  const refusals = new Refusals();
  const told = Array.from({ length: 100 }, (_, second) => refusals.refused("192.0.2.1", second * 1000).tell);
  expect(told.filter((count) => count > 0)).toEqual([1, 60]);
});

test("what is remembered of refusals is bounded, the longest silent forgotten first", () => {
  const refusals = new Refusals();
  for (let i = 0; i <= REFUSAL_GROUPS_MAX; i++) refusals.refused(`10.${i >> 8}.${i & 255}.1`, 0);
  expect(refusals.refused("10.0.0.1", 0).delayMs).toBe(1000);
  expect(refusals.refused("10.0.255.1", 0).delayMs).toBe(2000);
});

test("the bitrate is that of the last five seconds", () => {
  const meter = new BitrateMeter();
  for (let second = 0; second <= 20; second++) meter.sample(second < 10 ? 0 : (second - 10) * 125_000, second * 1000);
  expect(meter.bitrate(1_250_000, 20_000)).toBe(1_000_000);
});
