// A person's journey in a real browser: the log-in link, the waiting page, the agent's page, the
// notice, sleep and waking. `tests/browser.rs` runs it against a live engine. It must not know
// anything that the person in front of the browser does not.
//
// node journey.mjs PACKAGES BROWSER LINK SEEN: prints each stage; 0 when every one was as promised.
// It makes the file SEEN, for which the agent's start waits, once it has seen the waiting page.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, browserProgram, link, seen] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");

// Longer than any one thing takes on a busy machine, the idle time-out included.
const WITHIN_MS = 45_000;
// WCAG 2.2, 1.4.3: text against what is behind it.
const CONTRAST_MIN = 4.5;

const began = Date.now();
const stage = (words) => console.log(`${((Date.now() - began) / 1000).toFixed(1)} s  ${words}`);

// The smallest contrast of any text that is seen; runs in the page.
function leastContrast() {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    for (const colour of colours) {
      pixel.fillStyle = colour;
      pixel.fillRect(0, 0, 1, 1);
    }
    return [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let least = { ratio: 21, words: "" };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const [words, holder] = [texts.currentNode.data.trim(), texts.currentNode.parentElement];
    if (!words || !holder.checkVisibility()) continue;
    const behind = [];
    for (let at = holder; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const ground = light(over(behind));
    const ink = light(over([...behind, getComputedStyle(holder).color]));
    const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
    if (ratio < least.ratio) least = { ratio, words };
  }
  return least;
}

async function readable(page, what) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const { ratio, words } = await page.evaluate(leastContrast);
    assert.ok(ratio >= CONTRAST_MIN, `${what}, ${colorScheme}: "${words}" has ${ratio.toFixed(1)} : 1`);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

async function focused(page) {
  return page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
}

// Presses Tab until the thing has the focus: whoever has no mouse gets there, too.
async function tabTo(page, name) {
  const passed = [];
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press("Tab");
    passed.push(await focused(page));
    if (passed.at(-1) === name) return;
  }
  assert.fail(`Tab never reaches ${name}: ${passed.join(", ")}`);
}

async function says(page, id, words) {
  await page.locator(`#${id}`, { hasText: words }).waitFor();
}

async function journey(page) {
  await page.goto(link);
  assert.equal(new URL(page.url()).search, "", "the secret leaves the address bar");
  assert.equal(await focused(page), "Log in");
  await readable(page, "log-in page");
  await page.keyboard.press("Enter");
  stage("logged in with one key");

  await page.locator("body[data-waiting=yes] li.now").waitFor();
  await says(page, "status", "Your agent is starting");
  assert.equal(await page.locator("#steps li").count(), 7);
  await readable(page, "waiting page");
  stage("the waiting page shows the step at hand");
  writeFileSync(seen, "");

  await page.locator("#text").waitFor();
  stage("it became the agent's page by itself");
  await page.locator("#text").fill("Which page is this?");
  await page.keyboard.press("Enter");
  await page.locator("li.assistant", { hasText: "Which page is this?" }).waitFor();
  stage("the agent answered");

  await page.goto(new URL("/teamclaw/", link).href);
  await says(page, "status", "Your agent is ready");
  await says(page, "steps-title", /^Started in \d+\.\d s$/);
  await page.locator("#notice").waitFor();
  await readable(page, "notice");
  stage("the notice came");
  await tabTo(page, "Keep it awake for an hour");
  await page.keyboard.press("Enter");
  await says(page, "answer", "It stays awake until");
  await page.locator("#notice").waitFor({ state: "hidden" });
  assert.equal(await focused(page), "answer", "the keyboard's place is kept");
  stage("snoozed");

  await tabTo(page, "stop");
  await page.keyboard.press("Enter");
  await says(page, "status", "Your agent is asleep");
  await readable(page, "asleep");
  stage("asleep");
  await page.locator("#wake").click();
  await says(page, "status", "Your agent is ready");
  await page.locator("#open").click();
  await page.locator("li.assistant", { hasText: "Which page is this?" }).waitFor();
  stage("woken, and the conversation is still there");
}

const browser = await chromium.launch({ executablePath: browserProgram, args: ["--disable-gpu"] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The waiting page is a 503 on purpose; the browser mentions it.
    const waiting = message.text().includes("status of 503");
    if (["error", "warning"].includes(message.type()) && !waiting) complaints.push(message.text());
  });
  try {
    await journey(page);
  } catch (error) {
    console.log(await page.locator("body").innerText().catch(() => "no page"));
    throw error;
  }
  assert.deepEqual(complaints, [], "the browser's console stays empty");
} finally {
  await browser.close();
}
