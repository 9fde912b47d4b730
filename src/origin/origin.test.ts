import { expect, test } from "bun:test";
import { Notifier } from "#flow/notifier.ts";
import type { LinkRecord } from "#link/record.ts";
import type { BroadcastDirectory, LinkSource, LinkSubscription, SubscribeOptions } from "#link/subscription.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { TEST_TIMELINE, testRecords } from "#packaging/test-broadcast.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { type Origin, startOrigin, WINDOWS_PER_STREAM_MAX } from "./index.ts";

/** A broadcast whose link a test feeds by hand. */
class HandFedSource implements LinkSource, LinkSubscription {
  readonly stream: string;
  readonly timelineId: string;
  readonly #notifier = new Notifier();
  asked: SubscribeOptions | undefined;
  closed = false;
  #waiting: LinkRecord[] = [];
  #over = false;

  constructor(stream = "main", timelineId: string = TEST_TIMELINE) {
    this.stream = stream;
    this.timelineId = timelineId;
  }

  subscribe(options: SubscribeOptions): LinkSubscription {
    this.asked = options;
    return this;
  }

  push(...records: LinkRecord[]): void {
    this.#waiting.push(...records);
    this.#notifier.notify();
  }

  cut(): void {
    this.#over = true;
    this.#notifier.notify();
  }

