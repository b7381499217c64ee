// Pairs and unpairs the device on its page in headless Chromium, saves its diagnostics, and prints what it
// saw as one line of JSON.
// Usage: node pairing.js http://127.0.0.1:PORT STUDIO AUTHORITY-FILE WRONG-TOKEN TOKEN
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [base, studio, authority, wrong, right] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const seen = {};

try {
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(base);
  const card = page.getByRole("region", { name: "Studio" });
  const says = (word) => card.getByText(word, { exact: true }).waitFor();
  await says("Not paired");
  seen.serial = await card.getByText(/^VS-/).innerText();

  await card.getByLabel("Studio address").fill(studio);
  await card.getByText("A Studio with an authority of its own").click();
  await card.getByLabel("Its certificate (PEM)").fill(readFileSync(authority, "utf8"));
  const token = card.getByLabel("Token");
  await token.fill(wrong);
  await card.getByRole("button", { name: "Pair", exact: true }).click();
  const fault = card.getByRole("alert").getByText(/./).first();
  await fault.waitFor();
  seen.fault = await card.getByRole("alert").innerText();
  seen.at = await token.getAttribute("aria-invalid");

  // As one does who types.
  await token.fill(right);
  await token.press("Enter");
  await says("Connected");
  seen.focus = await page.evaluate(() => document.activeElement?.id);
  seen.connected = await card.innerText();

  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Save diagnostics" }).click({ timeout: 10000 }),
  ]);
  seen.file = saved.suggestedFilename();
  seen.sections = Object.keys(JSON.parse(readFileSync(await saved.path(), "utf8")));

  await card.getByRole("button", { name: "Unpair" }).click();
  const sure = page.getByRole("dialog");
  await sure.getByRole("button", { name: "Unpair" }).click();
  await says("Not paired");
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
