import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { HookReceiver, SECRET } from "#hooks/receiver-under-test.ts";
import { startBrowser, VIEWPORTS } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { auditAccess, type Findings, listenForComplaints } from "./page-audit.ts";
import { freePort, MAIN_KEY, type Platform, startEncoder, startPlatform, untilOnAir } from "./platform.ts";

const SOURCE_KEY = "key-of-the-source-0123456789";
const HOOK_TOKEN = "token-of-the-hook-0123456789";

async function logIn(page: Page, platform: Platform): Promise<void> {
  await page.goto(`${platform.http}/admin`);
  await page.getByLabel("Admin token").fill(platform.adminToken);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Streams" }).waitFor();
  await page.locator(".list-row", { hasText: "relay" }).click();
}

function untilText(page: Page, selector: string, wanted: RegExp): Promise<string> {
  return eventually(20_000, `${wanted.source} in ${selector}`, async () => {
    const text = (await page.locator(selector).allInnerTexts()).join("\n");
    return wanted.test(text) ? text : undefined;
  });
}

async function auditSizes(page: Page, where: string): Promise<Findings> {
  const findings: Findings = [];
  for (const [size, viewport] of Object.entries(VIEWPORTS)) {
    await page.setViewportSize(viewport);
    findings.push(...(await auditAccess(page)).map((finding) => `${where} ${size}: ${finding}`));
  }
  return findings;
}

test("the control room shows how pulls and hooks stand, and nothing secret of them", async () => {
  await using receiver = await HookReceiver.open();
  const nobody = await freePort();
  const hook = (url: string, events: string): string => `  - { url: "${url}", secret: ${SECRET}, events: [${events}] }`;
  await using platform = await startPlatform({
    entries: [`{ name: relay, key: ${MAIN_KEY}-2, pull: "rtmp://127.0.0.1:${nobody}/app/${SOURCE_KEY}" }`],
    config: [
      "pullPrivate: true",
      "hooks:",
      hook(receiver.url, "stream.publish-requested, stream.live"),
      hook(`http://127.0.0.1:${nobody}/take/${HOOK_TOKEN}?token=${HOOK_TOKEN}`, "stream.live"),
    ].join("\n"),
  });
  await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, gop: 30 });
  await untilOnAir(platform);
  await using browser = await startBrowser();
  const page = await browser.page();
  const complaints = await listenForComplaints(page);
  await logIn(page, platform);

  const pull = await untilText(page, "section[aria-labelledby=pull-title]", /Tried again in \d+ s/);
  expect(pull).toContain("Retrying");
  expect(pull).toContain(`rtmp://127.0.0.1:${nobody}`);
  expect(pull).not.toContain(SOURCE_KEY);
  const findings = await auditSizes(page, "pull");

  await page.getByRole("link", { name: "Hooks" }).click();
  await page.getByRole("heading", { name: "Hooks" }).waitFor();
  const hooks = await untilText(page, ".hooks", /Works[\s\S]+Failing/);
  expect(hooks).toContain(receiver.url);
  expect(hooks).toContain("Decides who may publish; while it fails, nobody may. Told of live.");
  expect(hooks).toMatch(/1 delivered, 1 publication allowed\s+Last delivery at /);
  expect(hooks).toContain(`http://127.0.0.1:${nobody}/take/…`);
  expect(hooks).toMatch(/for live of main: the connection was refused\. What waits is sent again/);
  findings.push(...(await auditSizes(page, "hooks")));
  expect(receiver.complaints).toEqual([]);

  const headers = { authorization: `Bearer ${platform.adminToken}` };
  const answers = await Promise.all(
    ["hooks", "streams", "streams/relay"].map(async (path) =>
      (await fetch(`${platform.http}/api/v1/${path}`, { headers })).text(),
    ),
  );
  for (const secret of [SECRET, HOOK_TOKEN, SOURCE_KEY]) {
    expect([...answers, await page.content(), platform.output()].filter((text) => text.includes(secret))).toEqual([]);
  }
  expect(findings).toEqual([]);
  expect(complaints).toEqual([]);
}, 90_000);