  take(): LinkRecord[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  async ready(): Promise<boolean> {
    while (this.#waiting.length === 0 && !this.#over) await this.#notifier.next();
    return this.#waiting.length > 0;
  }

  close(): void {
    this.closed = true;
    this.cut();
  }
}

class Directory implements BroadcastDirectory {
  readonly #sources: LinkSource[];
  readonly #listeners = new Set<(source: LinkSource) => void>();

  constructor(sources: LinkSource[] = []) {
    this.#sources = sources;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  broadcasts(): Iterable<LinkSource> {
    return this.#sources;
  }

  onStarted(listener: (source: LinkSource) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  start(source: LinkSource): void {
    for (const listener of this.#listeners) listener(source);
  }
}

interface Stage {
  readonly origin: Origin;
  readonly clock: SimulatedClock;
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
}

async function stage(directory: Directory): Promise<Stage> {
  const [clock, observer, metrics] = [new SimulatedClock(), new RecordingObserver(), new Metrics()];
  return { origin: await startOrigin({ directory, clock, observer, metrics }), clock, observer, metrics };
}

/** Lets everything that was started run until it waits again. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function withTimeline(records: readonly LinkRecord[], timelineId: string): LinkRecord[] {
  return records.map((record) => (record.type === "hello" ? { ...record, timelineId } : record));
}

const RECORDS = testRecords({ segmentCount: 5, extraFrames: 20 });

test("a broadcast on air before the start and one started later both have their window", async () => {
  const [early, late] = [new HandFedSource("early"), new HandFedSource("late")];
  const directory = new Directory([early]);
  const { origin, metrics } = await stage(directory);
  directory.start(late);
  early.push(...RECORDS);
  late.push(...RECORDS);
  await settle();
  expect([early.asked, late.asked]).toEqual([
    { from: "window", name: "origin" },
    { from: "window", name: "origin" },
  ]);
  for (const stream of ["early", "late"]) {
    expect(origin.open(stream)?.window.track("source")?.segments.length).toBe(6);
  }
  expect(origin.open("none")).toBeUndefined();
  expect(metrics.render()).toContain("grandstand_origin_windows 2\n");
  await origin.close();
});

test("listeners hear of a change once for each batch, after it was applied", async () => {
  const source = new HandFedSource();
  const { origin } = await stage(new Directory([source]));
  source.push(...RECORDS.slice(0, 1));
  await settle();
  const open = origin.open("main");
  const versions: (number | undefined)[] = [];
  const stop = open?.onChange(() => versions.push(open.window.version));
  source.push(...RECORDS.slice(1));
  await settle();
  expect(versions).toEqual([open?.window.version]);
  source.push({ type: "head", inputAgeMs: 3 });
  await settle();
  expect(versions.length).toBe(1);
  stop?.();
  source.push({ type: "end", why: "stopped" });
  await settle();
  expect([versions.length, open?.window.ended]).toEqual([1, "stopped"]);
  await origin.close();
});

test("an ended broadcast stays for its window length beside the next one, then goes and says so", async () => {
  const [first, second] = [new HandFedSource(), new HandFedSource("main", "fedcba9876543210")];
  const directory = new Directory([first]);
  const { origin, clock } = await stage(directory);
  first.push(...RECORDS, { type: "end", why: "stopped" });
  first.cut();
  await settle();
  const ended = origin.open("main");
  expect([ended?.window.ended, first.closed]).toEqual(["stopped", true]);
  directory.start(second);
  second.push(...withTimeline(RECORDS, "fedcba9876543210"));
  await settle();
  expect(origin.windows("main").map((open) => open.timelineId)).toEqual(["fedcba9876543210", TEST_TIMELINE]);
  let heard = 0;
  ended?.onChange(() => heard++);
  const windowMs = (ended?.window.parameters.windowMicros ?? 0) / 1_000;
  await clock.advance(windowMs - 1);
  expect(origin.windows("main").length).toBe(2);
  await clock.advance(2);
  await settle();
  expect(origin.windows("main").map((open) => open.timelineId)).toEqual(["fedcba9876543210"]);
  expect([ended?.gone, heard]).toEqual([true, 1]);
  await origin.close();
});

test("a link that breaks without an end ends the broadcast for its players", async () => {
  const source = new HandFedSource();
  const { origin } = await stage(new Directory([source]));
  source.push(...RECORDS);
  source.cut();
  await settle();
  expect(origin.open("main")?.window.ended).toBe("shutdown");
  await origin.close();
});

test("a listener that fails takes down its own window only, and the log names it", async () => {
  const [bad, good] = [new HandFedSource("bad"), new HandFedSource("good")];
  const { origin, observer } = await stage(new Directory([bad, good]));
  bad.push(...RECORDS.slice(0, 1));
  good.push(...RECORDS.slice(0, 1));
  await settle();
  origin.open("bad")?.onChange(() => {
    throw new Error("broken listener");
  });
  bad.push(...RECORDS.slice(1));
  good.push(...RECORDS.slice(1));
  await settle();
  expect(origin.open("bad")).toBeUndefined();
  expect(origin.open("good")?.window.track("source")?.segments.length).toBe(6);
  expect(observer.named("origin.window.failed").map((event) => event.fields["stream"])).toEqual(["bad"]);
  await origin.close();
});

test("a stream that restarts too often keeps its newest windows only", async () => {
  const directory = new Directory();
  const { origin } = await stage(directory);
  const ids = Array.from({ length: WINDOWS_PER_STREAM_MAX + 2 }, (_, i) => `000000000000000${i}`);
  for (const id of ids) {
    const source = new HandFedSource("main", id);
    directory.start(source);
    source.push(...withTimeline(RECORDS, id), { type: "end", why: "stopped" });
    source.cut();
    await settle();
  }
  expect(origin.windows("main").map((open) => open.timelineId)).toEqual(ids.reverse().slice(0, WINDOWS_PER_STREAM_MAX));
  await origin.close();
});

test("closing ends every subscription and listens to nothing any more", async () => {
  const source = new HandFedSource();
  const directory = new Directory([source]);
  const { origin, metrics } = await stage(directory);
  source.push(...RECORDS);
  await settle();
  await origin.close();
  await origin.close();
  expect(await origin.closed).toBeNull();
  expect([source.closed, directory.listeners, origin.windows("main").length]).toEqual([true, 0, 0]);
  expect(metrics.render()).not.toContain("grandstand_origin");
});
