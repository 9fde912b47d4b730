import type { BroadcastEvent, PublishRequestedEvent } from "#link/stream-event.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { type Hooks, startHooks } from "./index.ts";
import type { HookSettings } from "./hook-settings.ts";
import type { MessageTable } from "./ports.ts";
import { SECRET } from "./receiver-under-test.ts";

/** A hook that wants everything, with what a test says of it. */
export function hook(settings: Partial<HookSettings> & Pick<HookSettings, "url">): HookSettings {
  const events = ["stream.live", "stream.interrupted", "stream.resumed", "stream.ended"] as const;
  return { secret: SECRET, events, timeoutMs: 3000, onFailure: "refuse", ...settings };
}

/** Hooks on simulated time, with real requests. */
export class HooksUnderTest {
  readonly clock: SimulatedClock;
  readonly observer: RecordingObserver = new RecordingObserver();
  readonly metrics: Metrics = new Metrics();
  hooks!: Hooks;

  private constructor(clock: SimulatedClock) {
    this.clock = clock;
  }

  static start(...hooks: readonly HookSettings[]): Promise<HooksUnderTest> {
    return HooksUnderTest.#start(new SimulatedClock(), hooks, undefined);
  }

  /** Starts them over a store, as a process that begins at `wallMs`; by default where simulated time begins. */
  static startOver(
    { messages, wallMs }: { readonly messages: MessageTable; readonly wallMs?: number },
    ...hooks: readonly HookSettings[]
  ): Promise<HooksUnderTest> {
    return HooksUnderTest.#start(new SimulatedClock(wallMs), hooks, messages);
  }

  static async #start(
    clock: SimulatedClock,
    hooks: readonly HookSettings[],
    messages: MessageTable | undefined,
  ): Promise<HooksUnderTest> {
    const made = new HooksUnderTest(clock);
    const { observer, metrics } = made;
    const stored = messages === undefined ? {} : { messages };
    made.hooks = await startHooks({ hooks, clock, observer, metrics, random: () => 0, ...stored });
    return made;
  }

  /** Closes them and lets their grace pass. */
  async close(): Promise<void> {
    const closing = this.hooks.close();
    await this.clock.advance(2000);
    await closing;
  }

  /** The value of a metric of hook `position`. */
  metric(name: string, position = 0): number {
    const line = `grandstand_hooks_${name}{hook="hooks[${position}]"} `;
    const found = this.metrics.render().split("\n");
    return Number(found.find((candidate) => candidate.startsWith(line))?.slice(line.length));
  }

  /** Waits in real time until a metric has a value. */
  async until(name: string, value: number, position = 0): Promise<void> {
    await eventually(() => this.metric(name, position) === value, `${name} to be ${value}`);
  }
}

/** Waits in real time, at most five seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((wake) => setTimeout(wake, 2));
  }
}

/** A broadcast's beginning; `number` tells them apart. */
export function live(stream: string, number = 0): BroadcastEvent {
  const timelineId = number.toString(16).padStart(16, "0");
  return { type: "stream.live", stream, timelineId, protocol: "rtmp", address: "192.0.2.1" };
}

/** A broadcast's end. */
export function ended(stream: string): BroadcastEvent {
  return { type: "stream.ended", stream, timelineId: "0".repeat(16), why: "grace-over", durationMs: 5000 };
}

/** An encoder's wish. */
export function request(stream: string, params: Readonly<Record<string, string>> = {}): PublishRequestedEvent {
  return { type: "stream.publish-requested", stream, protocol: "rtmp", app: "live", address: "192.0.2.9", params };
}
