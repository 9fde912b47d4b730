import { expect, test } from "bun:test";
import { array, assert, asyncProperty, constantFrom, nat, oneof, record } from "fast-check";
import { DiskUnderTest } from "./disk-under-test.ts";
import { eventually, hook, HooksUnderTest, live } from "./hooks-under-test.ts";
import { HookReceiver } from "./receiver-under-test.ts";

const START_MS = Date.parse("2026-01-01T00:00:00.000Z");

test("over any kills, stops and refusals, each stream's messages are first heard of in the order of its events, and none is missing", async () => {
  const action = oneof(
    { weight: 4, arbitrary: record({ kind: constantFrom("tell" as const), stream: constantFrom("a", "b", "c") }) },
    { weight: 1, arbitrary: record({ kind: constantFrom("kill", "stop", "refuse", "accept", "wait" as const) }) },
    { weight: 1, arbitrary: record({ kind: constantFrom("refuse-some" as const), nth: nat(3) }) },
  );
  await assert(
    asyncProperty(array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
      using disk = new DiskUnderTest();
      await using at = await HookReceiver.open();
      const settings = hook({ url: at.url });
      const old: HooksUnderTest[] = [];
      let wallMs = START_MS;
      let run = await HooksUnderTest.startOver({ messages: disk.open(), wallMs }, settings);
      const events = new Map<string, number[]>();
      // What was taken, not what was sent.
      const heard = new Map<string, number[]>();
      let refuses: (request: number) => boolean = () => false;
      let count = 0;
      let asked = 0;
      at.answer = ({ stream, data }, response) => {
        const number = Number.parseInt(String(data["timelineId"]), 16);
        const isRefused = refuses(asked++);
        const list = heard.get(stream) ?? [];
        if (!isRefused && !list.includes(number)) heard.set(stream, [...list, number]);
        response.writeHead(isRefused ? 503 : 204).end();
      };
      /** What waits was sent once at least, and everything is written. */
      const settle = (): Promise<void> =>
        eventually(() => {
          const { waiting, failed } = run.hooks.statuses()[0] ?? { waiting: 0, failed: 0 };
          return disk.bodies.length === waiting && (waiting === 0 || failed > 0);
        }, "everything to be written");
      const restart = async (isKilled: boolean): Promise<void> => {
        await settle();
        old.push(run);
        wallMs = run.clock.wallMs() + 1000;
        if (!isKilled) await run.close();
        run = await HooksUnderTest.startOver({ messages: isKilled ? disk.killed() : disk.open(), wallMs }, settings);
      };
      for (const each of actions) {
        if (each.kind === "tell") {
          const number = ++count;
          events.set(each.stream, [...(events.get(each.stream) ?? []), number]);
          run.hooks.tell(live(each.stream, number));
        } else if (each.kind === "refuse") refuses = () => true;
        else if (each.kind === "accept") refuses = () => false;
        else if (each.kind === "refuse-some") refuses = (i) => i % 4 <= each.nth;
        else if (each.kind === "wait") await run.clock.advance(5000);
        else await restart(each.kind === "kill");
      }
      await restart(false);
      refuses = () => false;
      await restart(true);
      await eventually(() => disk.bodies.length === 0 && run.hooks.statuses()[0]?.waiting === 0, "all to be taken");
      expect(heard).toEqual(events);
      expect(at.complaints).toEqual([]);
      await Promise.all([...old, run].map((each) => each.close()));
    }),
    { numRuns: 10 },
  );
}, 20_000);
