// Of what failed in a run of the suite, is every failure one that only wants a fixture (a tool, a prompt or a resource of the
// suite's own), or a capability that we do not offer and say so?
//
//     only-fixtures.mjs <output folder of the suite>
import fs from "node:fs";
import path from "node:path";

const FIXTURE = [
  /there is no (tool|prompt) `test_/,
  /there is nothing at test:\/\//,
  /^Tool 'json_schema_2020_12_tool' not found/,
  /^Not testable: server (does not list the diagnostic tool|exposes no tool with x-mcp-header)/,
  // Follow from a missing `test_input_required_result_…`.
  /^Prerequisite failed: could not get initial InputRequiredResult/,
  /^Expected InputRequiredResult with inputRequests and requestState/,
  /^Server returned JSON-RPC error instead of re-requesting via InputRequiredResult/,
  // Not offered: both are gone in 2026-07-28, and we neither log to clients nor announce changes of resources.
  /^Failed: (MCP error -32601: )?(logging\/setLevel|resources\/(un)?subscribe)$/,
];
// Not required of a server by either revision: extensions we do not declare.
const EXTENSIONS = /^server-(tasks-|http-custom-header-server-validation)/;

const [folder] = process.argv.slice(2);
let others = 0;
let seen = 0;
for (const name of fs.readdirSync(folder).sort()) {
  const file = path.join(folder, name, "checks.json");
  if (!fs.existsSync(file)) continue;
  seen += 1;
  if (EXTENSIONS.test(name)) continue;
  for (const check of JSON.parse(fs.readFileSync(file, "utf8"))) {
    const message = check.errorMessage ?? "";
    if (check.status === "FAILURE" && !FIXTURE.some((known) => known.test(message))) {
      console.error(`${name} ${check.id}: ${message}`);
      others += 1;
    }
  }
}
if (seen < 30) {
  console.error(`only ${seen} scenarios were run`);
  others += 1;
}
process.exit(others === 0 ? 0 : 1);
