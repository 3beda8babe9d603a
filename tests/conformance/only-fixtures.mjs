// Of what failed in a run of the suite, is every failure one that may be?
//
//     only-fixtures.mjs <output folder of the suite> <revision> <path of the endpoint>
//
// At the product's endpoints a failure may only want a fixture: a tool, a prompt or a resource of the suite's own. Where the
// fixtures are, there and behind the gateway, nothing may fail that is required.
import fs from "node:fs";
import path from "node:path";

const FIXTURE = [
  /there is no (tool|prompt) `test_/,
  /there is nothing (at|to watch at) test:\/\//,
  /^Tool 'json_schema_2020_12_tool' not found/,
  /^Not testable: server (does not list the diagnostic tool|exposes no tool with x-mcp-header)/,
  // Follow from a missing `test_input_required_result_…`.
  /^Prerequisite failed: could not get initial InputRequiredResult/,
  /^Expected InputRequiredResult with inputRequests and requestState/,
  /^Server returned JSON-RPC error instead of re-requesting via InputRequiredResult/,
];
// Not required of a server by either revision: extensions we do not declare, and what the suite's own server cannot do yet.
const EXTENSIONS = /^server-(tasks-|http-custom-header-server-validation|sse-polling)/;
// So many scenarios are required; fewer were not run.
const REQUIRED = { "2026-07-28": 37, "2025-11-25": 30 };

const [folder, revision, endpoint] = process.argv.slice(2);
const known = ["/mcp/fixtures", "/mcp/suite"].includes(endpoint) ? [] : FIXTURE;
let others = 0;
let seen = 0;
for (const name of fs.readdirSync(folder).sort()) {
  const file = path.join(folder, name, "checks.json");
  if (!fs.existsSync(file)) continue;
  if (EXTENSIONS.test(name)) continue;
  const checks = JSON.parse(fs.readFileSync(file, "utf8"));
  // A scenario without a check shows nothing.
  if (checks.length > 0) seen += 1;
  for (const check of checks) {
    const message = check.errorMessage ?? "";
    if (check.status === "FAILURE" && !known.some((one) => one.test(message))) {
      console.error(`${name} ${check.id}: ${message}`);
      others += 1;
    }
  }
}
if (seen < REQUIRED[revision]) {
  console.error(`only ${seen} scenarios were run, and ${REQUIRED[revision]} are required`);
  others += 1;
}
process.exit(others === 0 ? 0 : 1);
