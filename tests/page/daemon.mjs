// The daemon's page, driven as somebody on duty would: node daemon.mjs ADDRESS TOKEN PIPELINE LETTERS, where
// LETTERS dead letters lie in partition 0, the last of which has markup in it.
// Says TAPPING where it waits for records, and ends with 0 where everything was as it should be.

import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";

const [address, token, pipeline, letters] = process.argv.slice(2);
const MARKUP = '<img src=x onerror="window.isHacked = true">';

const browser = await Browser.open(address);
const { page } = browser;
browser.secret(token);

// The page asks for the token.
await browser.go("");
await page.getByLabel("Token", { exact: true }).last().fill(token);
await browser.click("button", "Use token");
await browser.sees(pipeline);
browser.isSignedIn = true;
await browser.isAccessible("the overview");
await browser.fitsPhone("the overview");

// A pipeline in short: its line, its balance.
await page.getByRole("link", { name: pipeline }).click();
await browser.sees("running", ".title");
await browser.sees("only-changes", ".line");
await browser.sees(`${pipeline}.dlq`, ".line");
await browser.sees("Every record is accounted for.");
await browser.isAccessible("a pipeline");
await browser.fitsPhone("a pipeline");

// Paused and resumed.
await browser.click("button", "Pause");
await browser.sees("paused", ".title");
await browser.click("button", "Resume");
await browser.sees("running", ".title");

await browser.go(`${pipeline}/partitions`);
await browser.sees(`${pipeline}/0`, "tbody");
await page.getByRole("button", { name: `Pause ${pipeline}/0` }).click();
await browser.sees("paused by an operator", "tbody");
await page.getByRole("button", { name: `Resume ${pipeline}/0` }).click();
await page.getByRole("button", { name: `Pause ${pipeline}/0` }).waitFor();
await browser.isAccessible("the partitions");

// A tap.
await browser.go(`${pipeline}/stages/only-changes`);
await page.getByLabel("Sample").selectOption("1");
await browser.click("button", "Start the tap");
await browser.sees("on", "[role=status]");
console.log("TAPPING");
await page.locator(".tapped summary").first().click();
await browser.isAccessible("a tap");
await browser.click("button", "Stop");
await browser.sees("stopped");

// Dead letters, one of which has markup in it.
await browser.go(`${pipeline}/dead-letters`);
await browser.sees("only-changes", ".groups");
await browser.isAccessible("the dead letters");
await page.getByRole("link", { name: "Open the last" }).first().click();
await browser.sees("Try with the running chain");
await browser.go(`${pipeline}/dead-letters/0/${letters - 1}`);
await browser.sees(MARKUP, "pre");
assert.equal(await page.locator("main img").count(), 0, "markup in a dead letter has become an element");
assert.equal(await page.evaluate(() => globalThis.isHacked), undefined, "a script in a dead letter has run");
await page.getByRole("button", { name: "Hex view of the value" }).click();
await browser.sees("3c 69 6d 67", "pre");

// Why it is one, and whether it still would be.
await browser.click("button", "Try with the running chain");
await browser.sees("reject", ".way");
await browser.isAccessible("an explanation");
await browser.fitsPhone("an explanation");
await browser.click("button", "Replay");
await browser.click("button", "Replay now");
await browser.sees("1 failed again", ".replay");

// The log.
await browser.go(`${pipeline}/log`);
await browser.sees("Log", ".tabs");
await browser.isAccessible("the log");
await browser.close();
