// Asks the service; every failure is an Error whose message is a sentence for the reader.

const PATIENCE_MILLISECONDS = 20_000; // more than the service's own deadline

let key = "";

/** The API key of all later requests; it is kept nowhere but in this page's memory. */
export function useKey(given) {
  key = given.trim();
}

/** The service refused; `code` and `param` are those of its error. */
export class Refusal extends Error {
  constructor(status, error, retrySeconds) {
    super(sentence(error?.message ?? `the service answered with status ${status}`));
    Object.assign(this, { status, code: error?.code ?? "", param: error?.param ?? "", retrySeconds });
  }

  get isPassing() {
    return [429, 502, 503, 504].includes(this.status);
  }
}

/** No answer came: the service is down, or the way to it. */
export class Unreachable extends Error {
  retrySeconds = 0;
  isPassing = true;
}

/** The JSON at `path`, asked by POST if there is a body. Rejects with the signal's AbortError when it is aborted. */
export async function fetchJson(path, { body, signal } = {}) {
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  const patience = AbortSignal.timeout(PATIENCE_MILLISECONDS);
  let response;
  let reply;
  try {
    response = await fetch(path, {
      headers,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    reply = await response.json().catch((error) => {
      if (error instanceof SyntaxError) return null; // a proxy's page in place of JSON
      throw error;
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable("The service does not answer. Is it still running?");
  }
  if (response.ok && reply) return reply;
  throw new Refusal(response.status, reply?.error, Number(response.headers.get("retry-after")) || 0);
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
