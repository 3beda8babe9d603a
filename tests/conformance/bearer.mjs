// Puts the bearer token before a server for clients that cannot send one, and changes nothing else: host, origin and
// bodies pass as they are.
//
//     bearer.mjs <port of the server> <path>     prints the port it listens on
import http from "node:http";

const [port, path] = process.argv.slice(2);
const server = http.createServer((request, response) => {
  const headers = { ...request.headers, authorization: `Bearer ${process.env.XMRT_ADMIN_TOKEN}` };
  // The server knows itself under its own port.
  if (headers.host?.endsWith(`:${server.address().port}`)) {
    headers.host = headers.host.replace(/:\d+$/, `:${port}`);
  }
  const query = request.url.includes("?") ? request.url.slice(request.url.indexOf("?")) : "";
  const target = { host: "127.0.0.1", port, method: request.method, path: path + query, headers };
  const passed = http.request(target, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
  });
  passed.on("error", (error) => {
    response.writeHead(502);
    response.end(String(error));
  });
  response.on("close", () => passed.destroy());
  request.pipe(passed);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
