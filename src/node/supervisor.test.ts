import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordingObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { loadConfig } from "./config.ts";
import { type SupervisedEnd, Supervisor } from "./supervisor.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-supervisor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const banner = JSON.stringify({ version: "0", ingest: [], web: [], streamCount: 0, adminToken: "t" });
const SAY_LISTENING = `process.send({ type: "listening", banner: ${banner} });`;

/** A supervisor over a small program in place of the node. */
function supervise(program: string): {
  supervisor: Supervisor;
  observer: RecordingObserver;
  listening: Promise<void>;
  end: Promise<SupervisedEnd>;
} {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.ts`);
  writeFileSync(path, program);
  const observer = new RecordingObserver();
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const supervisor = new Supervisor({
    config: loadConfig({ flags: [], environment: {} }),
    command: [process.execPath, path],
    clock: systemClock,
    observer,
    onListening: () => resolve(),
  });
  return { supervisor, observer, listening, end: supervisor.run() };
}

describe("the supervisor", () => {
  test("hands the checked configuration over and stops the child with a signal", async () => {
    const { supervisor, listening, end } = supervise(`
      process.on("SIGTERM", () => process.exit(0));
      process.on("message", (message) => {
        if (message.type === "start" && message.config.httpPort === 8080 && message.restarts === 0) { ${SAY_LISTENING} }
      });`);
    await listening;
    supervisor.signal("SIGINT");
    expect(await end).toEqual({ code: 0 });
  });

  test("ends with the child's own words when the first start fails", async () => {
    const { end, observer } = supervise(`
      process.send({ type: "fault", code: "PORT_IN_USE", message: "port 8080 is in use", hint: "Stop it." }, () => process.exit(1));`);
    const { code, fault } = await end;
    expect([code, fault?.code, fault?.message, fault?.hint]).toEqual([
      1,
      "PORT_IN_USE",
      "port 8080 is in use",
      "Stop it.",
    ]);
    expect(observer.named("node.crashed")).toEqual([]);
  });

  test("says how the child ended when it said nothing", async () => {
    const { end } = supervise("process.exit(9);");
    expect((await end).fault?.message).toBe("the node process ended while starting (exit code 9)");
  });

  test("starts a crashed child again, and tries on when a later start fails", async () => {
    const marker = join(folder, "starts");
    const { supervisor, observer, end } = supervise(`
      import { appendFileSync, readFileSync } from "node:fs";
      appendFileSync(${JSON.stringify(marker)}, "x");
      const starts = readFileSync(${JSON.stringify(marker)}, "utf8").length;
      process.on("SIGTERM", () => process.exit(0));
      if (starts === 2) process.send({ type: "fault", code: "STORE_FAILED", message: "busy" }, () => process.exit(1));
      else process.on("message", () => { ${SAY_LISTENING} if (starts < 4) process.kill(process.pid, "SIGKILL"); else process.send({ type: "alive" }, () => process.kill(process.ppid, 0)); });
    `);
    const crashes = (): number => observer.named("node.crashed").length;
    const deadlineMs = performance.now() + 5000;
    while (crashes() < 3 && performance.now() < deadlineMs) await new Promise((wake) => setImmediate(wake));
    expect(observer.named("node.crashed").map(({ fields }) => [fields["signal"], fields["fault"]])).toEqual([
      ["SIGKILL", undefined],
      [null, "STORE_FAILED"],
      ["SIGKILL", undefined],
    ]);
    supervisor.signal("SIGTERM");
    expect((await end).code).toBe(0);
  });

  test("takes echoes of a signal for one, and kills at a real second one", async () => {
    const { supervisor, listening, end } = supervise(`
      process.on("SIGTERM", () => undefined);
      setInterval(() => undefined, 1000);
      ${SAY_LISTENING}`);
    await listening;
    const startMs = performance.now();
    for (let i = 0; i < 3; i++) supervisor.signal("SIGINT");
    const again = setInterval(() => supervisor.signal("SIGINT"), 600);
    expect((await end).code).toBe(0);
    clearInterval(again);
    expect(performance.now() - startMs).toBeGreaterThan(500);
  });
});
