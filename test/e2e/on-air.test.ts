import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { AdminStream } from "#web/wire.ts";
import { startBrowser, VIEWPORTS } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { auditAccess, auditContrast, type Findings, listenForComplaints } from "./page-audit.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, untilOnAir } from "./platform.ts";

/** Who was on air and why, oldest first: `backup by-hand`, `held lost`. */
async function airtimeOf(platform: Platform): Promise<string[]> {
  const headers = { authorization: `Bearer ${platform.adminToken}` };
  const { health } = (await (await fetch(`${platform.http}/api/v1/streams/main`, { headers })).json()) as AdminStream;
  return (health?.airtime.stretches ?? []).map(
    ({ source, why }) => `${source.kind === "encoder" ? source.role : source.kind} ${why}`,
  );
}

/** Waits until the newest change is such a one, and answers it. */
function untilLast(platform: Platform, last: RegExp): Promise<string> {
  return eventually(20_000, `${last.source} on the time line`, async () => {
    const found = (await airtimeOf(platform)).at(-1) ?? "";
    return last.test(found) ? found : undefined;
  });
}

async function openRoom(page: Page, platform: Platform): Promise<void> {
  await page.goto(`${platform.http}/admin`);
  await page.getByLabel("Admin token").fill(platform.adminToken);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "On air" }).waitFor();
}

/** Goes through the time line with the keyboard, and back; answers what was said at each step. */
async function walk(page: Page, steps: number): Promise<string[]> {
  const band = page.getByRole("slider");
  await band.focus();
  await page.keyboard.press("Home");
  const said: string[] = [];
  for (let i = 0; i < steps; i++) {
    said.push((await band.getAttribute("aria-valuetext")) ?? "");
    await page.keyboard.press("ArrowRight");
  }
  await page.keyboard.press("Escape");
  return said;
}

test("the control room shows who was on air when, with every switch and its reason", async () => {
  await using platform = await startPlatform();
  const url = `${platform.rtmp}/${MAIN_KEY}`;
  await using primary = startEncoder({ url: `${url}?role=primary`, gop: 30 });
  await untilOnAir(platform);
  await using backup = startEncoder({ url: `${url}?role=backup`, gop: 30, size: "384x216" });
  await using browser = await startBrowser();
  const page = await browser.page();
  const complaints = await listenForComplaints(page);
  await openRoom(page, platform);
  await page.getByRole("button", { name: "Put on air" }).click({ timeout: 20_000 });
  const chosen = (await untilLast(platform, / by-hand$/)).startsWith("backup") ? "backup" : "primary";
  const encoders = { primary, backup };
  const other = chosen === "backup" ? "primary" : "backup";
  encoders[chosen].kill("SIGSTOP");
  await untilLast(platform, new RegExp(`^${other} silent$`));
  encoders[chosen].kill("SIGKILL");
  encoders[other].kill("SIGKILL");
  await untilLast(platform, /^(held|slate) lost$/);
  await using _again = startEncoder({ url: `${url}?role=primary`, gop: 30 });
  await untilLast(platform, /^primary back$/);

  const changes = page.getByRole("list", { name: "Changes, the latest first" }).getByRole("listitem");
  await eventually(10_000, "the change on the page", async () =>
    (await changes.first().innerText()).includes("It delivers again.") ? true : undefined,
  );
  const told = (await changes.allInnerTexts()).reverse().map((text) => text.replace(/\s+/g, " "));
  expect(told[0]).toMatch(/ Lavf\S+ \(primary\) The broadcast began\.$/);
  const changed = told.join("\n");
  expect(changed).toMatch(new RegExp(`\\(${other}\\) → to \\d Lavf\\S+ \\(${chosen}\\) Switched by hand\\.`));
  expect(changed).toMatch(new RegExp(`→ to \\d Lavf\\S+ \\(${other}\\) Lavf\\S+ \\(${chosen}\\) was silent\\.`));
  expect(changed).toMatch(
    new RegExp(`→ to (Last picture held|Slate) The connection of Lavf\\S+ \\(${other}\\) broke\\.`),
  );
  const said = await walk(page, told.length);
  for (const [i, text] of said.entries()) expect(told[i]).toContain(text.replace(/^.*?, (?:[\d.]+ s|[\d:]+)\. /, ""));
  expect(new Set(said).size).toBe(told.length);

  const readout = page.locator(".air-readout");
  await page
    .locator(".air-part")
    .nth(1)
    .hover({ position: { x: 2, y: 20 } });
  expect(await readout.innerText()).toContain(told[1]?.slice(-12) ?? "");
  const whole = await page.locator(".air-part").nth(0).boundingBox();
  await page.getByRole("button", { name: "Last hour" }).click();
  expect(await page.getByRole("button", { name: "Last hour" }).getAttribute("aria-pressed")).toBe("true");
  expect((await page.locator(".air-part").nth(0).boundingBox())?.x ?? 0).toBeGreaterThan((whole?.x ?? 0) + 200);

  const findings: Findings = [];
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [size, viewport] of Object.entries(VIEWPORTS)) {
      await page.setViewportSize(viewport);
      const all = [...(await auditAccess(page)), ...(await auditContrast(page))];
      findings.push(...all.map((finding) => `${size} ${colorScheme}: ${finding}`));
    }
  }

  const headers = { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" };
  const stopped = await fetch(`${platform.http}/api/v1/streams/main/stop`, { method: "POST", headers });
  expect(stopped.status).toBe(200);
  await page.getByRole("heading", { name: "Last broadcast" }).waitFor();
  expect(await page.locator(".air-end").innerText()).toMatch(/Off air\s+It was ended by hand\./);
  expect(await changes.count()).toBeGreaterThanOrEqual(told.length);
  expect(await changes.first().innerText()).not.toContain("until now");
  findings.push(...(await auditAccess(page)));
  expect(findings).toEqual([]);
  expect(complaints).toEqual([]);
}, 120_000);
