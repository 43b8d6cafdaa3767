// Sends one file by the tus protocol: goes on after a lost connection, and after the page was closed.
import "../vendor/tus-js-client/tus.min.js";
import { headers, prefix, Refusal, send, unreachable } from "./api.js";

const { tus } = window;
const DELAYS = [0, 1000, 2000, 4000, 8000, ...Array(240).fill(15000)]; // an hour without any progress
const LARGEST_HASHED = 512 * 1024 * 1024; // bytes: a browser hashes only what is in memory
const REPEATED = [0, 408, 409, 423, 429];

const key = (item, { file, path }) => ["registry", item, path, file.size, file.lastModified].join("|");

// Return the names of files of this item whose uploads were interrupted.
export async function interrupted(item) {
  const known = await tus.defaultOptions.urlStorage.findAllUploads();
  return known.filter((each) => each.urlStorageKey.includes(`registry|${item}|`)).map((each) => each.metadata.path);
}

function refusalOf(error) {
  const response = error.originalResponse;
  if (!response) return unreachable();
  try {
    const { message, details } = JSON.parse(response.getBody());
    return new Refusal(message, details, response.getStatus());
  } catch {
    return new Refusal("The registry's response is not valid JSON.", `Its status is ${response.getStatus()}.`);
  }
}

export class Transfer {
  constructor(item, entry, metadata, watch) {
    this.finished = new Promise((resolve, reject) => {
      this.reject = reject;
      this.upload = new tus.Upload(entry.file, {
        endpoint: `${prefix}/uploads`,
        headers,
        metadata: { path: entry.path, ...(entry.file.type && { filetype: entry.file.type }), ...metadata },
        retryDelays: DELAYS,
        fingerprint: async () => key(item, entry),
        removeFingerprintOnSuccess: true,
        onShouldRetry: (error) => {
          const status = error.originalResponse?.getStatus() ?? 0;
          return REPEATED.includes(status) || status >= 500;
        },
        onProgress: watch,
        onSuccess: () => resolve(this.upload.url.split("/").pop()),
        onError: (error) => reject(refusalOf(error)),
      });
    });
  }

  async start() {
    const [previous] = await this.upload.findPreviousUploads();
    if (previous) this.upload.resumeFromPreviousUpload(previous);
    this.upload.start();
    return this.finished;
  }

  pause() {
    return this.upload.abort();
  }

  resume() {
    this.upload.start();
  }

  async cancel() {
    this.reject(new Refusal("The upload was cancelled.", "Nothing was stored."));
    await this.upload.abort(true).catch(() => {}); // it expires
  }
}

// Return the version of the item that has the file's bytes, if there is one that the user may read.
export async function stored(route, file) {
  const query = new URLSearchParams({
    filter: JSON.stringify({ size: file.size }),
    select: JSON.stringify(["ordinal", "original", "sha256"]),
    limit: 100,
  });
  const { docs } = await send("GET", `${route}?${query}`);
  if (!docs.length || file.size > LARGEST_HASHED || !crypto.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return docs.find((version) => version.sha256 === sha256);
}
