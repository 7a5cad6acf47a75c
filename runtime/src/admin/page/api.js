// The daemon's API: requests, the token, and server-sent events. They are read by fetch, since an EventSource cannot
// send a token in a header, and a token never stands in an address.

const KEY = "sluice.token";

/** What the daemon refused, or that it did not answer: `status` is 0 then. */
export class ApiError extends Error {
  constructor(status, title, detail) {
    super(detail || title || `the daemon answered ${status}`);
    this.status = status;
    this.title = title;
  }

  /** Returns whether another token would help. */
  get wantsToken() {
    return this.status === 401 || this.status === 403;
  }
}

/** Takes the token from the address behind `#token=`, where `sluice dev --page` puts it, and removes it from there. */
export function takeTokenFromAddress() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return;
  setToken(decodeURIComponent(match[1]));
  history.replaceState(null, "", location.pathname);
}

export function hasToken() {
  return sessionStorage.getItem(KEY) !== null;
}

export function setToken(token) {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

/** Returns the path of a pipeline below the API, with what is behind it; each part is escaped. */
export function pipelinePath(name, ...parts) {
  return ["pipelines", name, ...parts].map(encodeURIComponent).join("/");
}

export function get(path, signal) {
  return request("GET", path, undefined, signal).then((response) => response.json());
}

export function post(path, body = {}) {
  return request("POST", path, body).then((response) => response.json());
}

export function remove(path) {
  return request("DELETE", path);
}

/** Calls `on(event, data)` for each event until the stream ends or `signal` aborts it. */
export async function stream(path, signal, on) {
  const response = await request("GET", path, undefined, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) dispatch(block, on);
  }
}

function dispatch(block, on) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  if (data.length > 0) on(name, JSON.parse(data.join("\n")));
}

async function request(method, path, body, signal) {
  const token = sessionStorage.getItem(KEY);
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  const options = { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store" };
  const response = await fetch(`/api/v1/${path}`, options).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "No answer", "the daemon does not answer");
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(response.status, problem.title, problem.detail);
}
