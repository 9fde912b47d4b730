import type { RawFrame } from "#media/frame.ts";
import type { VideoConfig } from "#media/track.ts";
import { sameConfig } from "#timeline/checkpoint.ts";
import type { EncoderSession } from "./encoder-session.ts";
import type { KeyframeJudgement, RouterPorts } from "./ports.ts";

/** Formats of pictures that are remembered as such that the decoder knows; the one that was seen longest ago is forgotten first. */
const KNOWN_FORMATS_MAX = 4;

/** Notes of the sessions of one broadcast whether their pictures can be decoded, and tries those again that could not. */
export class PictureJudge {
  readonly #stream: string;
  readonly #ports: RouterPorts;
  /** Formats of which a keyframe was intact, the latest last. */
  #known: VideoConfig[] = [];

  constructor(stream: string, ports: RouterPorts) {
    this.#stream = stream;
    this.#ports = ports;
  }

  /** A keyframe that all these sessions carry was decoded. */
  judged(sessions: readonly EncoderSession[], judgement: KeyframeJudgement): void {
    const before = sessions.map(({ decodability }) => decodability.problem);
    if (judgement.verdict === "intact") for (const session of sessions) this.#learn(pictureOf(session));
    for (const session of sessions) session.decodability.judged(judgement, this.#knows(pictureOf(session)));
    const broken = sessions.find(({ decodability }) => decodability.problem !== undefined)?.decodability;
    // One that came later is known for less long, and carries the same.
    if (broken !== undefined) for (const { decodability } of sessions) decodability.follow(broken);
    for (const [i, session] of sessions.entries()) this.#tell(session, before[i]);
  }

  /** Has a keyframe of a session decoded that is not on air because its pictures could not be, from time to time. */
  consider(session: EncoderSession, frame: RawFrame, nowMs: number): void {
    const { track } = frame;
    const { decodes } = this.#ports;
    if (!frame.keyframe || track.kind !== "video" || track.number !== 0 || decodes === undefined) return;
    const config = pictureOf(session);
    if (config !== undefined && session.decodability.tries(nowMs))
      void this.#try(session, () => decodes(config, frame.payload));
  }

  async #try(session: EncoderSession, decode: () => Promise<KeyframeJudgement>): Promise<void> {
    try {
      this.judged([session], await decode());
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const fields = { stream: this.#stream, session: session.id, why };
      this.#ports.observer.event("warn", "session.untried", fields, "its pictures could not be tried; they are again");
    }
  }

  #knows(config: VideoConfig | undefined): boolean {
    return config !== undefined && this.#known.some((known) => sameConfig(known, config));
  }

  #learn(config: VideoConfig | undefined): void {
    if (config === undefined) return;
    const others = this.#known.filter((known) => !sameConfig(known, config));
    this.#known = [...others, config].slice(-KNOWN_FORMATS_MAX);
  }

  #tell({ id, decodability, request }: EncoderSession, before: string | undefined): void {
    const { problem } = decodability;
    if ((problem === undefined) === (before === undefined)) return;
    const { observer } = this.#ports;
    const fields = { stream: this.#stream, session: id, address: request.address };
    if (problem === undefined) {
      observer.event("info", "session.decodable", fields, "the encoder's pictures can be decoded again");
      return;
    }
    const text =
      "the encoder's pictures cannot be decoded: restart it, and look at what lies between it and this server";
    observer.event("warn", "session.undecodable", { ...fields, why: problem }, text);
  }
}

/** Parameters of its first picture. */
function pictureOf(session: EncoderSession): VideoConfig | undefined {
  const config = session.configs.get("video0")?.config;
  return config?.kind === "video" ? config : undefined;
}
