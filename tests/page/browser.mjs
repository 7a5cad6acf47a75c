// A browser for the tests of the page, which notes everything that a page must not do.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Milliseconds for anything to appear. */
const PATIENCE = 60_000;

export class Browser {
  /** Opens an empty page that may ask `address` only. */
  static async open(address) {
    const browser = await chromium.launch({
      executablePath: process.env.SLUICE_CHROMIUM,
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    });
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
    context.setDefaultTimeout(PATIENCE);
    return new Browser(browser, await context.newPage(), address);
  }

  constructor(browser, page, address) {
    Object.assign(this, { browser, page, address, complaints: [], secrets: [], isSignedIn: false });
    page.on("console", (message) => {
      // Chromium itself says so of every answer that asks for a token, and of a program that is refused.
      const status = message.text().match(/status of (\d+)/)?.[1];
      const isRefusal = (!this.isSignedIn && status === "401") || status === "422";
      if (message.type() === "error" && !isRefusal) this.complaints.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.stack}`));
    page.on("request", (request) => this.judge(request.url()));
  }

  judge(url) {
    if (!url.startsWith(`${this.address}/`)) this.complaints.push(`a request to ${url}`);
    for (const secret of this.secrets) {
      if (url.includes(secret)) this.complaints.push(`a token in the address of a request: ${url}`);
    }
  }

  /** Keeps this text out of every address from now on. */
  secret(text) {
    this.secrets.push(text);
  }

  async go(route) {
    await this.page.goto(`${this.address}/#/${route}`);
  }

  /** Waits until the page shows a text within what `selector` names. */
  async sees(text, selector = "main") {
    const place = this.page.locator(selector).filter({ hasText: text }).first();
    await place.waitFor({ state: "visible" }).catch(async () => {
      const shown = await this.page.locator("body").innerText();
      assert.fail(`no ${text} in ${selector}; the page shows:\n${shown}`);
    });
  }

  async click(role, name) {
    await this.page.getByRole(role, { name }).first().click();
  }

  /** Fails where a reader with a disability would be held up, in either theme. */
  async isAccessible(what) {
    for (const colorScheme of ["light", "dark"]) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.evaluate(AXE);
      const { violations } = await this.page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      const said = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
      assert.deepEqual(said, [], `${what}, ${colorScheme}`);
    }
  }

  /** Fails where a phone would have to scroll sideways. */
  async fitsPhone(what) {
    const before = this.page.viewportSize();
    await this.page.setViewportSize({ width: 390, height: 844 });
    // The page draws itself anew in the frames that follow.
    const fits = () => document.documentElement.scrollWidth <= 390;
    await this.page.waitForFunction(fits).catch(async () => {
      const width = await this.page.evaluate(() => document.documentElement.scrollWidth);
      assert.fail(`${what} is ${width} pixels wide on a phone`);
    });
    await this.page.setViewportSize(before);
  }

  /** Ends, and fails where the page did what it must not. */
  async close() {
    await this.browser.close();
    assert.deepEqual(this.complaints, []);
  }
}
