import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, startBrowser, VIEWPORTS } from "./browser.ts";
import { auditAccess, auditContrast, type Findings, listenForComplaints } from "./page-audit.ts";
import { type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import { type NginxTarget, startNginxTarget } from "./restream-target.ts";

const KEY = "source-key-0123456789";

let platform: Platform;
let nginx: NginxTarget;
let encoder: Tool;
let browser: Browser;
let page: Page;
let complaints: Findings;

beforeAll(async () => {
  const entry = `{ name: declared, key: declared-${KEY}, pull: "rtmp://127.0.0.1:9/live/x" }`;
  [platform, nginx] = await Promise.all([
    startPlatform({ config: "pullPrivate: true", entries: [entry] }),
    startNginxTarget(),
  ]);
  nginx.keys.add(KEY);
  encoder = startEncoder({ url: `${nginx.url}/${KEY}`, size: "320x180" });
  browser = await startBrowser();
  page = await browser.page();
  complaints = await listenForComplaints(page);
  await page.goto(`${platform.http}/admin#main`);
  await page.getByLabel("Admin token").fill(platform.adminToken);
  await page.getByRole("button", { name: "Log in" }).click();
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await encoder[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

const dialog = () => page.getByRole("dialog", { name: "Fetch this stream from…" });

describe("the control room", () => {
  test("lets a stream be fetched from elsewhere, and says no to files in words", async () => {
    await page.goto(`${platform.http}/admin#main`);
    await page.getByRole("button", { name: "Fetch this stream from…" }).click();
    await dialog().getByLabel("Address").fill("/srv/film.mp4");
    await dialog().getByRole("button", { name: "Fetch it" }).click();
    await dialog().getByRole("alert").filter({ hasText: "a file is named in the configuration file only" }).waitFor();
    for (const viewport of Object.values(VIEWPORTS)) {
      await page.setViewportSize(viewport);
      expect(await auditAccess(page)).toEqual([]);
      expect(await auditContrast(page)).toEqual([]);
    }
    await dialog().getByLabel("Address").fill(`${nginx.url}/${KEY}`);
    await dialog().getByRole("button", { name: "Fetch it" }).click();
    await dialog().waitFor({ state: "detached" });
    await untilOnAir(platform, "main", 30_000);
    await page.getByText(nginx.url.replace("/live", ""), { exact: true }).first().waitFor();
    expect(await page.content()).not.toContain(KEY);
    expect(platform.output()).not.toContain(KEY);
  }, 60_000);

  test("fetches it no more after asking", async () => {
    await page.getByRole("button", { name: "Fetch no more" }).click();
    const confirm = page.getByRole("dialog", { name: "Fetch main no more" });
    await confirm.getByRole("button", { name: "Fetch no more" }).click();
    await confirm.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Fetch this stream from…" }).waitFor();
    expect(complaints).toEqual([]);
  }, 30_000);

  test("leaves what the configuration file says to the file", async () => {
    await page.goto(`${platform.http}/admin#declared`);
    await page.getByText("Declared in the configuration file, and changed there.").first().waitFor();
    expect(await page.getByRole("button", { name: /Fetch/ }).count()).toBe(0);
  }, 30_000);
});
