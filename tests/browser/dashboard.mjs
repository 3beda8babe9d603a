// The dashboard in a real browser: every page in light on a desk and in dark on a phone, every action by its button and its effect in the
// journal, the keyboard, what happens without loading again, accessibility (axe).
//
//     node tests/browser/dashboard.mjs <xmrt> <folder for screenshots>
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [program, shots] = process.argv.slice(2);
const need = createRequire(path.join(process.env.XMRT_BROWSER_PACKAGES, "package.json"));
const { chromium } = need("playwright-core");
const AXE = fs.readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");

const TOKEN = "the admin token of the browser";
const SECRET = "the github secret of the browser";
const PAGE_BYTES_MAX = 100 * 1024;
const PATIENCE_MS = 20_000;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xmrt-browser-"));
const processes = [];

// Starts one of ours and gives its address.
async function start(name, args, environment) {
  const log = fs.openSync(path.join(folder, `${name}.log`), "w");
  const child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", log] });
  processes.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(/http:\/\/127\.0\.0\.1:\d+/);
    if (found) return found[0];
  }
  throw new Error(`${name} does not start: ${fs.readFileSync(path.join(folder, `${name}.log`), "utf8")}`);
}

async function until(what, ask) {
  const begun = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() - begun < PATIENCE_MS, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

let sandbox, url;
const post = (to, body) => fetch(to, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const api = async (where) => (await fetch(`${url}/api/v1/${where}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json();
const measure = async (wish) => {
  const answer = await fetch(`${url}/api/v1/insights`, { method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` }, body: JSON.stringify(wish) });
  assert.equal(answer.status, 200, await answer.text());
};
const effects = async (operation) => {
  const told = await (await fetch(`${sandbox}/_sandbox/effects`)).json();
  return (told.effects ?? told).filter((effect) => effect.operation === operation).length;
};

