// The page of `sluice dev --page`: node dev.mjs ADDRESS, with the token behind `#`.

import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";

const [address] = process.argv.slice(2);
const { origin, hash } = new URL(address);
const browser = await Browser.open(origin);
const { page } = browser;
browser.isSignedIn = true;

await page.goto(address);
await browser.sees("What becomes of a record?");
assert.ok(!page.url().includes(hash.slice(1)), "the token is still in the address");
browser.secret(hash.split("=")[1]);

const order = { order_id: "o-1", status: "shipped", quantity: 3, price_cents: 499, customer: { email: "ada@example.org" } };
await page.getByLabel("Record").fill(JSON.stringify(order));
await browser.sees('"total_cents": 1497', ".results");
await browser.isAccessible("the workbench");
await browser.fitsPhone("the workbench");

await browser.click("button", "jq");
await page.getByLabel("jq program").fill("{id: .order_id, paid: (.quantity * .price_cents)}");
await browser.sees('"paid": 1497', ".results");
await page.getByLabel("jq program").fill("{id: .order_id");
await browser.sees("program", ".results .wrong");

await browser.click("button", "SQL");
await page.getByLabel("SQL query").fill("SELECT upper(status) AS state, quantity + 1 AS more FROM input");
await browser.sees('"state": "SHIPPED"', ".results");
await browser.sees('"more": 4', ".results");
await page.getByLabel("Record").fill("not JSON");
await browser.sees("reject", ".results");
await browser.close();
