import { expect, test } from "bun:test";
import type { AdminHook, AdminHooksAnswer } from "#web/wire.ts";
import { makeApi } from "./api-under-test.ts";

const HOOKS = "/api/v1/hooks";

const HOOK: AdminHook = {
  name: "hooks[0]",
  url: "https://example.org/grandstand",
  events: ["stream.live", "stream.ended"],
  onFailure: "refuse",
  state: "failing",
  waiting: 2,
  delivered: 7,
  failed: 3,
  dropped: 1,
  allowed: 0,
  refused: 0,
  lastDeliveryMs: 5,
  lastProblem: { message: "answered 500", type: "stream.live", stream: "main", atMs: 9 },
};

test("hooks are listed with how they stand, for the operator alone", async () => {
  await using made = await makeApi({ hooks: { statuses: () => [HOOK] } });
  const answer = await made.askAdmin(HOOKS);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect((await answer.json()) as AdminHooksAnswer).toEqual({ hooks: [HOOK] });
  expect((await made.ask(HOOKS)).status).toBe(401);
  expect((await made.askAdmin(HOOKS, { method: "POST" })).status).toBe(405);
});

test("without hooks the list is empty", async () => {
  await using made = await makeApi();
  expect(await (await made.askAdmin(HOOKS)).json()).toEqual({ hooks: [] });
});
