import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import { addTarget, type NginxTarget, startNginxTarget, targetOf, untilTarget } from "./restream-target.ts";

let platform: Platform;
let encoder: Tool;
let nginx: NginxTarget;

beforeAll(async () => {
  [platform, nginx] = await Promise.all([startPlatform(), startNginxTarget()]);
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
  await untilOnAir(platform);
}, 60_000);

afterAll(async () => {
  await encoder[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

describe("a restream target", () => {
  test("that crashes is served again within the back-off, and its playback decodes", async () => {
    nginx.keys.add("first-key-0123456789");
    const { id } = await addTarget(platform, { name: "Nginx", url: nginx.url, key: "first-key-0123456789" });
    const live = await untilTarget(platform, id, "the target to be live", ({ state }) => state === "live");
    expect(live.keyEnd).toBe("6789");
    await untilTarget(platform, id, "bytes", ({ sentBytes }) => sentBytes > 300_000);
    await nginx.crash();
    await untilTarget(platform, id, "the loss", ({ state }) => state === "retrying");
    await nginx.start();
    await untilTarget(platform, id, "the target to be live again", ({ state }) => state === "live", 10_000);
    const target = await targetOf(platform, id);
    console.log(JSON.stringify(target), nginx.recordings("first-key-0123456789"));
  }, 60_000);
});
