// Asks Taplo's language server, which is what "Even Better TOML" runs, to complete keys in a rule file, as an editor would.
//
//     node complete.mjs <folder with a rules/ folder and docs/rule.schema.json>
//
// Exits 1 and says what is missing if a key of the language is not offered where it belongs.
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isAbsolute } from "node:path";

// The packages are installed where the command runs.
const { TaploLsp } = createRequire(`${process.cwd()}/`)("@taplo/lsp");
const [folder] = process.argv.slice(2);
const DEADLINE_MS = 30_000;

// The text up to the cursor, and what must be offered there. Below a header of several keys inside of a list, as
// `[test.state.github]`, Taplo panics for any schema; that `state` is known to it is seen by what it refuses.
const CASES = [
  { name: "keys of a rule", text: 'description = "d"\n', wanted: ["on", "mode", "when", "limits", "action", "concurrency", "cron"] },
  { name: "keys of [limits]", text: 'description = "d"\non = "github.push"\n\n[limits]\n', wanted: ["cooldown", "rate", "max_age", "debounce"] },
  {
    name: "keys of [[action]]",
    text: 'description = "d"\non = "github.push"\n\n[[action]]\n',
    wanted: ["tool", "arguments", "if", "timeout", "for_each"],
  },
];

const waiting = new Map();
let last = 0;

function onMessage(message) {
  if (message.method && message.id !== undefined) {
    // It asks for its configuration: there is none.
    const result = message.method === "workspace/configuration" ? message.params.items.map(() => null) : null;
    send({ id: message.id, result });
  } else if (message.id !== undefined) {
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  }
}

const server = await TaploLsp.initialize(
  {
    now: () => new Date(),
    envVar: (name) => process.env[name],
    envVars: () => Object.entries(process.env),
    stdErrAtty: () => false,
    stdin: async () => new Uint8Array(),
    stdout: async (bytes) => bytes.length,
    stderr: async (bytes) => bytes.length,
    glob: () => [],
    readFile: (path) => readFile(path),
    writeFile: async () => {},
    urlToFilePath: (url) => fileURLToPath(url),
    isAbsolute,
    cwd: () => folder,
    findConfigFile: () => undefined,
  },
  { onMessage },
);

function send(message) {
  server.send({ jsonrpc: "2.0", ...message });
}

function ask(method, params) {
  const id = ++last;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    send({ id, method, params });
  });
}

function fail(why) {
  console.error(`complete.mjs: ${why}`);
  process.exit(1);
}

setTimeout(() => fail(`no answer within ${DEADLINE_MS} ms`), DEADLINE_MS).unref();

const root = pathToFileURL(folder).href;
await ask("initialize", {
  processId: process.pid,
  rootUri: root,
  workspaceFolders: [{ uri: root, name: "rules" }],
  capabilities: { workspace: { configuration: true, workspaceFolders: true } },
});
send({ method: "initialized", params: {} });

const head = "#:schema ../docs/rule.schema.json\n";
for (const [at, { name, text, wanted }] of CASES.entries()) {
  const uri = `${root}/rules/completed-${at}.toml`;
  const whole = head + text;
  send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "toml", version: 1, text: whole } } });
  const line = whole.split("\n").length - 1;
  let missing = wanted;
  // The schema is read when the file is opened: until then nothing is offered.
  while (missing.length > 0) {
    const answer = await ask("textDocument/completion", { textDocument: { uri }, position: { line, character: 0 } });
    const items = answer.result?.items ?? answer.result ?? [];
    const offered = new Set(items.map((item) => item.label));
    const still = wanted.filter((key) => !offered.has(key));
    if (offered.size > 0 && still.length > 0) fail(`${name}: not offered: ${still.join(", ")}; offered: ${[...offered].join(", ")}`);
    missing = offered.size > 0 ? still : wanted;
    if (missing.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(`completes ${name}: ${wanted.join(", ")}`);
}
process.exit(0);
