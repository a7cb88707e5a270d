// What the page asks its server, and what is said when that fails.

let token = stored();

export function useToken(value) {
  token = value;
  try { sessionStorage.setItem("token", value); } catch { /* until the page is left */ }
}

export class Failure extends Error {
  constructor(message, status, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
  // Whether the same may go well a little later.
  get passing() { return [0, 429, 503].includes(this.status); }
}

export async function get(path) {
  return reached((await ask(path, { headers: headers() })).json());
}

export async function post(path, body, signal) {
  return reached((await ask(path, request(body, signal))).json());
}

// Each line of the answer, as it comes; one of them has what was asked for.
export async function* lines(path, body, signal) {
  const answer = await ask(path, request(body, signal));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", complete = false;
  for (;;) {
    const { done, value } = await reached(reader.read());
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) {
      const line = JSON.parse(part);
      if (line.error) throw new Failure(line.error, line.status);
      complete ||= Boolean(line.result || line.path);
      yield line;
    }
  }
  if (!complete) throw unreachable();
}

// A form with a file; tells how much has been sent.
export function headers(more = {}) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

function request(body, signal) {
  if (body instanceof FormData) return { method: "POST", headers: headers(), body, signal };
  const type = { "Content-Type": "application/json" };
  return { method: "POST", headers: headers(type), body: JSON.stringify(body), signal };
}

async function ask(path, options) {
  const answer = await reached(fetch(path, options));
  if (answer.ok) return answer;
  let said = answer.statusText; // nothing, over HTTP/2
  try { said = (await answer.json()).error; } catch { /* a proxy's page */ }
  throw new Failure(said || `Error ${answer.status}`, answer.status, Number(answer.headers.get("Retry-After")));
}

// What the end of a connection may cut off.
function reached(coming) {
  return coming.catch((error) => { throw error.name === "AbortError" ? error : unreachable(); });
}

const unreachable = () => new Failure("The server cannot be reached.", 0, 2);

function stored() {
  try { return sessionStorage.getItem("token") ?? ""; } catch { return ""; }
}
