import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Fault } from "#faults/fault.ts";
import type { Airtime, AirStretch } from "./air-log.ts";
import { type AirRecord, parseAirRecord } from "./air-log-record.ts";
import { type Encoder, SETTINGS, Stage } from "./router-rig.ts";

const ACTIONS = ["wait", "connect", "leave", "switch", "fall silent", "crash", "restart", "stay away", "stop"] as const;

type Action = (typeof ACTIONS)[number];

/** An evening in which encoders come and go, and so does the server. */
class Evening {
  stage: Stage;
  readonly #settings: typeof SETTINGS;
  /** Those connected, by where they are. */
  readonly #encoders = new Map<string, Encoder>();
  #silent: string | undefined;
  #addresses = 0;

  constructor(stage: Stage, settings: typeof SETTINGS) {
    this.stage = stage;
    this.#settings = settings;
    this.#keep();
  }

  get airtime(): Airtime | undefined {
    return this.stage.router.health("main")?.airtime;
  }

  get stored(): AirRecord | undefined {
    return parseAirRecord("main", this.stage.airtimes.get("main") ?? "");
  }

  #keep(): void {
    if (this.#settings.alwaysOn) this.stage.router.keepOnAir(this.#settings);
  }

  async act(action: Action): Promise<void> {
    const { router } = this.stage;
    const [oldest] = this.#encoders.keys();
    if (action === "connect" && this.#encoders.size < 3) this.#connect();
    if (action === "leave" && oldest !== undefined) {
      this.#encoders.get(oldest)?.end();
      this.#encoders.delete(oldest);
    }
    if (action === "switch") {
      const next = router.health("main")?.sessions.find(({ state }) => state === "standby");
      if (next !== undefined) router.switchTo("main", next.id);
    }
    if (action === "fall silent") this.#silent = oldest;
    if (action === "stop") router.stop("main", new Fault("BROADCAST_STOPPED", "enough"));
    if (action === "crash" || action === "restart" || action === "stay away") await this.#again(action);
    if (action === "stop" || action === "crash" || action === "restart" || action === "stay away")
      this.#encoders.clear();
    this.#keep();
    await this.stage.run(3, ...[...this.#encoders].flatMap(([name, one]) => (name === this.#silent ? [] : [one])));
  }

  #connect(): void {
    const address = `192.0.2.${++this.#addresses}`;
    const encoder = this.stage.open({ address }, this.#settings);
    encoder.mark = this.#addresses;
    encoder.clockMs = this.#addresses * 1_000_000;
    this.#encoders.set(address, encoder);
  }

  async #again(action: "crash" | "restart" | "stay away"): Promise<void> {
    const { clock, router, stored, airtimes } = this.stage;
    const left = [new Map(stored), new Map(airtimes)] as const;
    await router.close();
    await clock.advance(action === "stay away" ? 90_000 : 2000);
    this.stage = await Stage.open(clock, ...(action === "restart" ? ([stored, airtimes] as const) : left));
  }
}

const kindOf = ({ source }: AirStretch): unknown => (source.kind === "encoder" ? source.session : source.kind);

/** One after the other, and each session is one encoder. */
function expectOrderly({ stretches, untilMs }: Airtime): void {
  const times = [...stretches.map(({ fromMs }) => fromMs), untilMs];
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(stretches[0]?.why).toBe("started");
  for (const [i, stretch] of stretches.entries())
    if (i > 0 && stretch.why !== "restarted") expect(kindOf(stretch)).not.toBe(kindOf(stretches[i - 1] as AirStretch));
  const addresses = new Map<number, string>();
  for (const { source } of stretches) {
    if (source.kind !== "encoder") continue;
    expect(addresses.get(source.session) ?? source.address).toBe(source.address);
    addresses.set(source.session, source.address);
  }
}

test("however often encoders and the server come and go, the time line goes on as it was", async () => {
  let resumed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.constantFrom(...ACTIONS), { minLength: 4, maxLength: 14 }),
      async (alwaysOn, actions) => {
        const settings = { ...SETTINGS, alwaysOn, continuity: alwaysOn ? "slate" : "hold" } as const;
        const evening = new Evening(await Stage.open(), settings);
        await evening.act("connect");
        for (const action of actions) {
          const { timelineId } = evening.stored ?? {};
          const known = evening.airtime ?? evening.stage.router.lastAirtime("main");
          await evening.act(action);
          const { airtime } = evening;
          const { router } = evening.stage;
          if (airtime === undefined) {
            const last = router.lastAirtime("main");
            if (last !== undefined) expectOrderly(last);
            if (known !== undefined)
              expect(last?.stretches.slice(0, known.stretches.length)).toEqual([...known.stretches]);
            continue;
          }
          expectOrderly(airtime);
          expect(evening.stored?.airtime.stretches).toEqual([...airtime.stretches]);
          if (known === undefined || timelineId !== router.find("main")?.timelineId) continue;
          expect(airtime.stretches.slice(0, known.stretches.length)).toEqual([...known.stretches]);
          if (airtime.stretches.some(({ why }) => why === "restarted")) resumed++;
        }
        await evening.stage.router.close();
      },
    ),
    { numRuns: 30 },
  );
  expect(resumed).toBeGreaterThan(0);
});
