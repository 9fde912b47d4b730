import { afterEach, describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import type { PublishRequestedEvent } from "#link/stream-event.ts";
import { QUESTIONS_IN_FLIGHT_MAX, QUESTIONS_PER_STREAM_MAX } from "./decisions.ts";
import type { HookSettings } from "./hook-settings.ts";
import { eventually, hook, HooksUnderTest, live, request } from "./hooks-under-test.ts";
import { type Answer, answer, hang, HookReceiver } from "./receiver-under-test.ts";

const open: HookReceiver[] = [];
afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close();
});

async function receiver(how?: Answer): Promise<HookReceiver> {
  const made = await HookReceiver.open();
  if (how !== undefined) made.answer = how;
  open.push(made);
  return made;
}

function deciding(at: { readonly url: string }, settings: Partial<HookSettings> = {}): HookSettings {
  return hook({ url: at.url, events: ["stream.publish-requested"], ...settings });
}

/** `allowed`, or the code and words of the refusal. */
async function decision(run: HooksUnderTest, asked: PublishRequestedEvent): Promise<string> {
  try {
    await run.hooks.decide(asked);
    return "allowed";
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe("a publication", () => {
  test("is allowed by a hook that says nothing against it, and told to it without the key", async () => {
    const at = await receiver();
    const run = await HooksUnderTest.start(deciding(at));
    expect(run.hooks.decides).toBe(true);
    expect(await decision(run, request("main", { ticket: "7" }))).toBe("allowed");
    expect(at.complaints).toEqual([]);
    expect(at.received[0]?.type).toBe("stream.publish-requested");
    const data = { stream: "main", protocol: "rtmp", app: "live", address: "192.0.2.9", params: { ticket: "7" } };
    expect(at.received[0]?.data).toEqual(data);
    expect([run.metric("allowed_total"), run.metric("refused_total")]).toEqual([1, 0]);
    run.hooks.tell(live("main"));
    await run.close();
    expect(at.received.length).toBe(1);
  });

  test("is refused with the hook's reason, by JSON and by status", async () => {
    const at = await receiver(answer(200, { allow: false, reason: "not your slot" }));
    const run = await HooksUnderTest.start(deciding(at));
    const words = "PUBLISH_REFUSED: a hook refused the publication of main:";
    expect(await decision(run, request("main"))).toBe(`${words} not your slot`);
    at.answer = answer(403, { reason: "banned" });
    expect(await decision(run, request("main"))).toBe(`${words} banned`);
    expect([run.metric("allowed_total"), run.metric("refused_total")]).toEqual([0, 2]);
    await run.close();
  });

  test("needs every hook that decides, and waits for none that only listens", async () => {
    const [yes, no, listener] = [await receiver(), await receiver(answer(403)), await receiver(hang)];
    const run = await HooksUnderTest.start(deciding(yes), hook({ url: listener.url }), deciding(no));
    expect(await decision(run, request("main"))).toStartWith("PUBLISH_REFUSED");
    no.answer = answer(200);
    expect(await decision(run, request("main"))).toBe("allowed");
    expect([yes.received.length, no.received.length, listener.received.length]).toEqual([2, 2, 0]);
    expect(yes.received[1]?.id).toBe(no.received[1]?.id ?? "");
    await run.close();
  });

  test("is decided by nobody where no hook wants to", async () => {
    const run = await HooksUnderTest.start(hook({ url: (await receiver(hang)).url }));
    expect([run.hooks.decides, await decision(run, request("main"))]).toEqual([false, "allowed"]);
    await run.close();
  });
});

describe("a hook without a usable answer", () => {
  const refused = "HOOK_FAILED: the publication of main was refused: hooks[0], which decides, failed";

  test("refuses: too slow, broken, endless or nonsense", async () => {
    const at = await receiver(hang);
    const run = await HooksUnderTest.start(deciding(at));
    const asked = decision(run, request("main"));
    await eventually(() => at.received.length === 1, "the question");
    await run.clock.advance(3000);
    expect(await asked).toBe(`${refused} (no answer within 3000 ms)`);
    const answers: readonly [Answer, string][] = [
      [answer(500), "answered 500"],
      [answer(410), "answered 410"],
      [answer(302, undefined, { location: "/ready" }), "answered 302"],
      [answer(200, { allow: "no" }), 'gave an answer whose "allow" is neither true nor false'],
      [answer(200, { allow: true, pad: "x".repeat(20_000) }), "gave an answer that is too long or broke off"],
    ];
    for (const [how, why] of answers) {
      at.answer = how;
      expect(await decision(run, request("main"))).toBe(`${refused} (${why})`);
    }
    at.answer = answer(204);
    expect(await decision(run, request("main"))).toBe("allowed");
    expect(run.observer.named("hook.recovered").length).toBe(1);
    expect(run.observer.named("hook.gone")).toEqual([]);
    await run.close();
  });

  test("refuses when nobody is there, after a second try", async () => {
    const at = await receiver();
    await at.close();
    const run = await HooksUnderTest.start(deciding(at));
    const asked = decision(run, request("main"));
    let isDone = false;
    void asked.then(() => (isDone = true));
    await eventually(() => {
      void run.clock.advance(50);
      return isDone;
    }, "the answer");
    expect(await asked).toBe(`${refused} (the connection was refused)`);
    await run.close();
  });

  test("allows where the operator wants it so, and says so", async () => {
    const at = await receiver(answer(500));
    const run = await HooksUnderTest.start(deciding(at, { onFailure: "allow" }));
    expect(await decision(run, request("main"))).toBe("allowed");
    expect(run.observer.named("hook.passed-over").map(({ fields }) => fields["why"])).toEqual(["answered 500"]);
    at.answer = answer(403);
    expect(await decision(run, request("main"))).toStartWith("PUBLISH_REFUSED");
    await run.close();
  });

  test("is tried again at once when the connection broke", async () => {
    let count = 0;
    const at = await receiver((received, response) => {
      if (++count === 1) response.destroy();
      else answer(204)(received, response);
    });
    const run = await HooksUnderTest.start(deciding(at));
    const asked = decision(run, request("main"));
    await eventually(() => {
      void run.clock.advance(50);
      return count === 2;
    }, "the second question");
    expect(await asked).toBe("allowed");
    expect(at.received[0]?.id).toBe(at.received[1]?.id ?? "");
    await run.close();
  });
});

describe("a question that hangs", () => {
  test("keeps no other stream waiting", async () => {
    const at = await receiver((received, response) => {
      if (received.stream !== "stuck") answer(204)(received, response);
    });
    const run = await HooksUnderTest.start(deciding(at));
    const stuck = Array.from({ length: QUESTIONS_PER_STREAM_MAX }, () => decision(run, request("stuck")));
    await eventually(() => at.received.length === QUESTIONS_PER_STREAM_MAX, "the questions that hang");
    const others = Array.from({ length: 200 }, (_, i) => decision(run, request(`s${i}`)));
    expect(new Set(await Promise.all(others))).toEqual(new Set(["allowed"]));
    expect(await decision(run, request("stuck"))).toStartWith("LIMIT_REACHED");
    await run.clock.advance(3000);
    for (const asked of stuck) expect(await asked).toStartWith("HOOK_FAILED");
    await run.close();
  });

  test("is one of a few at a time; those in line have no more time than others", async () => {
    const at = await receiver(hang);
    const run = await HooksUnderTest.start(deciding(at));
    const all = Array.from({ length: 60 }, (_, i) => decision(run, request(`s${i}`)));
    await eventually(() => at.received.length === QUESTIONS_IN_FLIGHT_MAX, "the first questions");
    await run.clock.advance(3000);
    for (const asked of all) expect(await asked).toEndWith("(no answer within 3000 ms)");
    expect(at.received.length).toBe(QUESTIONS_IN_FLIGHT_MAX);
    await run.close();
  });

  test("ends when the server stops", async () => {
    const at = await receiver(hang);
    const run = await HooksUnderTest.start(deciding(at));
    const asked = decision(run, request("main"));
    await eventually(() => at.received.length === 1, "the question");
    await run.close();
    expect(await asked).toEndWith("(the server stops)");
  });
});
