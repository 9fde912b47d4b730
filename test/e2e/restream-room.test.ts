import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, startBrowser, VIEWPORTS } from "./browser.ts";
import { auditAccess, auditContrast, type Findings, listenForComplaints } from "./page-audit.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import { addTarget, type NginxTarget, startNginxTarget } from "./restream-target.ts";

const KEY = "room-key-0123456789";

let platform: Platform;
let nginx: NginxTarget;
let encoder: Tool;
let browser: Browser;
let page: Page;
let complaints: Findings;

beforeAll(async () => {
  [platform, nginx] = await Promise.all([
    startPlatform({
      entries: [
        `{ name: second, key: second-${KEY}, targets: [{ name: Declared, url: "rtmp://127.0.0.1:9/x", key: ${KEY} }] }`,
      ],
    }),
    startNginxTarget(),
  ]);
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
  browser = await startBrowser();
  page = await browser.page();
  complaints = await listenForComplaints(page);
  await untilOnAir(platform, "main", 30_000);
  await page.goto(`${platform.http}/admin`);
  await page.getByLabel("Admin token").fill(platform.adminToken);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Restream" }).waitFor();
}, 90_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await encoder[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

const row = (name: string) =>
  page.getByRole("list", { name: "Targets" }).getByRole("listitem").filter({ hasText: name });

describe("the control room", () => {
  test("adds a target, and tells what is wrong with it until its key is right", async () => {
    await page.getByText("This stream goes nowhere else.").waitFor();
    await page.getByRole("button", { name: "Add target" }).click();
    const dialog = page.getByRole("dialog", { name: "New target" });
    expect(await dialog.getByLabel("Address").inputValue()).toBe("rtmps://a.rtmps.youtube.com/live2");
    await dialog.getByLabel("Service").selectOption("Another server");
    await dialog.getByLabel("Name").fill("Club site");
    await dialog.getByLabel("Address").fill("http://127.0.0.1/");
    await dialog.getByLabel("Stream key").fill("not-the-key-0123");
    await dialog.getByRole("button", { name: "Add target" }).click();
    await dialog.getByRole("alert").filter({ hasText: "rtmp://" }).waitFor();
    await dialog.getByLabel("Address").fill(nginx.url);
    await dialog.getByRole("button", { name: "Add target" }).click();
    await dialog.waitFor({ state: "detached" });
    await row("Club site")
      .getByText(/check it\. Tried again in \d+ s\./)
      .waitFor();
    nginx.keys.add(KEY);
    await page.getByRole("button", { name: "Change Club site" }).click();
    const change = page.getByRole("dialog", { name: "Change Club site" });
    await change.getByText("Empty: the one it has, which ends in 0123.").waitFor();
    await change.getByLabel("Stream key").fill(KEY);
    await change.getByRole("button", { name: "Save" }).click();
    await row("Club site").getByText("On air").waitFor();
    await row("Club site")
      .getByText(/\d\.\d MB sent/)
      .waitFor();
    expect(await page.content()).not.toContain(KEY);
  }, 60_000);

  test("stops and starts a target while on air", async () => {
    await page.getByRole("button", { name: "Stop Club site" }).click();
    await row("Club site").getByText("Stopped").waitFor();
    await page.getByRole("button", { name: "Start Club site" }).click();
    await row("Club site").getByText("On air").waitFor();
  }, 30_000);

  test("is readable, named and in its place on a phone and on a desktop", async () => {
    const long = "A target whose name goes on and on until the end of the line is not far";
    await addTarget(platform, { name: long.slice(0, 60), url: `rtmp://127.0.0.1:9/${"long-".repeat(20)}`, key: KEY });
    await row("A target whose name").getByText("ECONNREFUSED").waitFor();
    for (const viewport of Object.values(VIEWPORTS)) {
      await page.setViewportSize(viewport);
      await row("Club site").scrollIntoViewIfNeeded();
      expect(await auditAccess(page)).toEqual([]);
      expect(await auditContrast(page)).toEqual([]);
      const isWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      expect(isWide).toBe(false);
      await page.getByRole("button", { name: "Add target" }).click();
      await page.getByRole("dialog", { name: "New target" }).waitFor();
      expect(await auditAccess(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog", { name: "New target" }).waitFor({ state: "detached" });
    }
    expect(complaints).toEqual([]);
  }, 60_000);

  test("starts and stops a target of the configuration file, and leaves the rest to the file", async () => {
    await page.goto(`${platform.http}/admin#second`);
    await row("Declared").getByText("Declared in the configuration file").waitFor();
    await page.getByRole("button", { name: "Stop Declared" }).click();
    await row("Declared").getByText("Stopped").waitFor();
    expect(await row("Declared").getByRole("button").count()).toBe(1);
    await page.goto(`${platform.http}/admin#main`);
    await row("Club site").waitFor();
  }, 30_000);

  test("removes a target after asking", async () => {
    await page.getByRole("button", { name: "Remove Club site" }).click();
    const dialog = page.getByRole("dialog", { name: "Remove Club site" });
    await dialog.getByRole("button", { name: "Remove target" }).click();
    await row("Club site").waitFor({ state: "detached" });
    expect(await row("A target whose name").count()).toBe(1);
  }, 30_000);
});
