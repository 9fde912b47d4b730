import type { Page } from "playwright-core";

/** Things a page does wrong, in words; empty when there is none. */
export type Findings = string[];

/** Collects what a page complains about: errors of its scripts and breaches of its own security policy. */
export async function listenForComplaints(page: Page): Promise<Findings> {
  const complaints: Findings = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // The browser itself notes each request that was not answered with success; players ask for what is not there yet.
    const isNetwork = message.text().startsWith("Failed to load resource");
    if ((message.type() === "error" || message.type() === "warning") && !isNetwork) complaints.push(message.text());
  });
  await page.exposeFunction("reportViolation", (text: string) => complaints.push(`policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const { reportViolation } = window as unknown as { reportViolation(text: string): void };
      reportViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return complaints;
}

/** Looks for what would keep people out who use a keyboard, a screen reader or a small screen. */
export function auditAccess(page: Page): Promise<Findings> {
  return page.evaluate(() => {
    const findings: string[] = [];
    const isShown = (element: Element): boolean =>
      element.checkVisibility({ checkOpacity: false, visibilityProperty: true });
    const nameOf = (element: Element): string => {
      const label = element.getAttribute("aria-label") ?? "";
      const labelledBy = document.getElementById(element.getAttribute("aria-labelledby") ?? "")?.textContent ?? "";
      const labels =
        element instanceof HTMLInputElement ? [...(element.labels ?? [])].map((one) => one.textContent).join(" ") : "";
      const alt = [...element.querySelectorAll("img[alt]")].map((one) => one.getAttribute("alt")).join(" ");
      return [label, labelledBy, labels, element.textContent, alt].join(" ").trim();
    };
    const outline = (element: Element): string => element.outerHTML.slice(0, 120);
    if (document.documentElement.lang === "") findings.push("the page has no language");
    if (document.title === "") findings.push("the page has no title");
    if (document.querySelectorAll("main").length !== 1) findings.push("the page has not exactly one main part");
    if (document.querySelectorAll("h1").length !== 1) findings.push("the page has not exactly one first heading");
    for (const element of document.querySelectorAll(
      "button, a[href], input, select, textarea, [role=menuitemradio], dialog, [role=img]",
    )) {
      if (isShown(element) && nameOf(element) === "") findings.push(`no name: ${outline(element)}`);
    }
    for (const image of document.querySelectorAll("img:not([alt])"))
      findings.push(`no alternative text: ${outline(image)}`);
    for (const graphic of document.querySelectorAll("svg:not([aria-hidden=true]):not([role=img])")) {
      findings.push(`a drawing that is neither hidden nor named: ${outline(graphic)}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) findings.push(`id twice: ${id}`);
    for (const element of document.querySelectorAll("[tabindex]")) {
      if (Number(element.getAttribute("tabindex")) > 0)
        findings.push(`takes the focus out of turn: ${outline(element)}`);
    }
    for (const element of document.querySelectorAll("button, input:not([type=range]), .brand, .list-row")) {
      const { width, height } = element.getBoundingClientRect();
      if (isShown(element) && (height < 43.5 || width < 43.5)) {
        findings.push(`${Math.round(width)} × ${Math.round(height)} is too small for a finger: ${outline(element)}`);
      }
    }
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) findings.push(`wider than the window: ${scrollWidth} > ${clientWidth}`);
    return findings;
  });
}

/** Text and ground pairs of the tokens with less contrast than WCAG 2.2 §1.4.3 asks for. */
export function auditContrast(page: Page): Promise<Findings> {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    if (canvas === null) return ["no canvas"];
    const style = getComputedStyle(document.documentElement);
    const probe = document.createElement("span");
    document.body.append(probe);
    const luminance = (token: string): number => {
      probe.style.color = "";
      probe.style.color = style.getPropertyValue(token);
      canvas.fillStyle = "#000";
      canvas.fillStyle = getComputedStyle(probe).color;
      canvas.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (a: string, b: string): number => {
      const [one, two] = [luminance(a), luminance(b)];
      return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    };
    const texts = ["--ink", "--ink-2", "--accent-ink", "--live-ink", "--warn-ink"];
    const pairs = texts.flatMap((text) =>
      ["--ground", "--surface", "--raised"].map((ground) => [text, ground] as const),
    );
    const all = [
      ...pairs,
      ["--on-accent", "--accent"],
      ["--on-live", "--live"],
      ["--warn-ink", "--warn-ground"],
    ] as const;
    const findings: string[] = [];
    for (const [text, ground] of all) {
      const ratio = contrast(text, ground);
      if (ratio < 4.5) findings.push(`${text} on ${ground}: ${ratio.toFixed(2)}`);
    }
    for (const ground of ["--ground", "--surface"]) {
      const ratio = contrast("--line-strong", ground);
      if (ratio < 3) findings.push(`borders of fields on ${ground}: ${ratio.toFixed(2)}`);
    }
    probe.remove();
    return findings;
  });
}
