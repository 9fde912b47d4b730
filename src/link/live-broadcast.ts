import { Fault } from "#faults/fault.ts";
import type { HelloRecord, LinkRecord } from "./record.ts";
import { SubscriberQueue } from "./queue.ts";
import { Ring } from "./ring.ts";
import type { LinkSource, LinkSubscription, SubscribeOptions } from "./subscription.ts";

/** Subscribers one broadcast may have. Full: the next is refused with an error. */
export const SUBSCRIBERS_MAX = 64;

/** A broadcast on air, in process: the gate publishes records, subscribers each get all of them through a queue of their own. */
export class LiveBroadcast implements LinkSource {
  readonly stream: string;
  readonly timelineId: string;
  readonly #hello: HelloRecord;
  readonly #ring: Ring;
  readonly #queues = new Set<SubscriberQueue>();
  #end: LinkRecord | undefined;

  constructor(hello: HelloRecord) {
    this.stream = hello.stream;
    this.timelineId = hello.timelineId;
    this.#hello = hello;
    this.#ring = new Ring(hello.tracks);
  }

  /** Bytes of frames kept for subscribers that come late. */
  get ringBytes(): number {
    return this.#ring.bytes;
  }

  /** Times any present subscriber was too slow. */
  get lags(): number {
    let lags = 0;
    for (const queue of this.#queues) lags += queue.lags;
    return lags;
  }

  /** Hands a record to every subscriber in this synchronous run. */
  publish(record: LinkRecord): void {
    this.#ring.push(record);
    if (record.type === "end") this.#end = record;
    for (const queue of this.#queues) queue.push(record);
  }

  /** @throws Fault `LIMIT_REACHED` when there are {@link SUBSCRIBERS_MAX} already. */
  subscribe(options: SubscribeOptions): LinkSubscription {
    if (this.#queues.size >= SUBSCRIBERS_MAX)
      throw new Fault("LIMIT_REACHED", `${this.stream} has ${SUBSCRIBERS_MAX} subscribers already`, {
        hint: "A part of this server subscribes again and again without closing; its log says which.",
      });
    const { tracks, records } = this.#ring.replay(options.from);
    const first: LinkRecord[] = [{ ...this.#hello, tracks }, ...records];
    const queue = new SubscriberQueue(options.name, first, (closed) => this.#queues.delete(closed));
    if (this.#end === undefined) this.#queues.add(queue);
    else queue.push(this.#end);
    return queue;
  }
}
