// Asks Lighthouse about pages: one question a line on standard input, one answer a line on standard output, in one Chromium.
// Where Lighthouse or the browser breaks at a page, that is the answer for it, and the next question has a browser of its own.
//
// Question: {"url": …, "headers": {…}, "categories": ["accessibility", …], "slow": whether a phone on a slow net is simulated}.
// Answer: {"scores": {category: 0 to 100}, "failed": ["audit: what it says", …]} or {"error": …}.
import readline from "node:readline";
import * as chromeLauncher from "chrome-launcher";
import lighthouse from "lighthouse";

const LONGEST = 120000;
let chrome = null;

async function browser() {
  chrome ??= await chromeLauncher.launch({
    chromePath: process.env.CHROME_PATH,
    chromeFlags: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
  return chrome;
}

async function endBrowser() {
  const former = chrome;
  chrome = null;
  await former?.kill();
}

// Lighthouse leaves some promises behind, whose failure belongs to the question that is being asked.
let breaks = () => {};
process.on("unhandledRejection", (error) => breaks(error));
process.on("uncaughtException", (error) => breaks(error));

async function ask(question) {
  const settings = {
    logLevel: "silent",
    output: "json",
    port: (await browser()).port,
    onlyCategories: question.categories,
    extraHeaders: question.headers,
    maxWaitForLoad: 30000,
    // A picture of the whole page is for reports that somebody looks at.
    disableFullPageScreenshot: true,
  };
  if (!question.slow) {
    // How the net is simulated stays as it is: nothing is timed then, and a net that is none would be waited for much longer.
    Object.assign(settings, {
      formFactor: "desktop",
      screenEmulation: { mobile: false, width: 1280, height: 900, deviceScaleFactor: 1, disabled: false },
    });
  }
  const { lhr } = await lighthouse(question.url, settings);
  if (lhr.runtimeError) return { error: `${lhr.runtimeError.code}: ${lhr.runtimeError.message}` };
  const scores = {};
  const failed = [];
  for (const [name, category] of Object.entries(lhr.categories)) {
    scores[name] = Math.round((category.score ?? 0) * 100);
    for (const { id, weight } of category.auditRefs) {
      const audit = lhr.audits[id];
      if (weight > 0 && audit.score !== null && audit.score < 1) {
        const items = (audit.details?.items ?? []).slice(0, 3);
        const where = items.map((item) => item.node?.selector ?? item.description ?? item.issueType ?? item.value ?? "").filter(Boolean);
        failed.push(`${id}: ${audit.title}${audit.displayValue ? ` (${audit.displayValue})` : ""} ${where.join(", ")}`.trim());
      }
    }
  }
  return { scores, failed };
}

async function answerTo(question) {
  let longest;
  const broken = new Promise((_, reject) => {
    breaks = reject;
    longest = setTimeout(() => reject(new Error(`no answer within ${LONGEST / 1000} seconds`)), LONGEST);
  });
  try {
    return await Promise.race([ask(question), broken]);
  } catch (error) {
    await endBrowser();
    return { error: String(error?.stack ?? error) };
  } finally {
    clearTimeout(longest);
    breaks = () => {};
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answerTo(JSON.parse(line)))}\n`);
}
await endBrowser();
// A question that was given up may still wait for its browser.
process.exit(0);
