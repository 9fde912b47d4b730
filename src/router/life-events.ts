import type { BroadcastEvent, InterruptionReason, SwitchReason } from "#link/stream-event.ts";
import type { EndReason } from "#link/record.ts";
import type { PublishRequest } from "#media/publish.ts";

/** Tells the life of one broadcast: live once, then interrupted and resumed in turn, ended once; nothing if it was never live. */
export class LifeEvents {
  readonly #stream: string;
  readonly #tell: (event: BroadcastEvent) => void;
  /** Set once the broadcast has been live. */
  #timelineId: string | undefined;
  #interruptedMs = 0;

  constructor(stream: string, tell: (event: BroadcastEvent) => void) {
    this.#stream = stream;
    this.#tell = tell;
  }

  /** An encoder delivers, for the first time or again. */
  delivers(timelineId: string, { protocol, address, encoder }: PublishRequest, nowMs: number): void {
    const source = { protocol, address, ...(encoder === undefined ? {} : { encoder }) };
    const broadcast = { stream: this.#stream, timelineId };
    const isFirst = this.#timelineId === undefined;
    this.#timelineId = timelineId;
    if (isFirst) this.#tell({ type: "stream.live", ...broadcast, ...source });
    else {
      const interruptedMs = Math.round(nowMs - this.#interruptedMs);
      this.#tell({ type: "stream.resumed", ...broadcast, ...source, interruptedMs });
    }
  }

  /** Nobody delivers any more. */
  interrupted(why: InterruptionReason, nowMs: number): void {
    if (this.#timelineId === undefined) return;
    this.#interruptedMs = nowMs;
    this.#tell({ type: "stream.interrupted", stream: this.#stream, timelineId: this.#timelineId, why });
  }

  /** The prepared picture is on air. */
  slate(): void {
    if (this.#timelineId === undefined) return;
    this.#tell({ type: "stream.slate", stream: this.#stream, timelineId: this.#timelineId });
  }

  /** The picture of another encoder is on air. */
  switched(from: PublishRequest, to: PublishRequest, why: SwitchReason): void {
    if (this.#timelineId === undefined) return;
    const broadcast = { stream: this.#stream, timelineId: this.#timelineId };
    this.#tell({ type: "stream.switched", ...broadcast, fromAddress: from.address, toAddress: to.address, why });
  }

  /** The broadcast is over, `durationMs` after its first picture. */
  ended(why: EndReason, durationMs: number): void {
    if (this.#timelineId === undefined) return;
    const broadcast = { stream: this.#stream, timelineId: this.#timelineId };
    this.#tell({ type: "stream.ended", ...broadcast, why, durationMs: Math.max(0, Math.round(durationMs)) });
  }
}