async function deliver(id, action, number, title = `Issue ${number}`) {
  const body = JSON.stringify({
    action,
    issue: { number, title, body: "It broke <script>alert(1)</script>.", state: "open", user: { login: "alice" }, labels: [] },
    label: { name: "wontfix" },
    repository: { full_name: "acme/api", name: "api", owner: { login: "acme" }, default_branch: "main" },
    sender: { login: "alice", type: "User" },
  });
  const signature = `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
  const headers = { "content-type": "application/json", "x-github-event": "issues", "x-github-delivery": id, "x-hub-signature-256": signature };
  const answer = await fetch(`${url}/webhooks/github`, { method: "POST", headers, body });
  assert.equal(answer.status, 202, await answer.text());
}

// The run of a rule, once it is in such a state.
const run = (rule, state) =>
  until(`a run of ${rule} that is ${state}`, async () => {
    const { runs } = await api(`runs?rule=${rule}`);
    return runs.find((one) => one.state === state);
  });
const stateOf = async (id) => (await api(`runs/${id}`)).state;

async function story() {
  const render = `whsec_${Buffer.from("the render secret of the browser").toString("base64")}`;
  const environment = {
    PATH: process.env.PATH, XMRT_DATA_DIR: path.join(folder, "data"), XMRT_RULES: path.join(folder, "rules"),
    XMRT_CONFIG: path.join(folder, "xmrt.toml"), XMRT_ADMIN_TOKEN: TOKEN, GITHUB_TOKEN: "the github token of the browser",
    GITHUB_CLIENT_ID: "Iv1.the-browser", GITHUB_CLIENT_SECRET: "the client secret of the browser",
    GITHUB_WEBHOOK_SECRET: SECRET, RENDER_API_KEY: "the render key of the browser", RENDER_WEBHOOK_SECRET: render,
  };
  fs.cpSync(new URL("rules", import.meta.url).pathname, environment.XMRT_RULES, { recursive: true });
  fs.writeFileSync(environment.XMRT_CONFIG, `[limits]
settle_ms = 60

[role.triage]
allow = ["github.*"]
approval = ["github.close_issue"]
repos = ["acme/api"]

[[agent]]
id = "scout"
role = "triage"

[[agent]]
id = "ranger"
role = "triage"
github_login = "acme-ranger"

[[person]]
github_login = "vera-whose-name-is-as-long-as-can-be-ok"
level = "viewer"

[[person]]
github_login = "olga"
level = "operator"
roles = ["maintainer"]
name = "alice"
`);
  sandbox = await start("sandbox", ["sandbox", "--listen", "127.0.0.1:0"], environment);
  Object.assign(environment, { GITHUB_API_URL: `${sandbox}/github`, RENDER_API_URL: `${sandbox}/render/v1` });
  const issues = [1, 2, 3, 4, 5, 6, 7].map((number) => ({ repo: "acme/api", number, title: `Issue ${number}`, user: "alice" }));
  await post(`${sandbox}/_sandbox/seed`, {
    github: { repos: [{ full_name: "acme/api" }], issues, labels: [{ repo: "acme/api", name: "bug" }] },
    render: { services: [{ id: "crn-a", name: "nightly", kind: "cron_job" }] },
  });
  await post(`${sandbox}/_sandbox/faults`, { match: { operation: "run_cron_job" }, kind: "reply_lost" });
  url = await start("server", ["serve", "--listen", "127.0.0.1:0"], environment);
}

async function browse() {
  const browser = await chromium.launch({
    executablePath: process.env.XMRT_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  try {
    await doors(browser);
    await empty(browser);
    await deliver("d-crash", "opened", 1, "A crash when saving");
    await deliver("d-quiet", "opened", 2, "A question");
    await deliver("d-label", "labeled", 3);
    await deliver("d-label-2", "labeled", 4);
    await deliver("d-pinned", "pinned", 5);
    await deliver("d-locked", "locked", 6);
    await deliver("d-later", "unlocked", 7);
    await run("label-crashes", "succeeded");
    const dead = await run("comment-on-nothing", "dead");
    const unknown = await run("run-nightly-now", "unknown");
    await until("two questions", async () => (await api("approvals")).approvals.length === 2);
    const pages = ["/", "/events", "/events/d-quiet", "/runs", `/runs/${dead.id}`, `/runs/${unknown.id}`, "/rules",
      "/rules/label-crashes", "/rules/later", "/approvals", "/agents", "/agents/scout", "/agents/ranger", "/insights", "/audit", "/events/nothing"];
    await measure({ kind: "ecosystem" });
    await measure({ kind: "repository", of: "acme/api" });
    await look(browser, "desk", { width: 1280, height: 850 }, "light", pages);
    await look(browser, "phone", { width: 390, height: 800 }, "dark", pages);
    await people(browser);
    const page = await signedIn(browser, { width: 1280, height: 850 }, "light");
    await acts(page, dead, unknown);
    await page.context().close();
  } finally {
    await browser.close();
  }
}

async function signedIn(browser, viewport, colorScheme) {
  const context = await browser.newContext({ viewport, colorScheme });
  const page = await context.newPage();
  page.trouble = [];
  page.on("console", (message) => message.type() === "error" && page.trouble.push(message.text()));
  page.on("pageerror", (error) => page.trouble.push(String(error)));
  await page.goto(`${url}/`);
  await page.fill("#token", TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".numbers");
  return page;
}

// The sign-in page with both doors, before and after somebody was refused at one of them.
async function doors(browser) {
  for (const [name, viewport, colorScheme] of [["desk", { width: 1280, height: 850 }, "light"], ["phone", { width: 390, height: 800 }, "dark"]]) {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    const trouble = [];
    // Of our pages, besides that one of them is a refusal; GitHub's stand-in has no icon.
    const counts = (message) => message.type() === "error" && message.location().url.startsWith(url) && !/403/.test(message.text());
    page.on("console", (message) => counts(message) && trouble.push(message.text()));
    await page.goto(`${url}/rules`);
    await seen(page, `${name}-sign-in`);
    await agree(page, "mallory");
    assert.match(await page.textContent("[role=alert]"), /mallory cannot sign in/);
    await seen(page, `${name}-sign-in-refused`);
    assert.deepEqual(trouble, [], `${name}: errors in the console`);
    await context.close();
  }
}

// By the door of GitHub, as somebody.
async function agree(page, login) {
  await page.getByRole("link", { name: "Sign in with GitHub" }).click();
  await page.fill("input[name=login]", login);
  await page.getByRole("button", { name: "Authorize" }).click();
}

// What people see who are not admin: no button that they may not press, and their own name on what they do.
async function people(browser) {
  const viewer = await (await browser.newContext({ viewport: { width: 390, height: 800 }, colorScheme: "dark" })).newPage();
  await viewer.goto(`${url}/approvals`);
  await agree(viewer, "vera-whose-name-is-as-long-as-can-be-ok");
  await viewer.waitForURL(`${url}/approvals`);
  for (const where of ["/", "/approvals", "/agents/scout", "/rules/label-crashes", "/events/d-crash"]) {
    await viewer.goto(url + where);
    const buttons = await viewer.locator("main button:visible").allTextContents();
    assert.deepEqual(buttons.filter((text) => !["Explain", "Ask"].includes(text)), [], where);
    await seen(viewer, `viewer${where.replaceAll("/", "-")}`);
  }
  await viewer.context().close();
  const operator = await (await browser.newContext({ viewport: { width: 1280, height: 850 }, colorScheme: "light" })).newPage();
  await operator.goto(`${url}/approvals`);
  await agree(operator, "olga");
  await operator.waitForURL(`${url}/approvals`);
  await seen(operator, "operator-approvals");
  assert.match(await operator.textContent("main"), /You answer as github:olga, known as alice, with the role maintainer/);
  assert.equal(await operator.getByLabel("You are").count(), 0);
  await operator.getByRole("button", { name: "Sign out" }).click();
  await operator.waitForSelector("#token");
  await operator.context().close();
}

// A page as it is: no wider than the window, accessible.
async function seen(page, name) {
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  const wider = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `${name} is ${wider} pixels wider than the window`);
  // The policy forbids scripts in pages, and evaluating here is not one.
  const found = await page.evaluate(`${AXE}; axe.run().then((found) => found.violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")))`);
  assert.deepEqual(found, [], `${name}: accessibility`);
}

// What is not there yet says what to do next.
async function empty(browser) {
  const page = await signedIn(browser, { width: 1280, height: 850 }, "light");
  const says = { "/": "wait for their first event", "/events": "/webhooks/github", "/runs": "No rule has fired yet", "/approvals": "Nothing waits", "/insights": "Nothing was measured yet", "/audit": "dashboard.login" };
  for (const [where, words] of Object.entries(says)) {
    await page.goto(url + where);
    assert.ok((await page.textContent("main")).includes(words), `${where} says ${words}`);
  }
  await page.context().close();
}

async function look(browser, name, viewport, scheme, pages) {
  const page = await signedIn(browser, viewport, scheme);
  for (const where of pages) {
    const answer = await page.goto(url + where);
    const bytes = (await answer.body()).length;
    assert.equal(answer.status(), where.endsWith("/nothing") ? 404 : 200, where);
    assert.ok(bytes <= PAGE_BYTES_MAX, `${where} has ${bytes} bytes`);
    await page.waitForFunction(() => document.getElementById("pulse").textContent === "Live");
    await seen(page, `${name}${where.replaceAll(/[^a-z0-9-]/gi, "-").slice(0, 30)}`);
  }
  const expected = /404/;
  assert.deepEqual(page.trouble.filter((text) => !expected.test(text)), [], `${name}: errors in the console`);
  await page.context().close();
}

const said = (page) => page.textContent(".said");

async function acts(page, dead, unknown) {
  // Approvals: the call is shown, one is approved and made, the other is rejected and not made.
  await page.goto(`${url}/approvals`);
  assert.equal(await page.locator("main .card").count(), 2);
  const first = page.locator("main .card").first();
  const approved = await first.getAttribute("id");
  assert.match(await first.textContent(), /github\.close_issue.*acme\/api/s);
  await first.getByLabel("Why").fill("it is a duplicate");
  await first.getByRole("button", { name: "Approve this call" }).click();
  assert.match(await said(page), /Approved/);
  await until("the approved call", async () => (await stateOf(approved)) === "succeeded");
  assert.equal(await effects("update_issue"), 1);
  const { steps } = await api(`runs/${approved}`);
  assert.deepEqual([steps[0].approval.answer.who, steps[0].approval.answer.why], ["admin", "it is a duplicate"]);

  await page.goto(`${url}/approvals`);
  const second = page.locator("main .card").first();
  const rejected = await second.getAttribute("id");
  await second.getByLabel("You are").fill("mallory");
  await second.getByRole("button", { name: "Approve this call" }).click();
  assert.match(await page.textContent("main"), /Somebody else has to say this/);
  await page.goto(`${url}/approvals`);
  await page.locator("main .card").first().getByRole("button", { name: "Reject" }).click();
  assert.match(await said(page), /Rejected/);
  await until("the rejected run", async () => (await stateOf(rejected)) === "declined");
  assert.equal(await effects("update_issue"), 1);

  // A run that nobody can tell about, one that is dead, one that waits.
  await page.goto(`${url}/runs/${unknown.id}`);
  await page.getByRole("button", { name: "It had: go on" }).click();
  assert.match(await said(page), /word is on record/);
  await until("the resolved run", async () => (await stateOf(unknown.id)) === "succeeded");
  await page.goto(`${url}/runs/${dead.id}`);
  await page.getByRole("button", { name: "Retry" }).click();
  assert.match(await said(page), /new run/);
  assert.notEqual(page.url().split("/").pop().split("?")[0], dead.id);
  await until("the run made again", async () => (await api("runs?rule=comment-on-nothing")).runs.length === 2);
  const waiting = await run("later", "delayed");
  await page.goto(`${url}/runs/${waiting.id}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.match(await said(page), /cancelled/);
  assert.equal(await stateOf(waiting.id), "cancelled");

  // An event again.
  await page.goto(`${url}/events/d-crash`);
  await page.getByRole("button", { name: "Replay" }).click();
  assert.match(await said(page), /evaluated again/);

  // A rule: paused and resumed, explained, changed and tried.
  await page.goto(`${url}/rules/label-crashes`);
  assert.match(await page.textContent("#near"), /A question|acme\/api#2/);
  await page.getByRole("button", { name: "Pause" }).click();
  assert.match(await said(page), /stands still/);
  assert.deepEqual((await api("pauses")).pauses.map((pause) => pause.what), ["rule:label-crashes"]);
  await page.getByRole("button", { name: "Resume" }).first().click();
  assert.deepEqual((await api("pauses")).pauses, []);
  await page.goto(`${url}/rules/label-crashes`);
  await page.getByLabel("Its delivery id").fill("d-quiet");
  await page.getByRole("button", { name: "Explain" }).click();
  assert.match(page.url(), /\/events\/d-quiet\?rule=label-crashes/);
  assert.match(await page.textContent(".conditions .failed"), /issue\.title/);
  await page.goto(`${url}/rules/label-crashes`);
  const source = await page.inputValue("#text");
  await page.fill("#text", source.replace("issue.title", "issue.titel"));
  await page.getByRole("button", { name: "Try it" }).click();
  assert.match(await page.textContent("#tried .noted"), /titel.*title/s);
  await page.fill("#text", source.replace('"crash"', '"question"'));
  await page.getByRole("button", { name: "Try it" }).click();
  assert.match(await page.textContent("#tried"), /it would have acted 1 times instead of 1/);
  assert.match(await page.textContent("#tried"), /Newly on 1 event.*No more on 1 event/s);
  assert.equal((await api("rules/label-crashes")).text, source, "nothing was changed");

  // An agent: a token that opens the door and is taken back, a question about its role, a pause; all of it in the trail.
  const door = async (token) => {
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", authorization: `Bearer ${token}` };
    const hello = { jsonrpc: "2.0", id: 1, method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "browser", version: "1" } } };
    return (await fetch(`${url}/mcp`, { method: "POST", headers, body: JSON.stringify(hello) })).status;
  };
  await page.goto(`${url}/agents/scout`);
  await page.getByRole("button", { name: "Make a token" }).click();
  const token = (await page.textContent("#token pre")).trim();
  assert.equal(await door(token), 200);
  await page.goto(`${url}/agents/scout`);
  assert.equal(await page.locator("#token").count(), 0, "it is shown once");
  await page.getByRole("button", { name: "Take back" }).click();
  assert.match(await said(page), /taken back/);
  assert.equal(await door(token), 401);
  await page.getByLabel("Tool").fill("github.create_issue");
  await page.getByLabel("Arguments").fill('{"repo": "other/place", "title": "x"}');
  await page.getByRole("button", { name: "Ask" }).click();
  assert.match(await page.textContent("#asked"), /It may not\..*other\/place/s);
  await page.getByRole("button", { name: "Pause" }).click();
  assert.match(await said(page), /stands still/);
  assert.deepEqual((await api("pauses")).pauses.map((pause) => pause.what), ["agent:scout"]);
  await page.getByRole("button", { name: "Resume" }).first().click();
  assert.deepEqual((await api("pauses")).pauses, []);
  await page.goto(`${url}/audit`);
  await page.getByLabel("Who").fill("admin");
  await page.getByLabel("What").fill("agent.*");
  await page.getByRole("button", { name: "Show" }).click();
  assert.match(await page.textContent("#audit"), /agent\.revoke scout.*done.*agent\.token scout.*done/s);

  await page.goto(`${url}/insights`);
  await page.getByLabel("Name of a repository").fill("acme/api");
  const before = (await api("insights?kind=repository")).insights[0].measured_at;
  await page.getByRole("button", { name: "Measure", exact: true }).last().click();
  assert.match(await said(page), /measured just now/);
  assert.notEqual((await api("insights?kind=repository")).insights[0].measured_at, before);

  // Without loading again: what comes in is there.
  await page.goto(`${url}/`);
  await page.waitForFunction(() => document.getElementById("pulse").textContent === "Live");
  await page.evaluate(() => (window.stayed = true));
  await deliver("d-live", "opened", 2, "Came in while it was open");
  await page.waitForSelector('a[href="/events/d-live"]');
  assert.ok(await page.evaluate(() => window.stayed), "the page was not loaded again");

  // By keyboard.
  for (const [key, where] of [["e", "/events"], ["r", "/runs"], ["u", "/rules"], ["a", "/approvals"], ["g", "/agents"], ["i", "/insights"], ["t", "/audit"], ["n", "/"]]) {
    await page.keyboard.press("g");
    await Promise.all([page.waitForURL(url + where), page.keyboard.press(key)]);
  }
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForSelector("#token");
  await page.goto(`${url}/rules`);
  await page.waitForSelector("#token");
}

try {
  await story();
  await browse();
  console.log(`every page and action of the dashboard holds; screenshots in ${shots}`);
} catch (error) {
  console.error(error);
  const log = path.join(folder, "server.log");
  if (fs.existsSync(log)) console.error(fs.readFileSync(log, "utf8").split("\n").slice(-30).join("\n"));
  process.exitCode = 1;
} finally {
  for (const child of processes) child.kill();
  await Promise.all(processes.map((child) => child.exitCode ?? new Promise((done) => child.once("exit", done))));
  fs.rmSync(folder, { recursive: true });
}
