import type { TimeAnswer } from "#web/wire.ts";

let offsetMs = 0;
let asked: Promise<void> | undefined;

async function ask(): Promise<void> {
  const sentMs = Date.now();
  const answer = await fetch("/api/v1/time", { cache: "no-store" });
  if (!answer.ok) return;
  const { nowMs } = (await answer.json()) as TimeAnswer;
  const receivedMs = Date.now();
  // The answer left the server half-way between; a slow exchange says too little to act on.
  if (receivedMs - sentMs < 1000) offsetMs = nowMs - (sentMs + receivedMs) / 2;
}

/** Learns how far this machine's clock is off, once. Latency is wrong by that much until then. */
export function learnServerTime(): Promise<void> {
  asked ??= ask().catch(() => {
    asked = undefined;
  });
  return asked;
}

/** Milliseconds since the Unix epoch by the server's clock. */
export function serverNowMs(): number {
  return Date.now() + offsetMs;
}
